/* semget(2), semop(2), semctl(2): values, atomic groups of operations, waiting, timeouts, signals, undo at exit, removal under waiters. */
#include "../guest.h"
#include <sys/ipc.h>
#include <sys/sem.h>

union semun { int val; struct semid_ds *buf; unsigned short *array; struct seminfo *info; };
static int id;
static int op1(int n, int by, int flags)
{
    struct sembuf s = { n, by, flags };
    return semop(id, &s, 1);
}
static void values(const char *label)
{
    unsigned short a[4] = { 9, 9, 9, 9 };
    union semun u = { .array = a };
    if (semctl(id, 0, GETALL, u) < 0) say("%s: %s\n", label, ename(errno));
    else say("%s: %d %d %d %d\n", label, a[0], a[1], a[2], a[3]);
}
static int set(int n, int value)
{
    union semun u = { .val = value };
    return semctl(id, n, SETVAL, u);
}
static void handler(int s UNUSED) {}

int main(void)
{
    fresh();
    key_t key = 0x5b5b0000 + getpid();
    t(semget(key, 4, 0));
    t(semget(key, 0, IPC_CREAT | 0600));
    t(semget(key, -1, IPC_CREAT | 0600));
    t(semget(key, 32001, IPC_CREAT | 0600));
    id = must(semget(key, 4, IPC_CREAT | IPC_EXCL | 0600));
    v(semget(key, 0, 0) == id);
    v(semget(key, 4, 0) == id);
    t(semget(key, 5, 0));
    t(semget(key, 4, IPC_CREAT | IPC_EXCL));
    values("new");

    ok(op1(0, 3, 0));
    ok(op1(0, -2, 0));
    t(op1(0, -2, IPC_NOWAIT));
    t(op1(0, 0, IPC_NOWAIT));
    t(op1(4, 1, 0));
    t(op1(0, 32767, 0));
    t(semop(id, 0, 0));
    t(semop(-1, 0, 1));
    struct sembuf many[501] = { 0 };
    t(semop(id, many, 501));
    t(semop(id, (void *)8, 1));
    values("after single operations");
    struct sembuf group[] = { { 1, 5, 0 }, { 0, -1, 0 }, { 0, 0, 0 }, { 2, -1, IPC_NOWAIT } };
    t(semop(id, group, 4));
    values("nothing of a group that cannot be");
    ok(semop(id, group, 3));
    values("all of one that can");
    ok(set(3, 32767));
    t(set(3, 32768));
    t(set(4, 1));
    t(semctl(id, 1, GETVAL));
    v(semctl(id, 1, GETPID) == getpid());

    pid_t a = spawn({ say("grower: %d\n", op1(2, -2, 0)); });
    pid_t b = spawn({ say("zero: %d\n", op1(1, 0, 0)); });
    settle(a);
    settle(b);
    v(semctl(id, 2, GETNCNT));
    v(semctl(id, 2, GETZCNT));
    v(semctl(id, 1, GETZCNT));
    ok(op1(2, 1, 0));
    v(semctl(id, 2, GETNCNT));
    must(op1(2, 1, 0));
    reap(a, "grower");
    must(op1(1, -5, 0));
    reap(b, "zero");
    v(semctl(id, 2, GETNCNT));
    values("both were served");

    struct timespec ts = { 0, 30000000 };
    struct sembuf s = { 2, -1, 0 };
    long begin = now_ms();
    t(semtimedop(id, &s, 1, &ts));
    v(now_ms() - begin >= 29);
    ts.tv_nsec = 1000000000;
    t(semtimedop(id, &s, 1, &ts));
    on(SIGALRM, handler, SA_RESTART);
    struct itimerval it = { { 0, 0 }, { 0, 30000 } };
    setitimer(ITIMER_REAL, &it, 0);
    t(op1(2, -1, 0));
    v(semctl(id, 2, GETNCNT));

    ok(set(0, 5));
    reap(spawn({ op1(0, -3, SEM_UNDO); op1(1, 2, SEM_UNDO); values("in the child"); }), "with undo");
    values("taken back");
    a = spawn({ op1(0, -3, SEM_UNDO); set(0, 1); op1(1, 2, SEM_UNDO); });
    reap(a, "with undo and SETVAL");
    values("SETVAL voids undo");
    ok(set(0, 0));
    a = spawn({ op1(0, 1, SEM_UNDO); pause(); });
    settle(a);
    b = spawn({ say("waits for the undo: %d\n", op1(0, 0, 0)); });
    settle(b);
    v(semctl(id, 0, GETZCNT));
    kill(a, SIGKILL);
    reap(b, "waiter");
    reap(a, "killed");
    values("undone by death");

    unsigned short all[4] = { 1, 2, 3, 4 };
    union semun u = { .array = all };
    ok(semctl(id, 0, SETALL, u));
    values("all set");
    struct semid_ds d;
    u.buf = &d;
    ok(semctl(id, 0, IPC_STAT, u));
    say("mode %o nsems %ld otime %d ctime %d\n", d.sem_perm.mode, (long)d.sem_nsems, d.sem_otime != 0, d.sem_ctime != 0);
    d.sem_perm.mode = 0444;
    ok(semctl(id, 0, IPC_SET, u));
    reap(spawn({
        must(setgid(33));
        must(setuid(33));
        t(semctl(id, 0, GETVAL));
        t(op1(0, 1, 0));
        t(op1(0, 0, IPC_NOWAIT));
        t(set(0, 1));
        t(semctl(id, 0, IPC_RMID));
    }), "another user");
    a = spawn({ t(op1(0, -9, 0)); });
    settle(a);
    must(semctl(id, 0, IPC_RMID));
    reap(a, "its set removed");
    t(op1(0, 1, 0));
    t(semctl(id, 0, GETVAL));
    struct seminfo si;
    u.info = &si;
    v(semctl(0, 0, IPC_INFO, u) >= 0);
    say("semmni %d semmsl %d semopm %d semvmx %d\n", si.semmni, si.semmsl, si.semopm, si.semvmx);
    return 0;
}

/* shmget(2), shmat(2), shmctl(2), semget(2), semop(2), semctl(2), msgget(2), msgsnd(2), msgrcv(2): System V IPC: keys, modes, waits, undo, message
 * types and sizes, removal while in use, permissions. */
#include "../guest.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun { int val; struct semid_ds *buf; unsigned short *array; };
static int op(int id, int n, int d, int f) { struct sembuf b = { n, d, f }; return semop(id, &b, 1); }

int main(void)
{
    fresh();
    say("shared memory\n");
    int id = must(shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600));
    char *a = shmat(id, 0, 0), *b = shmat(id, 0, SHM_RDONLY);
    v(a != (char *)-1 && b != (char *)-1 && a != b);
    strcpy(a, "shared");
    say("%s\n", b);
    struct shmid_ds ds;
    t(shmctl(id, IPC_STAT, &ds));
    say("size %ld attached %ld mode %o creator mine %d uid %d\n", (long)ds.shm_segsz, (long)ds.shm_nattch, ds.shm_perm.mode & 0777, ds.shm_cpid == getpid(), ds.shm_perm.uid);
    pid_t p = spawn({ a[0] = 'S'; shmctl(id, IPC_STAT, &ds); say("child attached %ld\n", (long)ds.shm_nattch); b[0] = 'x'; });
    reap(p, "child writes read-only");
    say("%s\n", b);
    t(shmdt(b));
    t(shmdt(b));
    t(shmdt(a + 1));
    t(shmctl(id, IPC_RMID, 0));
    t(shmctl(id, IPC_STAT, &ds));
    say("removed and still attached: mode %o attached %ld, %s\n", ds.shm_perm.mode & SHM_DEST, (long)ds.shm_nattch, a);
    t(shmat(id, 0, 0) == (void *)-1);
    t(shmdt(a));
    t(shmctl(id, IPC_STAT, &ds));
    t(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    char *at = mmap(0, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(at, 65536);
    id = must(shmget(IPC_PRIVATE, 4096, 0600));
    t(shmat(id, at + 100, 0) == (void *)-1);
    v(shmat(id, at + 100, SHM_RND) == at);
    v(shmat(id, at, 0) == (void *)-1 && errno == EINVAL);
    v(shmat(id, at, SHM_REMAP) == at);
    munmap(at, 4096);
    shmctl(id, IPC_STAT, &ds);
    v(ds.shm_nattch);
    p = spawn({ setuid(1000); t(shmat(id, 0, 0) == (void *)-1); say("  %s\n", ename(errno)); t(shmctl(id, IPC_STAT, &ds)); t(shmctl(id, IPC_RMID, 0)); });
    reap(p, "user");
    shmctl(id, IPC_RMID, 0);

    say("semaphores\n");
    id = must(semget(IPC_PRIVATE, 3, 0600));
    t(semctl(id, 0, GETVAL));
    t(semctl(id, 0, SETVAL, (union semun){ .val = 2 }));
    t(op(id, 0, -1, 0));
    t(op(id, 0, -1, IPC_NOWAIT));
    t(op(id, 0, -1, IPC_NOWAIT));
    t(op(id, 0, 0, IPC_NOWAIT));
    t(op(id, 1, 5, 0));
    t(op(id, 1, 0, IPC_NOWAIT));
    struct sembuf two[2] = { { 1, -5, 0 }, { 2, -1, IPC_NOWAIT } };
    t(semop(id, two, 2));
    t(semctl(id, 1, GETVAL));
    p = spawn({ t(op(id, 0, -3, 0)); say("  child got three\n"); });
    settle(p);
    t(semctl(id, 0, GETNCNT));
    v(semctl(id, 0, GETPID) == getpid());
    op(id, 0, 3, 0);
    reap(p, "child");
    p = spawn({ op(id, 1, -2, SEM_UNDO); op(id, 2, 4, SEM_UNDO); say("  child: %d %d\n", semctl(id, 1, GETVAL), semctl(id, 2, GETVAL)); });
    reap(p, "child");
    say("undone: %d %d\n", semctl(id, 1, GETVAL), semctl(id, 2, GETVAL));
    unsigned short vals[3] = { 7, 8, 9 };
    t(semctl(id, 0, SETALL, (union semun){ .array = vals }));
    memset(vals, 0, sizeof vals);
    t(semctl(id, 0, GETALL, (union semun){ .array = vals }));
    say("%d %d %d\n", vals[0], vals[1], vals[2]);
    t(op(id, 0, 32767, 0));
    t(semctl(id, 0, SETVAL, (union semun){ .val = 40000 }));
    p = spawn({ t(op(id, 0, 0, 0)); });
    settle(p);
    t(semctl(id, 0, GETZCNT));
    semctl(id, 0, SETVAL, (union semun){ .val = 0 });
    reap(p, "waits for zero");
    p = spawn({ errno = 0; op(id, 0, -1, 0); say("removed while waiting: %s\n", ename(errno)); });
    settle(p);
    t(op(id, 3, 1, 0));
    t(semctl(id, 9, GETVAL));
    semctl(id, 0, IPC_RMID);
    reap(p, "waiter");
    t(op(id, 0, 1, 0));

    say("messages\n");
    id = must(msgget(IPC_PRIVATE, 0600));
    struct { long type; char text[64]; } m = { 3, "third" };
    t(msgsnd(id, &m, 6, 0));
    m.type = 1;
    strcpy(m.text, "first");
    t(msgsnd(id, &m, 6, 0));
    m.type = 2;
    strcpy(m.text, "second, longer");
    t(msgsnd(id, &m, 15, 0));
    t(msgrcv(id, &m, 5, 2, 0));
    t(msgrcv(id, &m, 5, 2, MSG_NOERROR));
    say("type %ld %.5s\n", m.type, m.text);
    t(msgrcv(id, &m, 64, -2, 0));
    say("type %ld %s\n", m.type, m.text);
    t(msgrcv(id, &m, 64, 1, IPC_NOWAIT));
    t(msgrcv(id, &m, 64, 3, MSG_EXCEPT | IPC_NOWAIT));
    t(msgrcv(id, &m, 64, 0, 0));
    say("type %ld %s\n", m.type, m.text);
    p = spawn({ long r = msgrcv(id, &m, 64, 9, 0); say("  child: %ld %s\n", r, m.text); });
    settle(p);
    m.type = 8;
    strcpy(m.text, "not for it");
    msgsnd(id, &m, 11, 0);
    m.type = 9;
    strcpy(m.text, "for it");
    msgsnd(id, &m, 7, 0);
    reap(p, "child");
    struct msqid_ds q;
    t(msgctl(id, IPC_STAT, &q));
    say("messages %ld\n", (long)q.msg_qnum);
    m.type = 0;
    t(msgsnd(id, &m, 5, 0));
    m.type = 5;
    t(msgsnd(id, &m, -1, 0));
    t(msgsnd(id, &m, 100000, 0));
    p = spawn({ msgrcv(id, &m, 64, 77, 0); say("removed while waiting: %s\n", ename(errno)); });
    settle(p);
    msgctl(id, IPC_RMID, 0);
    reap(p, "waiter");
    t(msgsnd(id, &m, 5, 0));
    return 0;
}

/* pthread_create(3), pthread_join(3): return values, detach, self-join, ids, many threads, the tids of a
 * process and what they share. */
#include "../guest.h"
#include <pthread.h>

static int shared[64];
static pid_t tids[64];
static __thread int mine;

static void *worker(void *arg)
{
    long i = (long)arg;
    mine = i;
    tids[i] = syscall(SYS_gettid);
    shared[i] = i * i;
    for (int k = 0; k < 3; k++) sched_yield();
    return (void *)(long)(mine == i ? i + 1000 : -1);
}
static void *exits(void *arg) { pthread_exit(arg); }
static void *facts(void *arg)
{
    pid_t main_tid = (long)arg;
    say("thread: pid same %d, tid differs %d, ppid same %d, sid same %d\n", getpid() == main_tid,
        syscall(SYS_gettid) != main_tid, getppid() > 0, getsid(0) == getsid(main_tid));
    close(100);
    chdir("/proc");
    umask(055);
    return 0;
}
static void *joins_back(void *arg) { (void)arg; return (void *)(long)pthread_join(pthread_self(), 0); }

int main(void)
{
    fresh();
    pthread_t th[64], self = pthread_self();
    void *r;
    v(syscall(SYS_gettid) == getpid());
    te(pthread_join(self, 0));
    for (long i = 0; i < 64; i++) if (pthread_create(&th[i], 0, worker, (void *)i)) die("pthread_create");
    long sum = 0, sq = 0;
    int distinct = 1;
    for (int i = 0; i < 64; i++) { pthread_join(th[i], &r); sum += (long)r; sq += shared[i]; }
    for (int i = 0; i < 64; i++) for (int j = 0; j < i; j++) if (tids[i] == tids[j]) distinct = 0;
    say("sum %ld squares %ld distinct tids %d\n", sum, sq, distinct);

    pthread_create(&th[0], 0, exits, (void *)77L);
    pthread_join(th[0], &r);
    say("pthread_exit value %ld\n", (long)r);

    dup2(1, 100);
    pthread_create(&th[0], 0, facts, (void *)(long)getpid());
    pthread_join(th[0], 0);
    char cwd[64];
    t(fcntl(100, F_GETFD));
    say("cwd %s umask %03o\n", getcwd(cwd, 64), umask(022));

    pthread_create(&th[0], 0, joins_back, 0);
    pthread_join(th[0], &r);
    say("a thread joining itself: %s\n", ename((long)r));

    pthread_attr_t at;
    pthread_attr_init(&at);
    pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
    te(pthread_attr_setstacksize(&at, 1));
    te(pthread_attr_setstacksize(&at, 65536));
    pthread_create(&th[0], &at, worker, (void *)5L);
    for (int i = 0; i < 2000; i++) {
        char path[64];
        snprintf(path, 64, "/proc/self/task/%d", tids[5]);
        if (tids[5] != 0 && access(path, F_OK) < 0) break;
        nap(1);
    }
    say("detached thread ran: %d\n", shared[5]);
    for (int round = 0; round < 200; round++) {
        pthread_create(&th[0], 0, worker, (void *)(long)(round % 64));
        pthread_join(th[0], &r);
        if ((long)r != round % 64 + 1000) say("round %d wrong\n", round);
    }
    say("200 rounds\n");
    return 0;
}

/* pthreads(7): hundreds of threads alive at once, waves of creation, a tree of threads, signals and timers meanwhile, heavy use of one
 * allocator, detached threads up to exit. */
#include "../guest.h"
#include <pthread.h>

#define N 300
static pthread_barrier_t bar;
static long total;
static volatile int ticks;
static void tick(int s) { (void)s; ticks++; }
static void *alive(void *a)
{
    pthread_barrier_wait(&bar);
    __atomic_add_fetch(&total, (long)a, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&bar);
    return a;
}
static void *tree(void *arg)
{
    long d = (long)arg;
    if (d == 0) return (void *)1;
    pthread_t l, r;
    void *x, *y;
    pthread_create(&l, 0, tree, (void *)(d - 1));
    pthread_create(&r, 0, tree, (void *)(d - 1));
    pthread_join(l, &x);
    pthread_join(r, &y);
    return (void *)((long)x + (long)y);
}
static void *churn(void *arg)
{
    unsigned seed = (long)arg;
    char *p[50] = { 0 };
    long bad = 0;
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1103515245 + 12345;
        int k = seed >> 16 & 31;
        size_t n = 16 + (seed >> 8 & 4095);
        if (p[k]) { if (p[k][0] != k || p[k][15] != k) bad++; free(p[k]); }
        p[k] = malloc(n);
        memset(p[k], k, n);
    }
    for (int k = 0; k < 50; k++) free(p[k]);
    return (void *)bad;
}
static int count_tasks(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

int main(void)
{
    fresh();
    static pthread_t th[N];
    pthread_attr_t at;
    pthread_attr_init(&at);
    pthread_attr_setstacksize(&at, 65536);
    void *r;
    pthread_barrier_init(&bar, 0, N + 1);
    for (long i = 0; i < N; i++) if (pthread_create(&th[i], &at, alive, (void *)i)) die("pthread_create");
    pthread_barrier_wait(&bar);
    say("alive at once: %d\n", count_tasks());
    pthread_barrier_wait(&bar);
    for (int i = 0; i < N; i++) pthread_join(th[i], 0);
    say("sum %ld\n", total);
    pthread_create(&th[0], &at, tree, (void *)7L);
    pthread_join(th[0], &r);
    say("leaves of the tree %ld\n", (long)r);

    on(SIGALRM, tick, SA_RESTART);
    struct itimerval it = { { 0, 1000 }, { 0, 1000 } }, off = { { 0 } };
    setitimer(ITIMER_REAL, &it, 0);
    long bad = 0;
    for (int i = 0; i < 8; i++) pthread_create(&th[i], 0, churn, (void *)(long)(i + 1));
    for (int i = 0; i < 8; i++) { pthread_join(th[i], &r); bad += (long)r; }
    setitimer(ITIMER_REAL, &off, 0);
    say("allocator: bad %ld\n", bad);
    for (int w = 0; w < 10; w++) {
        for (long i = 0; i < 20; i++) pthread_create(&th[i], &at, tree, (void *)0L);
        for (int i = 0; i < 20; i++) { pthread_join(th[i], &r); total += (long)r; }
    }
    say("waves %ld\n", total);
    for (int i = 0; i < 3000 && count_tasks() > 1; i++) nap(1);
    say("threads left %d\n", count_tasks());
    pid_t p = spawn({
        pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
        for (long i = 0; i < 50; i++) pthread_create(&th[0], &at, churn, (void *)i);
        exit(9);
    });
    reap(p, "exit with detached threads at work");
    return 0;
}

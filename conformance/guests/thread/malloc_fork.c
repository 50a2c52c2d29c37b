/* fork(2) in a multithreaded process, pthread_atfork(3): forks while other threads allocate, lock and create threads; the child has one thread, works, and
 * may make threads itself; the handlers' order; locks held across. */
#include "../guest.h"
#include <pthread.h>

static volatile int stop;
static char order[64];
static void pre1(void) { strcat(order, "a"); }
static void par1(void) { strcat(order, "p"); }
static void chi1(void) { strcat(order, "c"); }
static void pre2(void) { strcat(order, "b"); }
static void par2(void) { strcat(order, "q"); }
static void chi2(void) { strcat(order, "d"); }
static void *churn(void *a)
{
    unsigned seed = (long)a;
    while (!stop) {
        char *p[16];
        for (int i = 0; i < 16; i++) { seed = seed * 1103515245 + 12345; size_t n = 1 + (seed >> 16 & 8191); p[i] = malloc(n); p[i][n - 1] = i; }
        for (int i = 0; i < 16; i++) free(p[i]);
    }
    return a;
}
static void *short_lived(void *a) { return a; }
static void *creates(void *a)
{
    while (!stop) { pthread_t t_; if (pthread_create(&t_, 0, short_lived, 0) == 0) pthread_join(t_, 0); }
    return a;
}
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static volatile int holding;
static void *holds(void *a) { pthread_mutex_lock(&held); holding = 1; while (!stop) nap(1); pthread_mutex_unlock(&held); return a; }
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
    pthread_t th[6];
    for (long i = 0; i < 3; i++) pthread_create(&th[i], 0, churn, (void *)(i + 1));
    pthread_create(&th[3], 0, creates, 0);
    pthread_create(&th[4], 0, holds, 0);
    while (!holding) nap(1);
    int bad = 0;
    for (int i = 0; i < 60; i++) {
        pid_t p = spawn({
            int wrong = count_tasks() != 1;
            char *m[50];
            for (int k = 0; k < 50; k++) { m[k] = malloc(100 * k + 1); memset(m[k], k, 100 * k + 1); }
            for (int k = 0; k < 50; k++) { wrong += m[k][100 * k] != k; free(m[k]); }
            pthread_t t_;
            void *r = 0;
            if (pthread_create(&t_, 0, short_lived, (void *)77L) == 0) pthread_join(t_, &r);
            wrong += r != (void *)77L;
            /* A lock another thread held is held for ever here. */
            wrong += pthread_mutex_trylock(&held) != EBUSY;
            _exit(wrong);
        });
        int st;
        waitpid(p, &st, 0);
        bad += st != 0;
    }
    say("sixty children, bad %d\n", bad);
    stop = 1;
    for (int i = 0; i < 5; i++) pthread_join(th[i], 0);
    say("-- atfork handlers\n");
    pthread_atfork(pre1, par1, chi1);
    pthread_atfork(pre2, par2, chi2);
    pid_t p = fork();
    if (p == 0) { say("child: %s\n", order); _exit(0); }
    reap(p, "child");
    say("parent: %s\n", order);
    order[0] = 0;
    p = syscall(SYS_fork);
    if (p == 0) _exit(0);
    reap(p, "raw fork");
    say("the raw call runs none: [%s]\n", order);
    p = vfork();
    if (p == 0) _exit(0);
    reap(p, "vfork");
    say("vfork neither: [%s]\n", order);
    say("-- a buffered stream is written once by each who flushes it\n");
    int pp[2];
    must(pipe(pp));
    FILE *f = fdopen(pp[1], "w");
    fprintf(f, "buffered ");
    p = fork();
    if (p == 0) { fprintf(f, "child "); exit(0); }
    reap(p, "child");
    fprintf(f, "parent");
    fclose(f);
    slurp("the pipe", pp[0]);
    return 0;
}

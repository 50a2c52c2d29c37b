/* setitimer(2) ITIMER_PROF and ITIMER_VIRTUAL, getrlimit(2) RLIMIT_CPU, timer_create(2) on the process' CPU clock: the signal is the
 * process', but the thread that uses the CPU takes it and not the leader, which sleeps. Profilers count on that. Takes two seconds of
 * CPU time. */
#include "../guest.h"
#include <pthread.h>

static volatile int worker, in_worker, elsewhere;
static volatile int done, wanted;
static int told[2];
static void handler(int s)
{
    (void)s;
    if (gettid() == worker) in_worker++;
    else elsewhere++;
    if (in_worker + elsewhere == wanted) write(told[1], "", 1);
}
static void *work(void *arg)
{
    (void)arg;
    worker = gettid();
    while (!done) for (volatile int i = 0; i < 10000; i++) {}
    return NULL;
}
/* So many signals are to come. */
static void expect(int n)
{
    in_worker = elsewhere = 0;
    wanted = n;
}
/* Until they have, asleep: the leader runs too little to be met by more than a few of them. */
static void wait_for(const char *what)
{
    char c;
    while (read(told[0], &c, 1) != 1) {}
    say("%s: in the thread that works %d\n", what, in_worker > elsewhere);
}

int main(void)
{
    fresh();
    if (pipe(told)) die("pipe");
    on(SIGPROF, handler, SA_RESTART);
    on(SIGVTALRM, handler, SA_RESTART);
    on(SIGXCPU, handler, SA_RESTART);
    on(SIGUSR1, handler, SA_RESTART);
    pthread_t th;
    pthread_create(&th, NULL, work, NULL);
    while (!worker) usleep(1000);

    struct itimerval often = { { 0, 10000 }, { 0, 10000 } }, off = { { 0, 0 }, { 0, 0 } };
    expect(10);
    t(setitimer(ITIMER_PROF, &often, NULL));
    wait_for("ITIMER_PROF");
    t(setitimer(ITIMER_PROF, &off, NULL));
    expect(10);
    t(setitimer(ITIMER_VIRTUAL, &often, NULL));
    wait_for("ITIMER_VIRTUAL");
    t(setitimer(ITIMER_VIRTUAL, &off, NULL));

    timer_t timer;
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct itimerspec spec = { { 0, 10000000 }, { 0, 10000000 } };
    t(timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &timer));
    expect(10);
    t(timer_settime(timer, 0, &spec, NULL));
    wait_for("timer_create");
    t(timer_delete(timer));

    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    struct rlimit rl = { used.tv_sec + 1, 60 };
    expect(1);
    t(setrlimit(RLIMIT_CPU, &rl));
    wait_for("RLIMIT_CPU");
    rl.rlim_cur = 60;
    t(setrlimit(RLIMIT_CPU, &rl));
    done = 1;
    pthread_join(th, NULL);
    return 0;
}

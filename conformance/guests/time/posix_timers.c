/* timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2): SIGEV_SIGNAL, NONE, THREAD_ID and THREAD, values,
 * overruns, intervals, absolute times, fork and exec, CPU clocks, errors. */
#include "../guest.h"
#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
static volatile int n, val, code, in_thread, most;
static volatile pid_t tid;
static void handler(int s, siginfo_t *si, void *u)
{
    (void)u;
    (void)s;
    n++;
    val = si->si_value.sival_int;
    code = si->si_code;
    if (si->si_overrun > most) most = si->si_overrun;
    tid = syscall(SYS_gettid);
}
static void wait_n(int want) { for (int i = 0; i < 3000 && n < want; i++) nap(1); }
static void in_thread_fn(union sigval v_) { in_thread = v_.sival_int; }
static void *target(void *a)
{
    *(volatile pid_t *)a = syscall(SYS_gettid);
    for (int i = 0; i < 3000 && !n; i++) nap(1);
    return 0;
}
static struct itimerspec its(int iv_ms, int ms) { return (struct itimerspec){ { iv_ms / 1000, iv_ms % 1000 * 1000000L }, { ms / 1000, ms % 1000 * 1000000L } }; }
static void cur(const char *what, timer_t tm)
{
    struct itimerspec c;
    if (timer_gettime(tm, &c) < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: interval %ld.%03ld armed %d\n", what, (long)c.it_interval.tv_sec, c.it_interval.tv_nsec / 1000000, c.it_value.tv_sec || c.it_value.tv_nsec);
}

int main(void)
{
    fresh();
    timer_t a, b;
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 42 };
    struct itimerspec x, old;
    on(SIGRTMIN + 1, handler, SA_SIGINFO);
    on(SIGALRM, handler, SA_SIGINFO);
    t(timer_create(CLOCK_MONOTONIC, &ev, &a));
    cur("new", a);
    x = its(0, 10);
    t(timer_settime(a, 0, &x, &old));
    wait_n(1);
    say("fired %d value %d code %d\n", n, val, code);
    cur("after", a);
    t(timer_getoverrun(a));
    x = its(5, 5);
    t(timer_settime(a, 0, &x, 0));
    wait_n(4);
    cur("repeating", a);
    x = its(0, 0);
    t(timer_settime(a, 0, &x, &old));
    say("old interval %ld\n", old.it_interval.tv_nsec / 1000000);
    v(n >= 4);
    n = 0;
    nap(20);
    v(n);

    say("-- overruns while blocked: one signal\n");
    most = 0;
    block(SIGRTMIN + 1);
    x = its(2, 2);
    timer_settime(a, 0, &x, 0);
    nap(60);
    x = its(0, 0);
    unblock(SIGRTMIN + 1);
    timer_settime(a, 0, &x, 0);
    say("many overruns %d\n", most >= 15);
    say("-- absolute\n");
    n = 0;
    clock_gettime(CLOCK_MONOTONIC, &x.it_value);
    x.it_value.tv_sec -= 10;
    t(timer_settime(a, TIMER_ABSTIME, &x, 0));
    wait_n(1);
    v(n);
    say("-- the default signal is SIGALRM with the timer's id as value\n");
    int id = -1;
    t(syscall(SYS_timer_create, CLOCK_REALTIME, 0, &id));
    n = 0;
    val = -5;
    x = its(0, 5);
    syscall(SYS_timer_settime, id, 0, &x, 0);
    wait_n(1);
    say("value is the id %d\n", val == id);
    syscall(SYS_timer_delete, id);
    say("-- none\n");
    ev.sigev_notify = SIGEV_NONE;
    t(timer_create(CLOCK_MONOTONIC, &ev, &b));
    x = its(0, 50000);
    timer_settime(b, 0, &x, 0);
    cur("running", b);
    x = its(0, 1);
    timer_settime(b, 0, &x, 0);
    nap(10);
    cur("expired", b);
    timer_delete(b);
    say("-- a thread's id\n");
    pthread_t th;
    volatile pid_t where = 0;
    n = 0;
    pthread_create(&th, 0, target, (void *)&where);
    while (!where) nap(1);
    ev.sigev_notify = SIGEV_THREAD_ID;
    ev.sigev_notify_thread_id = where;
    t(timer_create(CLOCK_MONOTONIC, &ev, &b));
    x = its(0, 5);
    timer_settime(b, 0, &x, 0);
    pthread_join(th, 0);
    say("delivered to it %d\n", tid == where);
    timer_delete(b);
    ev.sigev_notify_thread_id = 1 << 22;
    t(timer_create(CLOCK_MONOTONIC, &ev, &b));
    say("-- a function in a thread\n");
    ev = (struct sigevent){ .sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread_fn, .sigev_value.sival_int = 9 };
    t(timer_create(CLOCK_MONOTONIC, &ev, &b));
    x = its(0, 5);
    timer_settime(b, 0, &x, 0);
    for (int i = 0; i < 3000 && !in_thread; i++) nap(1);
    v(in_thread);
    timer_delete(b);
    say("-- CPU time\n");
    ev = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
    t(timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &b));
    n = 0;
    x = its(0, 20);
    timer_settime(b, 0, &x, 0);
    nap(40);
    v(n);
    long end = now_ms() + 4000;
    while (!n && now_ms() < end) for (volatile int i = 0; i < 100000; i++) {}
    v(n);
    say("-- fork: not inherited\n");
    pid_t p = spawn({ t(timer_gettime(a, &x)); t(timer_delete(a)); });
    reap(p, "child");
    say("-- errors\n");
    t(timer_delete(b));
    t(timer_delete(b));
    t(timer_gettime(b, &x));
    t(timer_getoverrun(b));
    x = its(0, 5);
    t(timer_settime(b, 0, &x, 0));
    x.it_value.tv_nsec = 1000000000;
    t(timer_settime(a, 0, &x, 0));
    t(timer_settime(a, 0, 0, 0));
    ev.sigev_signo = 65;
    t(timer_create(CLOCK_MONOTONIC, &ev, &b));
    ev.sigev_signo = 10;
    ev.sigev_notify = 77;
    t(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &b));
    t(timer_create(99, 0, &b));
    t(timer_create(CLOCK_MONOTONIC_COARSE, 0, &b));
    return 0;
}

/* alarm(2), setitimer(2), getitimer(2): one-shot and repeating, what is left, replacing, the three clocks, over fork; errors. */
#include "../guest.h"

static volatile int hits[65];
static void handler(int s) { hits[s]++; }
static void burn(int sig, int n) { long end = now_ms() + 4000; while (hits[sig] < n && now_ms() < end) for (volatile int i = 0; i < 100000; i++) {} }
static void get(const char *what, int which)
{
    struct itimerval v;
    if (getitimer(which, &v) < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: interval %ld.%06ld armed %d seconds %ld\n", what, (long)v.it_interval.tv_sec, (long)v.it_interval.tv_usec,
        v.it_value.tv_sec || v.it_value.tv_usec, (long)v.it_value.tv_sec);
}

int main(void)
{
    fresh();
    on(SIGALRM, handler, 0);
    on(SIGVTALRM, handler, 0);
    on(SIGPROF, handler, 0);
    v(alarm(0));
    v(alarm(100));
    v(alarm(50));
    get("alarm is the real timer", ITIMER_REAL);
    v(alarm(0));
    v(alarm(0));
    get("off", ITIMER_REAL);

    struct itimerval it = { { 0, 0 }, { 0, 20000 } }, old, off = { { 0 } };
    sigset_t none;
    sigemptyset(&none);
    block(SIGALRM);
    t(setitimer(ITIMER_REAL, &it, &old));
    t(sigsuspend(&none));
    unblock(SIGALRM);
    v(hits[SIGALRM]);
    get("one-shot is over", ITIMER_REAL);
    it = (struct itimerval){ { 0, 10000 }, { 0, 1 } };
    t(setitimer(ITIMER_REAL, &it, 0));
    for (int i = 0; i < 5; i++) pause();
    get("repeating", ITIMER_REAL);
    t(setitimer(ITIMER_REAL, &off, &old));
    say("old interval %ld\n", (long)old.it_interval.tv_usec);
    v(hits[SIGALRM] >= 6);
    int h = hits[SIGALRM];
    nap(30);
    v(hits[SIGALRM] == h);
    say("an interval without a value is off\n");
    it = (struct itimerval){ { 1, 0 }, { 0, 0 } };
    t(setitimer(ITIMER_REAL, &it, 0));
    get("real", ITIMER_REAL);
    it = (struct itimerval){ { 3, 0 }, { 70, 0 } };
    setitimer(ITIMER_REAL, &it, 0);
    v(alarm(7) >= 69);
    get("alarm clears the interval", ITIMER_REAL);
    alarm(0);

    say("-- CPU time\n");
    it = (struct itimerval){ { 0, 10000 }, { 0, 10000 } };
    t(setitimer(ITIMER_VIRTUAL, &it, 0));
    nap(50);
    say("sleeping does not count: %d\n", hits[SIGVTALRM] <= 1);
    burn(SIGVTALRM, 3);
    v(hits[SIGVTALRM] >= 3);
    setitimer(ITIMER_VIRTUAL, &off, 0);
    t(setitimer(ITIMER_PROF, &it, 0));
    burn(SIGPROF, 3);
    v(hits[SIGPROF] >= 3);
    get("prof", ITIMER_PROF);

    say("-- fork: not inherited; children end themselves\n");
    it = (struct itimerval){ { 0, 0 }, { 60, 0 } };
    setitimer(ITIMER_REAL, &it, 0);
    pid_t p = spawn({ get("child real", ITIMER_REAL); get("child prof", ITIMER_PROF); v(alarm(0)); });
    reap(p, "child");
    setitimer(ITIMER_PROF, &off, 0);
    p = spawn({ signal(SIGALRM, SIG_DFL); struct itimerval s = { { 0, 0 }, { 0, 10000 } }; setitimer(ITIMER_REAL, &s, 0); for (;;) pause(); });
    reap(p, "SIGALRM by default");
    p = spawn({ signal(SIGPROF, SIG_DFL); struct itimerval s = { { 0, 0 }, { 0, 10000 } }; setitimer(ITIMER_PROF, &s, 0); for (;;) {} });
    reap(p, "SIGPROF by default");

    say("-- errors\n");
    t(setitimer(3, &it, 0));
    t(setitimer(-1, &it, 0));
    t(getitimer(3, &it));
    it = (struct itimerval){ { 0, 0 }, { 0, 1000000 } };
    t(setitimer(ITIMER_REAL, &it, 0));
    it = (struct itimerval){ { 0, 0 }, { -1, 0 } };
    t(setitimer(ITIMER_REAL, &it, 0));
    it = (struct itimerval){ { 0, -1 }, { 0, 0 } };
    t(setitimer(ITIMER_REAL, &it, 0));
    t(syscall(SYS_setitimer, ITIMER_REAL, 0, &old));
    get("a null value disarms", ITIMER_REAL);
    return 0;
}

/* nanosleep(2), clock_nanosleep(2): lengths, the remaining time after a signal, absolute sleeps, errors; a stop and
 * continue restarts the rest of the sleep. */
#include "../guest.h"

static volatile int hits;
static void handler(int s) { (void)s; hits++; }
static void in_ms(struct timespec *ts, int clock, int ms)
{
    clock_gettime(clock, ts);
    ts->tv_nsec += ms * 1000000L;
    ts->tv_sec += ts->tv_nsec / 1000000000;
    ts->tv_nsec %= 1000000000;
}

int main(void)
{
    fresh();
    struct timespec ts = { 0, 20000000 }, rem = { 55, 66 };
    long a = now_ms();
    t(nanosleep(&ts, &rem));
    v(now_ms() - a >= 19);
    say("rem untouched %ld %ld\n", (long)rem.tv_sec, rem.tv_nsec);
    ts = (struct timespec){ 0, 0 };
    t(nanosleep(&ts, 0));
    ts = (struct timespec){ 0, 1000000000 };
    t(nanosleep(&ts, 0));
    ts = (struct timespec){ 0, -1 };
    t(nanosleep(&ts, 0));
    ts = (struct timespec){ -1, 0 };
    t(nanosleep(&ts, 0));
    t(syscall(SYS_nanosleep, 1, 0));

    on(SIGALRM, handler, SA_RESTART);
    /* The timer repeats, so that a sleep begun late is interrupted too. */
    struct itimerval it = { { 0, 30000 }, { 0, 30000 } }, off = { { 0 } };
    setitimer(ITIMER_REAL, &it, 0);
    ts = (struct timespec){ 40, 0 };
    t(nanosleep(&ts, &rem));
    v(rem.tv_sec == 39 && rem.tv_nsec > 0);
    setitimer(ITIMER_REAL, &it, 0);
    t(nanosleep(&ts, &ts));
    v(ts.tv_sec == 39);
    setitimer(ITIMER_REAL, &it, 0);
    rem = (struct timespec){ 55, 66 };
    te(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem));
    v(rem.tv_sec >= 30 && rem.tv_sec < 40);
    setitimer(ITIMER_REAL, &it, 0);
    in_ms(&ts, CLOCK_MONOTONIC, 30000);
    rem = (struct timespec){ 55, 66 };
    te(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &rem));
    say("absolute leaves rem %ld %ld\n", (long)rem.tv_sec, rem.tv_nsec);
    setitimer(ITIMER_REAL, &it, 0);
    ts = (struct timespec){ 30, 0 };
    t(syscall(SYS_nanosleep, &ts, 1));
    setitimer(ITIMER_REAL, &off, 0);
    v(hits >= 5);

    int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI };
    for (int i = 0; i < COUNT(clocks); i++) {
        in_ms(&ts, clocks[i], 15);
        a = now_ms();
        int r = clock_nanosleep(clocks[i], TIMER_ABSTIME, &ts, 0);
        say("absolute on clock %d: %s, slept %d\n", clocks[i], ename(r), now_ms() - a >= 13);
    }
    ts = (struct timespec){ 1, 0 };
    te(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, 0));
    te(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, 0));
    te(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &ts, 0));
    te(clock_nanosleep(CLOCK_REALTIME_COARSE, 0, &ts, 0));
    te(clock_nanosleep(99, 0, &ts, 0));
    ts = (struct timespec){ 0, 1000000000 };
    te(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, 0));
    ts = (struct timespec){ -5, 0 };
    te(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, 0));
    te(clock_nanosleep(CLOCK_MONOTONIC, 0, (void *)1, 0));

    /* SIGSTOP and SIGCONT without a handler: no EINTR is seen, the whole time is slept. */
    pid_t p = spawn({
        ts = (struct timespec){ 0, 250000000 };
        long b = now_ms();
        int r = nanosleep(&ts, &rem);
        say("child: nanosleep %d, whole time %d\n", r, now_ms() - b >= 249);
    });
    settle(p);
    kill(p, SIGSTOP);
    waitpid(p, 0, WUNTRACED);
    nap(30);
    kill(p, SIGCONT);
    reap(p, "child");
    return 0;
}

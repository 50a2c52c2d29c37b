/* nanosleep(2), timerfd_create(2), timer_create(2): many waits at once end in the order of their times, none early: processes, threads, descriptors and signals; equal
 * times; a sleeper that is killed; long ones that are cut short. */
#include "../guest.h"
#include <poll.h>
#include <pthread.h>
#include <sys/timerfd.h>

static const int delays[] = { 200, 40, 280, 120, 240, 80, 320, 160 };
static int order[16], n;
static long start, early;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static void *sleeper(void *a)
{
    long i = (long)a;
    struct timespec ts = { start / 1000, start % 1000 * 1000000L };
    ts.tv_nsec += delays[i] * 1000000L;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, 0);
    pthread_mutex_lock(&m);
    if (now_ms() < start + delays[i]) early++;
    order[n++] = i;
    pthread_mutex_unlock(&m);
    return 0;
}
/* The first ran before the last; others may overtake each other on a busy machine. */
static void tell_rough(const char *what)
{
    int wrong = 0;
    for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) wrong += delays[order[j]] - delays[order[i]] > 250;
    say("%s: %d, out of order %d, early %ld\n", what, n, wrong, early);
    n = 0;
    early = 0;
}
static void tell(const char *what)
{
    char s[64] = "";
    for (int i = 0; i < n; i++) snprintf(s + strlen(s), 8, " %d", order[i]);
    say("%s:%s, early %ld\n", what, s, early);
    n = 0;
    early = 0;
}
static void handler(int s, siginfo_t *si, void *u) { (void)s; (void)u; if (now_ms() < start + delays[si->si_value.sival_int]) early++; order[n++] = si->si_value.sival_int; }

int main(void)
{
    fresh();
    pthread_t th[8];
    start = now_ms() + 400; /* All sleep before the first is due. */
    for (long i = 0; i < 8; i++) pthread_create(&th[i], 0, sleeper, (void *)i);
    for (int i = 0; i < 8; i++) pthread_join(th[i], 0);
    tell_rough("threads");
    int pp[2];
    must(pipe(pp));
    start = now_ms() + 400; /* All sleep before the first is due. */
    for (long i = 0; i < 8; i++) spawn({ sleeper((void *)i); int x = i | (early ? 256 : 0); write(pp[1], &x, sizeof x); });
    for (int i = 0; i < 8; i++) { int x; read(pp[0], &x, sizeof x); order[n++] = x & 255; early += x >> 8; }
    while (wait(0) > 0) {}
    tell_rough("processes");
    struct pollfd p[8];
    start = now_ms();
    for (int i = 0; i < 8; i++) {
        p[i] = (struct pollfd){ timerfd_create(CLOCK_MONOTONIC, 0), POLLIN, 0 };
        struct itimerspec its = { .it_value = { 0, delays[i] * 1000000L } };
        timerfd_settime(p[i].fd, 0, &its, 0);
    }
    int seen = 0;
    while (n < 8 && poll(p, 8, 4000) > 0) {
        /* Several at once: by their times. */
        for (int d = 40; d <= 320; d += 40)
            for (int i = 0; i < 8; i++)
                if (delays[i] == d && p[i].revents & POLLIN && !(seen >> i & 1)) { seen |= 1 << i; if (now_ms() < start + d - 1) early++; order[n++] = i; p[i].fd = -1 - p[i].fd; p[i].revents = 0; }
    }
    tell("descriptors");
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGRTMIN + 2, &sa, 0);
    timer_t tm[8];
    start = now_ms();
    for (int i = 0; i < 8; i++) {
        struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = i };
        timer_create(CLOCK_MONOTONIC, &ev, &tm[i]);
        struct itimerspec its = { .it_value = { 0, delays[i] * 1000000L } };
        timer_settime(tm[i], 0, &its, 0);
    }
    for (int i = 0; i < 4000 && n < 8; i++) nap(1);
    tell("signals");
    say("-- a hundred sleepers of the same time\n");
    start = now_ms();
    pid_t k[100];
    for (int i = 0; i < 100; i++) k[i] = spawn({ nap(100); _exit(now_ms() - start < 100); });
    int st, bad = 0;
    for (int i = 0; i < 100; i++) { waitpid(k[i], &st, 0); bad += st != 0; }
    v(bad);
    say("-- a long sleep cut short by a signal, a kill, the end of the process\n");
    pid_t c = spawn({ nap(60000); });
    settle(c);
    start = now_ms();
    kill(c, SIGKILL);
    reap(c, "sleeper");
    v(now_ms() - start < 3000);
    c = spawn({ pthread_t t_; start = now_ms() + 60000; pthread_create(&t_, 0, sleeper, (void *)0L); nap(5); exit(3); });
    reap(c, "process with a sleeping thread");
    return 0;
}

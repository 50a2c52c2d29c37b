/* time_namespaces(7): offsets as clocks, sleeps, timers, timerfds, futexes, /proc and the vDSO of children and programs see them. */
#include "ns.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define MONO 1000000L
#define BOOT 3000000L

static struct timespec real(int clock)
{
    struct timespec t;
    syscall(SYS_clock_gettime, clock, &t);
    return t;
}
static struct timespec lib(int clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t;
}
static long since(struct timespec a, struct timespec b) { return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000; }
static struct timespec in(int clock, int ms)
{
    struct timespec t = real(clock);
    t.tv_nsec += ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME };
static struct timespec outside[5];

/* Whether each clock is ahead of what it was by what the namespace says, by call and by the library. */
static void look(const char *what)
{
    for (int i = 0; i < COUNT(clocks); i++) {
        struct timespec a = real(clocks[i]), b = lib(clocks[i]);
        long x = since(outside[i], a) / 1000, y = since(outside[i], b) / 1000;
        say("%s: clock %d ahead by %ld and %ld thousand s\n", what, clocks[i], (x + 100) / 1000, (y + 100) / 1000);
    }
}

static void timers(void)
{
    struct timespec begin = real(CLOCK_MONOTONIC), t;
    t = in(CLOCK_MONOTONIC, 60);
    say("sleep: %d", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0));
    t = in(CLOCK_BOOTTIME, 60);
    say(" %d", clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &t, 0));
    long ms = since(begin, real(CLOCK_MONOTONIC));
    say(" long enough %d\n", ms >= 118 && ms < 5000);
    t.tv_sec = 1;
    say("past: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0));
    for (int i = 0; i < 2; i++) {
        int fd = timerfd_create(clocks[i], 0);
        begin = real(CLOCK_MONOTONIC);
        struct itimerspec it = { .it_value = in(clocks[i], 80) }, cur;
        timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, 0);
        timerfd_gettime(fd, &cur);
        uint64_t n = 0;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r = poll(&p, 1, 5000);
        read(fd, &n, 8);
        ms = since(begin, real(CLOCK_MONOTONIC));
        say("timerfd: left %d poll %d ticks %ld in time %d\n", cur.it_value.tv_sec == 0, r, (long)n, ms >= 78 && ms < 4000);
        close(fd);
        timer_t id;
        struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
        sigset_t s = sigs(SIGUSR1);
        sigprocmask(SIG_BLOCK, &s, 0);
        timer_create(clocks[i], &ev, &id);
        it.it_value = in(clocks[i], 80);
        begin = real(CLOCK_MONOTONIC);
        timer_settime(id, TIMER_ABSTIME, &it, 0);
        struct timespec limit = { 5 };
        r = sigtimedwait(&s, 0, &limit);
        ms = since(begin, real(CLOCK_MONOTONIC));
        say("timer: %s in time %d\n", signame(r), ms >= 78 && ms < 4000);
        timer_delete(id);
    }
    int word = 1;
    begin = real(CLOCK_MONOTONIC);
    t = in(CLOCK_MONOTONIC, 80);
    long r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 1, &t, 0, ~0u);
    ms = since(begin, real(CLOCK_MONOTONIC));
    say("futex: %s in time %d\n", r < 0 ? ename(errno) : "0", ms >= 78 && ms < 4000);
}

static void *thread(void *unused)
{
    look(" thread");
    return unused;
}

static void files(void)
{
    double up = 0;
    struct sysinfo si;
    struct timespec b = real(CLOCK_BOOTTIME);
    sscanf(load_text("/proc/uptime"), "%lf", &up);
    sysinfo(&si);
    say("uptime as CLOCK_BOOTTIME: %d %d\n", up > b.tv_sec - 60 && up < b.tv_sec + 60, si.uptime > b.tv_sec - 60 && si.uptime < b.tv_sec + 60);
    say("offsets: %s", load_text("/proc/self/timens_offsets"));
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 0; i < COUNT(clocks); i++) sscanf(argv[i + 1], "%ld", &outside[i].tv_sec);
        look("  program");
        return 0;
    }
    fresh();
    for (int i = 0; i < COUNT(clocks); i++) outside[i] = real(clocks[i]);
    lib(CLOCK_MONOTONIC);
    TRY("unshare", unshare(CLONE_NEWUSER | CLONE_NEWTIME));
    char text[128];
    TRY("nonsense", store_text("/proc/self/timens_offsets", "realtime 1 0"));
    TRY("too many nanoseconds", store_text("/proc/self/timens_offsets", "monotonic 1 1000000000"));
    TRY("before the beginning", store_text("/proc/self/timens_offsets", "monotonic -1000000000 0"));
    snprintf(text, sizeof text, "monotonic %ld 0\nboottime %ld 0", MONO, BOOT);
    TRY("set", store_text("/proc/self/timens_offsets", text));
    pthread_t th;
    int made = pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    say("a thread: %d\n", made);
    look("before");
    char secs[5][24], *args[] = { "x", secs[0], secs[1], secs[2], secs[3], secs[4], NULL };
    for (int i = 0; i < 5; i++) sprintf(secs[i], "%ld", (long)outside[i].tv_sec);
    pid_t v = vfork();
    if (!v) {
        look(" vfork child");
        execv("/proc/self/exe", args);
        _exit(9);
    }
    ended(v);
    look("after vfork");
    pid_t p = fork();
    if (!p) {
        look("child");
        files();
        timers();
        TRY("set when a process is inside", store_text("/proc/self/timens_offsets", "monotonic 1 0"));
        pid_t q = fork();
        if (!q) {
            execv("/proc/self/exe", args);
            _exit(9);
        }
        ended(q);
        _exit(0);
    }
    int fd = -1;
    say("child: %d\n", ended(p));
    fd = open("/proc/self/ns/time_for_children", O_RDONLY);
    TRY("enter", setns(fd, CLONE_NEWTIME));
    look("entered");
    return 0;
}

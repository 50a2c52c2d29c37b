/* getrusage(2), times(2), clock_gettime(2) CPU clocks: computing counts and sleeping does not, children's time after wait, threads apart, monotonic,
 * page faults and switches grow. */
#include "../guest.h"
#include <pthread.h>
#include <sys/times.h>

static long ms_of(struct timeval tv) { return tv.tv_sec * 1000 + tv.tv_usec / 1000; }
static long used(int who) { struct rusage r; getrusage(who, &r); return ms_of(r.ru_utime) + ms_of(r.ru_stime); }
static long clk(int id) { struct timespec ts; clock_gettime(id, &ts); return ts.tv_sec * 1000 + ts.tv_nsec / 1000000; }
static void burn(long ms) { long end = clk(CLOCK_THREAD_CPUTIME_ID) + ms; while (clk(CLOCK_THREAD_CPUTIME_ID) < end) for (volatile int i = 0; i < 20000; i++) {} }
static void *thread(void *a)
{
    long own = clk(CLOCK_THREAD_CPUTIME_ID), proc = clk(CLOCK_PROCESS_CPUTIME_ID);
    say("a new thread has used little %d, the process more %d\n", own < 40, proc >= 60);
    burn(60);
    say("after work: own %d, RUSAGE_THREAD %d\n", clk(CLOCK_THREAD_CPUTIME_ID) >= 60, used(1) >= 40);
    return a;
}

int main(void)
{
    fresh();
    struct rusage r1, r2;
    struct tms tm;
    long a = clk(CLOCK_PROCESS_CPUTIME_ID);
    nap(60);
    say("sleeping costs little: %d\n", clk(CLOCK_PROCESS_CPUTIME_ID) - a < 40);
    burn(80);
    say("computing counts: clock %d, getrusage %d, thread %d\n", clk(CLOCK_PROCESS_CPUTIME_ID) - a >= 80, used(RUSAGE_SELF) >= 60, clk(CLOCK_THREAD_CPUTIME_ID) >= 80);
    times(&tm);
    v(tm.tms_utime + tm.tms_stime >= 6);
    v(used(RUSAGE_CHILDREN));
    pid_t p = spawn({ say("a child starts at little: %d %d\n", clk(CLOCK_PROCESS_CPUTIME_ID) < 40, used(RUSAGE_SELF) < 40); burn(80); pid_t g = spawn(burn(60)); waitpid(g, 0, 0); say("its children: %d\n", used(RUSAGE_CHILDREN) >= 40); });
    nap(1);
    long meanwhile = used(RUSAGE_CHILDREN);
    int st;
    wait4(p, &st, 0, &r1);
    v(meanwhile);
    say("wait4 tells the child's: %d\n", ms_of(r1.ru_utime) + ms_of(r1.ru_stime) >= 60);
    say("children and theirs: %d\n", used(RUSAGE_CHILDREN) >= 110);
    times(&tm);
    v(tm.tms_cutime + tm.tms_cstime >= 10);
    p = spawn({ times(&tm); say("a child's child times start at zero: %ld %ld\n", (long)tm.tms_cutime, (long)tm.tms_cstime); });
    reap(p, "child");
    /* Ignored children are not counted. */
    long before = used(RUSAGE_CHILDREN);
    signal(SIGCHLD, SIG_IGN);
    p = spawn(burn(60));
    waitpid(p, 0, 0);
    signal(SIGCHLD, SIG_DFL);
    say("not waited for, not counted: %d\n", used(RUSAGE_CHILDREN) - before < 30);
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    say("the main thread's own is apart: %d\n", clk(CLOCK_PROCESS_CPUTIME_ID) - clk(CLOCK_THREAD_CPUTIME_ID) >= 55);

    getrusage(RUSAGE_SELF, &r1);
    char *m = mmap(0, 400 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 400; i++) m[i * 4096] = 1;
    for (int i = 0; i < 5; i++) nap(1);
    getrusage(RUSAGE_SELF, &r2);
    v(r2.ru_maxrss >= r1.ru_maxrss && r2.ru_maxrss > 500);
    v(r2.ru_nvcsw >= r1.ru_nvcsw && r2.ru_nivcsw >= r1.ru_nivcsw && r2.ru_majflt >= r1.ru_majflt && r2.ru_minflt >= r1.ru_minflt);
    v(r2.ru_nvcsw - r1.ru_nvcsw >= 5);
    long last = 0, back = 0;
    for (int i = 0; i < 5000; i++) { long x = used(RUSAGE_SELF); back += x < last; last = x; }
    v(back);
    say("-- other clocks\n");
    clockid_t c, tc;
    p = spawn({ burn(50); pause(); });
    settle(p);
    te(clock_getcpuclockid(p, &c));
    struct timespec ts;
    t(clock_gettime(c, &ts));
    v(ts.tv_sec * 1000 + ts.tv_nsec / 1000000 >= 40);
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    t(clock_gettime(c, &ts));
    te(pthread_getcpuclockid(pthread_self(), &tc));
    t(clock_gettime(tc, &ts));
    t(getrusage(5, &r1));
    t(getrusage(-2, &r1));
    t(getrusage(RUSAGE_SELF, (void *)8));
    t(syscall(SYS_times, 8));
    struct timespec res;
    t(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &res));
    t(clock_settime(tc, &ts));
    return 0;
}

/* getrlimit(2) RLIMIT_CPU: SIGXCPU at the soft limit; sleeping does not count; a child inherits the limit and starts at zero; lowering
 * it below what was used. Takes a second of CPU time. */
#include "../guest.h"

static volatile int hits, code;
static void handler(int s, siginfo_t *si, void *u) { (void)s; (void)u; hits++; code = si->si_code; }
static long used(void) { struct timespec ts; clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts); return ts.tv_sec * 1000 + ts.tv_nsec / 1000000; }

int main(void)
{
    fresh();
    struct rlimit rl = { 1, 30 }, now;
    t(setrlimit(RLIMIT_CPU, &rl));
    t(getrlimit(RLIMIT_CPU, &now));
    say("%ld %ld\n", (long)now.rlim_cur, (long)now.rlim_max);
    on(SIGXCPU, handler, SA_SIGINFO);
    nap(200);
    v(hits);
    pid_t p = spawn({ getrlimit(RLIMIT_CPU, &now); say("child: %ld %ld\n", (long)now.rlim_cur, (long)now.rlim_max); v(used() < 500); });
    reap(p, "child");
    while (!hits && used() < 3000) for (volatile int i = 0; i < 100000; i++) {}
    say("SIGXCPU %d code %d, not early %d\n", hits, code, used() >= 500);
    rl.rlim_cur = 31;
    t(setrlimit(RLIMIT_CPU, &rl));
    rl = (struct rlimit){ 20, 20 };
    t(setrlimit(RLIMIT_CPU, &rl));
    hits = 0;
    for (volatile int i = 0; i < 1000000; i++) {}
    v(hits);
    return 0;
}

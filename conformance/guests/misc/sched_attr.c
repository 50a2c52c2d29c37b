/* sched_setattr(2), sched_getattr(2): sizes, flags, policies and deadlines that are wrong, and in which order that is said; what is kept by
 * SCHED_FLAG_KEEP_POLICY and SCHED_FLAG_KEEP_PARAMS; slices of fair policies. */
#include "../guest.h"
#include <sched.h>
#include <sys/prctl.h>

struct attr { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t prio; uint64_t runtime, deadline, period; uint32_t min, max; };
#define RESET 1
#define KEEP_POLICY 8
#define KEEP_PARAMS 16
#define CLAMP_MIN 32
#define CLAMP_MAX 64
static void state(void)
{
    struct attr a = { 0 };
    long r = syscall(SYS_sched_getattr, 0, &a, sizeof a, 0);
    say("  now %ld size %u policy %u flags %#lx nice %d priority %u deadline %lu period %lu clamps %u %u; scheduler %#lx; nice %d; slack %d\n", r, a.size, a.policy, (long)a.flags, a.nice, a.prio,
        (long)a.deadline, (long)a.period, a.min, a.max, syscall(SYS_sched_getscheduler, 0), getpriority(PRIO_PROCESS, 0), prctl(PR_GET_TIMERSLACK));
}
static void set(const char *what, struct attr a)
{
    errno = 0;
    long r = syscall(SYS_sched_setattr, 0, &a, 0);
    say("%s: %ld %s, size %u\n", what, r, ename(r < 0 ? errno : 0), a.size);
}
#define SET(...) set(#__VA_ARGS__, (struct attr){ .size = 56, __VA_ARGS__ })
#define MS 1000000UL

int main(void)
{
    fresh();
    static char page[3 * 4096];
    say("-- sizes\n");
    unsigned sizes[] = { 0, 1, 4, 8, 40, 47, 48, 49, 55, 56, 57, 64, 100, 4095, 4096, 4097, 8192, 0x7fffffff, 0x80000000, 0xffffffff };
    for (int i = 0; i < COUNT(sizes); i++)
        for (int dirty = 0; dirty < 2; dirty++) {
            memset(page, 0, sizeof page);
            *(unsigned *)page = sizes[i];
            if (dirty && sizes[i] > 0 && sizes[i] < sizeof page) page[sizes[i] - 1] = sizes[i] > 56;
            long r = syscall(SYS_sched_setattr, 0, page, 0);
            say("size %u%s: %ld %s, then %u\n", sizes[i], dirty ? " with more" : "", r, ename(r < 0 ? errno : 0), *(unsigned *)page);
        }
    char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(m + 4096, 4096);
    int rests[] = { 2, 4, 8, 40, 47, 48, 56 };
    for (int i = 0; i < COUNT(rests); i++) {
        char *a = m + 4096 - rests[i];
        if (rests[i] >= 4) *(unsigned *)a = 48;
        say("%d bytes there: %ld %s\n", rests[i], syscall(SYS_sched_setattr, 0, a, 0), ename(errno));
        errno = 0;
        say("get: %ld %s\n", syscall(SYS_sched_getattr, 0, a, 48, 0), ename(errno));
        errno = 0;
    }
    char *ro = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(unsigned *)ro = 5000;
    mprotect(ro, 4096, PROT_READ);
    t(syscall(SYS_sched_setattr, 0, ro, 0));
    for (int i = 0; i < COUNT(sizes); i++) {
        memset(page, 0x55, sizeof page);
        errno = 0;
        long r = syscall(SYS_sched_getattr, 0, page, sizes[i], 0);
        int end = 0;
        while (end < (int)sizeof page && page[end] != 0x55) end++;
        say("get %u: %ld %s, %d bytes of %u\n", sizes[i], r, ename(errno), r < 0 ? end : end, r < 0 ? 0 : *(unsigned *)page);
    }
    say("-- order\n");
    t(syscall(SYS_sched_setattr, 0, 8, 0));
    t(syscall(SYS_sched_setattr, 0, 8, 1));
    t(syscall(SYS_sched_setattr, -1, 8, 0));
    t(syscall(SYS_sched_setattr, 1 << 22, 8, 0));
    t(syscall(SYS_sched_setattr, 1 << 22, 0, 0));
    memset(page, 0, 100);
    *(unsigned *)page = 4;
    t(syscall(SYS_sched_setattr, 1 << 22, page, 0));
    struct attr a = { .size = 56, .policy = -1 };
    t(syscall(SYS_sched_setattr, 1 << 22, &a, 0));
    a.policy = 99;
    t(syscall(SYS_sched_setattr, 1 << 22, &a, 0));
    a = (struct attr){ .size = 48, .flags = CLAMP_MIN };
    t(syscall(SYS_sched_setattr, 1 << 22, &a, 0));
    t(syscall(SYS_sched_getattr, 1 << 22, 0, 48, 0));
    t(syscall(SYS_sched_getattr, 1 << 22, &a, 48, 0));
    t(syscall(SYS_sched_getattr, 0, 8, 48, 0));
    say("-- policies and flags\n");
    for (int i = -2; i < 12; i++) if (i != 6 && i != 7) { char s[20]; sprintf(s, "policy %d", i); set(s, (struct attr){ .size = 56, .policy = i }); }
    SET(.policy = 0);
    for (int i = 0; i < 64; i++) {
        char s[20];
        sprintf(s, "flag %d", i);
        set(s, (struct attr){ .size = 56, .flags = 1UL << i });
        set(s, (struct attr){ .size = 48, .flags = 1UL << i });
    }
    SET(.policy = 0);
    SET(.policy = 5, .prio = 1);
    SET(.policy = 0, .prio = 1);
    SET(.policy = 3, .prio = 100);
    SET(.policy = 1, .prio = 0);
    SET(.policy = 1, .prio = 100);
    SET(.policy = 2, .prio = -1);
    SET(.policy = 99, .flags = 1UL << 40);
    SET(.policy = 99, .flags = KEEP_POLICY);
    SET(.policy = -1, .flags = KEEP_POLICY);
    SET(.policy = 99, .flags = KEEP_PARAMS);
    SET(.flags = CLAMP_MIN | CLAMP_MAX, .min = 2000);
    SET(.policy = 99, .flags = CLAMP_MIN);
    SET(.prio = 7, .flags = CLAMP_MIN);
    state();
    say("-- kept\n");
    pid_t p = spawn({
        SET(.nice = 5); state();
        SET(.nice = 100); state();
        SET(.nice = -100, .flags = KEEP_PARAMS); state();
        SET(.nice = 7, .policy = 3, .flags = KEEP_PARAMS); state();
        SET(.nice = 8, .policy = 3, .flags = KEEP_POLICY); state();
        SET(.nice = 9, .policy = 3); state();
        SET(.nice = 10, .policy = 5); state();
        SET(.nice = 11, .policy = 0); state();
        SET(.nice = 11, .policy = 0, .flags = RESET); state();
        SET(.nice = 11, .flags = KEEP_POLICY | KEEP_PARAMS); state();
        SET(.nice = 12, .flags = RESET | KEEP_PARAMS); state();
        SET(.nice = 12, .flags = 0); state();
    });
    reap(p, "fair");
    p = spawn({
        SET(.policy = 1, .prio = 5); state();
        SET(.policy = 0, .prio = 5, .flags = KEEP_POLICY); state();
        SET(.policy = 0, .prio = 0, .flags = KEEP_POLICY); state();
        SET(.policy = 2, .prio = 9, .flags = KEEP_PARAMS); state();
        SET(.policy = 0, .prio = 0, .flags = KEEP_PARAMS); state();
        SET(.policy = 2, .prio = 9, .nice = 4); state();
        SET(.policy = 0, .nice = 3); state();
        SET(.policy = 1, .prio = 3, .flags = KEEP_PARAMS); state();
        SET(.policy = 5, .flags = KEEP_PARAMS | KEEP_POLICY); state();
        struct sched_param sp = { 7 };
        t(sched_setparam(0, &sp));
        t(sched_setscheduler(0, 6, &sp));
        sp.sched_priority = 0;
        t(sched_setscheduler(0, 6, &sp));
        t(sched_setscheduler(0, 6 | SCHED_RESET_ON_FORK, &sp));
        t(sched_setscheduler(0, SCHED_RESET_ON_FORK, &sp)); state();
        t(sched_setparam(0, &sp)); state();
        t(sched_setscheduler(0, 1 << 29, &sp));
    });
    reap(p, "realtime");
    say("-- slices\n");
    p = spawn({
        unsigned long runs[5]; runs[0] = 1; runs[1] = MS / 10; runs[2] = 7 * MS; runs[3] = 100 * MS; runs[4] = ~0UL;
        for (int i = 0; i < 5; i++) {
            SET(.runtime = runs[i]);
            struct attr g = { 0 };
            syscall(SYS_sched_getattr, 0, &g, 56, 0);
            say("  slice %lu\n", (long)g.runtime);
        }
        struct sched_param sp = { 0 };
        t(sched_setscheduler(0, 3, &sp));
        struct attr g = { 0 };
        syscall(SYS_sched_getattr, 0, &g, 56, 0);
        say("  slice after sched_setscheduler %lu\n", (long)g.runtime);
        SET(.policy = 5, .runtime = 9 * MS);
        syscall(SYS_sched_getattr, 0, &g, 56, 0);
        say("  slice of idle %lu\n", (long)g.runtime);
        pid_t c = spawn({ syscall(SYS_sched_getattr, 0, &g, 56, 0); say("  slice of a child %lu\n", (long)g.runtime); });
        reap(c, "child");
        SET(.policy = 0);
        syscall(SYS_sched_getattr, 0, &g, 56, 0);
        v(g.runtime >= MS / 10 && g.runtime <= 10 * MS);
    });
    reap(p, "slices");
    say("-- deadlines that cannot be\n");
    unsigned long values[] = { 0, 1, 1023, 1024, 99999, 100000, MS, 10 * MS, 1UL << 42, 1UL << 43, 1UL << 63, ~0UL };
    struct sched_param none = { 0 };
    for (int i = 0; i < COUNT(values); i++)
        for (int j = 0; j < COUNT(values); j++)
            for (int k = 0; k < COUNT(values); k++) {
                unsigned long run = values[i], dl = values[j], per = values[k];
                unsigned long p = per ? per : dl;
                /* Those that could be granted depend on how busy the machine is. */
                int sane = dl && run >= 1024 && !(dl >> 63) && !(per >> 63) && p >= dl && dl >= run && p >= 100000 && p <= (1UL << 42);
                if (sane) continue;
                struct attr d = { .size = 56, .policy = 6, .runtime = run, .deadline = dl, .period = per };
                errno = 0;
                if (syscall(SYS_sched_setattr, 0, &d, 0) == 0 || errno != EINVAL) say("%lu %lu %lu: %s\n", run, dl, per, ename(errno)), sched_setscheduler(0, 0, &none);
            }
    SET(.policy = 6, .prio = 1, .runtime = MS, .deadline = 10 * MS);
    SET(.policy = 6, .runtime = MS, .deadline = 10 * MS, .flags = 0x80);
    SET(.policy = 6, .runtime = MS, .deadline = 10 * MS, .flags = CLAMP_MIN);
    SET(.policy = 6, .runtime = MS, .deadline = 10 * MS, .size = 100);
    p = spawn({ setuid(1000); SET(.policy = 6, .runtime = MS, .deadline = 10 * MS); SET(.policy = 6); SET(.policy = 1, .prio = 1); SET(.nice = -1); SET(.nice = 1); SET(.nice = 0); SET(.policy = 1, .prio = 1, .flags = KEEP_PARAMS); SET(.nice = -5, .flags = KEEP_PARAMS); SET(.flags = RESET); SET(.flags = 0); state(); });
    reap(p, "without privilege");
    return 0;
}

/* sched_setscheduler(2), sched_setaffinity(2), sched_getattr(2), sched_rr_get_interval(2), sched_yield(2), getcpu(2), ioprio_set(2): values read
 * back, inheritance, refusals. */
#include "../guest.h"
#include <sched.h>

struct attr { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t prio; uint64_t runtime, deadline, period; uint32_t min, max; };

int main(void)
{
    fresh();
    struct sched_param sp = { 0 };
    t(sched_getscheduler(0));
    t(sched_getparam(0, &sp));
    v(sp.sched_priority);
    pid_t p = spawn({
        t(sched_setscheduler(0, SCHED_BATCH, &sp));
        t(sched_getscheduler(0));
        t(sched_setscheduler(0, SCHED_IDLE, &sp));
        t(sched_getscheduler(0));
        t(sched_setscheduler(0, SCHED_OTHER, &sp));
        pid_t q = spawn({ sched_setscheduler(0, SCHED_BATCH, &sp); pid_t g = spawn(t(sched_getscheduler(0))); reap(g, "inherits"); });
        reap(q, "child");
        q = spawn({ sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &sp); t(sched_getscheduler(0)); pid_t g = spawn(t(sched_getscheduler(0))); reap(g, "reset on fork"); });
        reap(q, "child");
    });
    reap(p, "policies");
    sp.sched_priority = 5;
    t(sched_setscheduler(0, SCHED_OTHER, &sp));
    sp.sched_priority = 0;
    t(sched_setscheduler(0, SCHED_FIFO, &sp));
    t(sched_setscheduler(0, 99, &sp));
    t(sched_setscheduler(0, -1, &sp));
    t(sched_setscheduler(1 << 22, SCHED_OTHER, &sp));
    t(sched_setscheduler(-1, SCHED_OTHER, &sp));
    t(sched_setscheduler(0, SCHED_OTHER, 0));
    t(sched_getscheduler(-1));
    t(sched_getscheduler(1 << 22));
    t(sched_getparam(0, 0));
    int pol[] = { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, 6, 99 };
    for (int i = 0; i < COUNT(pol); i++) say("policy %d: %d to %d\n", pol[i], sched_get_priority_min(pol[i]), sched_get_priority_max(pol[i]));
    struct timespec ts = { -1, -1 };
    t(sched_rr_get_interval(0, &ts));
    v(ts.tv_sec >= 0 && ts.tv_nsec >= 0);
    t(sched_rr_get_interval(1 << 22, &ts));
    t(sched_yield());

    say("-- attributes\n");
    struct attr a;
    memset(&a, 0xee, sizeof a);
    t(syscall(SYS_sched_getattr, 0, &a, 48, 0));
    say("size %u policy %u nice %d priority %u flags %lu\n", a.size, a.policy, a.nice, a.prio, (unsigned long)a.flags);
    a = (struct attr){ .size = 48, .policy = SCHED_OTHER, .nice = 7 };
    p = spawn({ t(syscall(SYS_sched_setattr, 0, &a, 0)); v(getpriority(PRIO_PROCESS, 0)); a.policy = 99; t(syscall(SYS_sched_setattr, 0, &a, 0)); a.policy = 0; a.flags = 1ULL << 40; t(syscall(SYS_sched_setattr, 0, &a, 0)); a.flags = 0; a.size = 4; t(syscall(SYS_sched_setattr, 0, &a, 0)); a.size = 5000; t(syscall(SYS_sched_setattr, 0, &a, 0)); });
    reap(p, "setattr");
    t(syscall(SYS_sched_getattr, 0, &a, 10, 0));
    t(syscall(SYS_sched_getattr, 0, &a, 48, 1));
    t(syscall(SYS_sched_getattr, -1, &a, 48, 0));
    t(syscall(SYS_sched_setattr, 0, 0, 0));

    say("-- affinity\n");
    cpu_set_t all, one, got;
    t(sched_getaffinity(0, sizeof all, &all));
    v(CPU_COUNT(&all) >= 1);
    v(CPU_COUNT(&all) <= sysconf(_SC_NPROCESSORS_CONF));
    int first = 0;
    while (!CPU_ISSET(first, &all)) first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    p = spawn({
        t(sched_setaffinity(0, sizeof one, &one));
        t(sched_getaffinity(0, sizeof got, &got));
        v(CPU_COUNT(&got));
        unsigned cpu = 99; unsigned node = 99;
        t(syscall(SYS_getcpu, &cpu, &node, 0));
        v(cpu == (unsigned)first);
        v(sched_getcpu() == first);
        pid_t q = spawn({ sched_getaffinity(0, sizeof got, &got); v(CPU_COUNT(&got)); });
        reap(q, "child");
    });
    reap(p, "pinned");
    CPU_ZERO(&one);
    t(sched_setaffinity(0, sizeof one, &one));
    t(sched_setaffinity(1 << 22, sizeof all, &all));
    t(sched_setaffinity(-1, sizeof all, &all));
    t(sched_getaffinity(0, 1, &got));
    t(sched_getaffinity(0, 7, &got));
    t(sched_getaffinity(1 << 22, sizeof got, &got));
    v(syscall(SYS_sched_getaffinity, 0, 128, &got) % 8 == 0);
    t(syscall(SYS_getcpu, 0, 0, 0));
    say("-- io priority\n");
    p = spawn({
        t(syscall(SYS_ioprio_get, 1, 0));
        t(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
        t(syscall(SYS_ioprio_get, 1, 0));
        t(syscall(SYS_ioprio_set, 9, 0, 2 << 13));
        t(syscall(SYS_ioprio_get, 1, 1 << 22));
    });
    reap(p, "ioprio");
    return 0;
}

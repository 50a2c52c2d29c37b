/* rseq(2): registration, what the area says, sections that signals abort, bad descriptors, membarrier, and counters one for each processor that no
 * thread may corrupt. */
#include "../guest.h"
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>

#define SIG 0x53053053
#define NCPU 1024
extern char **environ;
static __thread struct rseq area __attribute__((aligned(32)));
static int reg(void *a, unsigned len, int flags, unsigned sig) { return syscall(SYS_rseq, a, len, flags, sig); }

static volatile int handled, stop;
static void on_alarm(int s) { (void)s; handled++; }

/* Spin inside a section until something aborts it. 1: aborted, 0: `stop` was seen. */
static int spin(unsigned version, unsigned flags, unsigned word)
{
    struct rseq_cs cs;
    int r;
    cs.version = version;
    cs.flags = flags;
    __asm__ volatile(
        "lea 1f(%%rip), %%rax\n mov %%rax, 8(%[cs])\n"
        "lea 2f(%%rip), %%rcx\n sub %%rax, %%rcx\n mov %%rcx, 16(%[cs])\n"
        "lea 4f(%%rip), %%rax\n cmpl $0, %[word]\n je 5f\n lea 6f(%%rip), %%rax\n 5: mov %%rax, 24(%[cs])\n"
        "mov %[cs], %[ptr]\n"
        "1: cmpl $0, %[stop]\n je 1b\n"
        "2: mov $0, %[r]\n jmp 7f\n"
        ".long 0x53053053\n"
        "4: mov $1, %[r]\n jmp 7f\n"
        ".long 0x11111111\n"
        "6: mov $2, %[r]\n"
        "7: movq $0, %[ptr]\n"
        : [r] "=&r"(r), [ptr] "+m"(area.rseq_cs)
        : [cs] "r"(&cs), [stop] "m"(stop), [word] "r"(word)
        : "rax", "rcx", "memory", "cc");
    return r;
}

static long counters[NCPU][16];
static void *count(void *arg)
{
    long n = (long)arg, aborts = 0;
    reg(&area, sizeof area, 0, SIG);
    for (long i = 0; i < n;) {
        struct rseq_cs cs = { 0 };
        unsigned cpu = *(volatile unsigned *)&area.cpu_id_start;
        long *p = counters[cpu % NCPU];
        int r;
        __asm__ volatile(
            "lea 1f(%%rip), %%rax\n mov %%rax, 8(%[cs])\n"
            "lea 2f(%%rip), %%rcx\n sub %%rax, %%rcx\n mov %%rcx, 16(%[cs])\n"
            "lea 4f(%%rip), %%rax\n mov %%rax, 24(%[cs])\n"
            "mov %[cs], %[ptr]\n"
            "1: cmp %[cpu], %[id]\n jne 3f\n"
            "mov (%[p]), %%rax\n mov $20, %%ecx\n 8: dec %%ecx\n jne 8b\n inc %%rax\n mov %%rax, (%[p])\n"
            "2: mov $1, %[r]\n jmp 7f\n"
            ".long 0x53053053\n"
            "4: nop\n"
            "3: mov $0, %[r]\n"
            "7: movq $0, %[ptr]\n"
            : [r] "=&r"(r), [ptr] "+m"(area.rseq_cs)
            : [cs] "r"(&cs), [cpu] "r"(cpu), [id] "m"(area.cpu_id), [p] "r"(p)
            : "rax", "rcx", "memory", "cc");
        if (r) i++;
        else aborts++;
    }
    return (void *)aborts;
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!getenv("AGAIN")) {
        /* The C library is not to register its own. */
        setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
        setenv("AGAIN", "1", 1);
        execve("/proc/self/exe", argv, environ);
    }
    fresh();
    say("-- arguments\n");
    t(reg((char *)&area + 4, 32, 0, SIG));
    t(reg((char *)&area + 16, 32, 0, SIG));
    t(reg(&area, 31, 0, SIG));
    t(reg(&area, 0, 0, SIG));
    t(reg(&area, 32, 2, SIG));
    t(reg(&area, 32, 8, SIG));
    t(reg(&area, 32, 3, SIG));
    t(reg(&area, 32, 1, SIG));
    t(reg((void *)0xffffffffffffffe0, 32, 0, SIG));
    t(reg((void *)0x7ffffffff000, 32, 0, SIG));
    area.cpu_id = -1;
    area.node_id = area.mm_cid = 77;
    t(reg(&area, 32, 0, SIG));
    v(area.cpu_id < NCPU && area.cpu_id == area.cpu_id_start);
    v(area.node_id);
    v(area.mm_cid);
    v(area.rseq_cs);
    t(reg(&area, 32, 0, SIG));
    t(reg(&area, 32, 0, SIG + 1));
    t(reg(&area, 64, 0, SIG));
    t(reg(&area + 1, 32, 0, SIG));
    t(reg(&area, 32, 1, SIG + 1));
    t(reg(&area, 64, 1, SIG));
    t(reg(&area, 32, 1, SIG));
    v((int)area.cpu_id == -1 && area.cpu_id_start == 0);
    t(reg(&area, 32, 1, SIG));
    t(reg(&area, 32, 0, SIG));

    say("-- a child has its own\n");
    pid_t p = spawn({
        v(area.cpu_id < NCPU);
        t(reg(&area, 32, 0, SIG));
        t(reg(&area, 32, 1, SIG));
        v((int)area.cpu_id == -1);
    });
    reap(p, "child");
    v(area.cpu_id < NCPU);

    say("-- affinity\n");
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    int last = 0;
    for (int i = 0; i < NCPU; i++) if (CPU_ISSET(i, &all)) last = i;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    t(sched_setaffinity(0, sizeof one, &one));
    v((int)area.cpu_id == last);
    unsigned cpu = 99;
    syscall(SYS_getcpu, &cpu, 0, 0);
    v((int)cpu == last);
    t(sched_setaffinity(0, sizeof all, &all));

    say("-- sections\n");
    struct sigaction sa = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &sa, 0);
    struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
    setitimer(ITIMER_REAL, &soon, 0);
    int r = 0;
    while (!handled) r = spin(0, 0, 0);
    v(r);
    v(area.rseq_cs);
    static unsigned words[2] = { SIG, 0 };
    struct rseq_cs far = { 0, 0, 4096, 16, (uintptr_t)&words[1] };
    area.rseq_cs = (uintptr_t)&far;
    *(volatile int *)&handled = 0;
    kill(getpid(), SIGALRM);
    v(handled);
    v(area.rseq_cs != 0);
    area.rseq_cs = 0;
    stop = 1;
    v(spin(0, 0, 0));
    stop = 0;

    say("-- bad ones\n");
    p = spawn({ setitimer(ITIMER_REAL, &soon, 0); spin(1, 0, 0); });
    reap(p, "version");
    p = spawn({ setitimer(ITIMER_REAL, &soon, 0); spin(0, 2, 0); });
    reap(p, "flags");
    p = spawn({ setitimer(ITIMER_REAL, &soon, 0); spin(0, 0, 1); });
    reap(p, "signature");
    p = spawn({ area.rseq_cs = 8; kill(getpid(), SIGALRM); });
    reap(p, "descriptor");
    p = spawn({ area.rseq_cs = 1UL << 62; kill(getpid(), SIGALRM); });
    reap(p, "descriptor");
    p = spawn({
        area.rseq_cs = 8;
        signal(SIGSEGV, on_alarm);
        kill(getpid(), SIGALRM);
    });
    reap(p, "with a handler");
    p = spawn({
        struct rseq_cs within = { 0, 0, (uintptr_t)main, 64, (uintptr_t)main + 8 };
        area.rseq_cs = (uintptr_t)&within;
        kill(getpid(), SIGALRM);
    });
    reap(p, "abort within");
    p = spawn({
        t(reg(&area, 32, 1, SIG));
        void *bad = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        reg(bad, 32, 0, SIG);
        say("not reached\n");
    });
    reap(p, "read-only area");

    say("-- membarrier\n");
    t(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
    t(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0));
    t(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
    t(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
    t(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 1, 0));
    t(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 1, 0));
    v(syscall(SYS_membarrier, MEMBARRIER_CMD_GET_REGISTRATIONS, 0, 0));

    say("-- counters\n");
    enum { THREADS = 8, EACH = 400000 };
    pthread_t th[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&th[i], 0, count, (void *)EACH);
    for (int i = 0; i < THREADS; i++) pthread_join(th[i], 0);
    long sum = 0;
    for (int i = 0; i < NCPU; i++) sum += counters[i][0];
    v(sum == (long)THREADS * EACH);
    return 0;
}

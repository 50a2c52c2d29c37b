/* signal(7): x87, SSE and AVX registers survive handlers, context switches and system calls; a handler starts with clean control
 * words; fork copies them; a new program starts with the defaults. */
#include "../guest.h"

static int avx;
static volatile int hits;
static void trash(void)
{
    if (avx) __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0; vmovdqa %%ymm0,%%ymm7; vmovdqa %%ymm0,%%ymm15" : : : "xmm0", "xmm7", "xmm15");
    else __asm__ volatile("pcmpeqd %%xmm0,%%xmm0; movdqa %%xmm0,%%xmm7; movdqa %%xmm0,%%xmm15" : : : "xmm0", "xmm7", "xmm15");
    __asm__ volatile("fninit; fldpi; fldpi; fldpi");
    __asm__ volatile("fninit");
    unsigned csr = 0x1f80 | 0x2000;
    __asm__ volatile("ldmxcsr %0" : : "m"(csr));
}
static void handler(int s)
{
    unsigned csr;
    unsigned short cw;
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
    if (!hits++) say("  in the handler of %s: mxcsr %#x cw %#x\n", signame(s), csr & ~0x3f, cw);
    trash();
}
static void fill(unsigned char *b, int n, int seed) { for (int i = 0; i < n; i++) b[i] = i * 7 + seed; }
static unsigned char in[512] __attribute__((aligned(64))), out[512] __attribute__((aligned(64)));

static void load(void)
{
    if (avx)
        __asm__ volatile("vmovdqa (%0),%%ymm0; vmovdqa 32(%0),%%ymm1; vmovdqa 64(%0),%%ymm7; vmovdqa 96(%0),%%ymm8; vmovdqa 128(%0),%%ymm15" : : "r"(in) : "memory");
    else
        __asm__ volatile("movdqa (%0),%%xmm0; movdqa 32(%0),%%xmm1; movdqa 64(%0),%%xmm7; movdqa 96(%0),%%xmm8; movdqa 128(%0),%%xmm15" : : "r"(in) : "memory");
}
static int store(void)
{
    if (avx)
        __asm__ volatile("vmovdqa %%ymm0,(%0); vmovdqa %%ymm1,32(%0); vmovdqa %%ymm7,64(%0); vmovdqa %%ymm8,96(%0); vmovdqa %%ymm15,128(%0); vzeroupper" : : "r"(out) : "memory");
    else
        __asm__ volatile("movdqa %%xmm0,(%0); movdqa %%xmm1,32(%0); movdqa %%xmm7,64(%0); movdqa %%xmm8,96(%0); movdqa %%xmm15,128(%0)" : : "r"(out) : "memory");
    int bad = 0;
    for (int i = 0; i < 160; i++) if ((avx || i % 32 < 16) && out[i] != in[i]) bad++;
    return bad;
}

int main(int argc, char **argv)
{
    (void)argv;
    unsigned csr;
    unsigned short cw;
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
    if (argc > 1) { say("after exec: mxcsr %#x cw %#x\n", csr & ~0x3f, cw); return 0; }
    fresh();
    avx = __builtin_cpu_supports("avx") != 0;
    say("at start: mxcsr %#x cw %#x\n", csr & ~0x3f, cw);
    fill(in, 160, 3);
    on(SIGUSR1, handler, 0);
    pid_t me = getpid();
    long r;
    load();
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_kill), "D"(me), "S"(SIGUSR1) : "rcx", "r11", "memory");
    say("over a handler: %d bytes changed\n", store());
    load();
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_sched_yield) : "rcx", "r11", "memory");
    say("over a system call: %d\n", store());
    struct timespec ts = { 0, 5000000 };
    load();
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_nanosleep), "D"(&ts), "S"(0) : "rcx", "r11", "memory");
    say("over a sleep: %d\n", store());
    load();
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_fork) : "rcx", "r11", "memory");
    int bad = store();
    if (r == 0) { say("in the forked child: %d\n", bad); _exit(0); }
    reap(r, "child");
    say("in the parent: %d\n", bad);

    /* A timer interrupts a loop that lives in registers. */
    on(SIGALRM, handler, SA_RESTART);
    struct itimerval it = { { 0, 2000 }, { 0, 2000 } }, off = { { 0 } };
    setitimer(ITIMER_REAL, &it, 0);
    hits = 1;
    bad = 0;
    double acc = 0;
    for (long i = 1; hits < 30 && i < 2000000000; i++) {
        double a = (double)(i & 1023), b = a * 1.5 + 0.25;
        acc = b / (a + 0.5);
        if (b - a * 1.5 != 0.25) bad++;
        if ((i & 4095) == 0) { load(); for (volatile int k = 0; k < 200; k++) {} bad += store(); }
    }
    setitimer(ITIMER_REAL, &off, 0);
    say("under a timer: %d, handlers ran %d, sane %d\n", bad, hits >= 30, acc > 0);

    /* Control words are kept over a handler that changes them. */
    csr = 0x1f80 | 0x4000;
    cw = 0x0e7f;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(csr), "m"(cw));
    raise(SIGUSR1);
    csr = cw = 0;
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
    say("control words after a handler: %#x %#x\n", csr & ~0x3f, cw);
    reap(spawn({ csr = cw = 0; __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw)); say("in a child: %#x %#x\n", csr & ~0x3f, cw); }), "child");
    reap(spawn(execl("/proc/self/exe", "self", "x", NULL)), "exec");
    double x = 1.0;
    __asm__ volatile("fldl %1; fldpi; fldl2e" : "=m"(x) : "m"(x));
    raise(SIGUSR1);
    __asm__ volatile("fstpl %0" : "=m"(x));
    say("x87 stack: %d", x > 1.44 && x < 1.45);
    __asm__ volatile("fstpl %0" : "=m"(x));
    say(" %d", x > 3.14 && x < 3.15);
    __asm__ volatile("fstpl %0" : "=m"(x));
    say(" %d\n", x == 1.0);
    return 0;
}

/* Thousands of signals a thread sends itself, from several threads at once, with timers on top: every integer and vector register, the flags, MXCSR and the thread pointer are the same behind each; what a handler writes into its frame is there after it. */
#include "../guest.h"
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#define ROUNDS 3000
static __thread int seen;
static int timers;

static void on_usr1(int sig, siginfo_t *si, void *uc_)
{
    ucontext_t *uc = uc_;
    seen++;
    /* Whatever the handler does to its own registers is gone afterwards. */
    __asm__ volatile("pcmpeqd %%xmm3,%%xmm3\n pcmpeqd %%xmm9,%%xmm9\n fldpi\n" ::: "xmm3", "xmm9");
    unsigned int csr = 0x9fc0;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    if (seen % 2) {
        uc->uc_mcontext.gregs[REG_R15] += 1;
        ((unsigned *)uc->uc_mcontext.fpregs->_xmm[5].element)[0] += 1;
    }
}
static void on_alarm(int sig) { __atomic_add_fetch(&timers, 1, __ATOMIC_RELAXED); }

/* kill(self) by a raw call with known registers: 0 when all is as expected behind it. */
static long once(long pid, long tid, long n)
{
    unsigned long r12 = 0x1212 + n, r13 = 0x1313 + n, r14 = 0x1414 + n, r15 = 0x1515 + n;
    double x3[2] = { n * 1.5, -n }, x5[2], x9[2] = { n * 2.5, 7 };
    memset(x5, 0, sizeof x5);
    ((unsigned *)x5)[0] = n;
    double y3[2], y5[2], y9[2];
    unsigned csr0 = 0x1f80 | ((n & 3) << 13), csr1;
    unsigned long flags;
    long rax;
    __asm__ volatile(
        "ldmxcsr %[csr0]\n movupd %[x3],%%xmm3\n movupd %[x5],%%xmm5\n movupd %[x9],%%xmm9\n"
        "mov %[r12],%%r12\n mov %[r13],%%r13\n mov %[r14],%%r14\n mov %[r15],%%r15\n"
        "stc\n"
        "mov $234,%%eax\n syscall\n"
        "pushfq\n pop %[flags]\n"
        "mov %%r12,%[r12]\n mov %%r13,%[r13]\n mov %%r14,%[r14]\n mov %%r15,%[r15]\n"
        "movupd %%xmm3,%[y3]\n movupd %%xmm5,%[y5]\n movupd %%xmm9,%[y9]\n stmxcsr %[csr1]\n"
        : "=a"(rax), [r12] "+m"(r12), [r13] "+m"(r13), [r14] "+m"(r14), [r15] "+m"(r15), [y3] "=m"(y3), [y5] "=m"(y5), [y9] "=m"(y9), [csr1] "=m"(csr1), [flags] "=&r"(flags)
        : "D"(pid), "S"(tid), "d"(SIGUSR1), [csr0] "m"(csr0), [x3] "m"(x3), [x5] "m"(x5), [x9] "m"(x9)
        : "rcx", "r11", "r12", "r13", "r14", "r15", "xmm3", "xmm5", "xmm9", "memory", "cc");
    int odd = seen % 2;
    long bad = rax != 0;
    bad |= (r12 != 0x1212ul + n) << 1 | (r13 != 0x1313ul + n) << 2 | (r14 != 0x1414ul + n) << 3 | (r15 != 0x1515ul + n + odd) << 4;
    bad |= (memcmp(x3, y3, 16) != 0) << 5 | (memcmp(x9, y9, 16) != 0) << 6 | (((unsigned *)y5)[0] != n + odd) << 7 | (csr0 != (csr1 & ~0x3fu)) << 8 | !(flags & 1) << 9;
    return bad;
}

static void *storm(void *arg)
{
    long n, bad = 0, pid = getpid(), tid = gettid();
    for (n = 0; n < ROUNDS && !bad; n++) bad = once(pid, tid, n);
    static char out[8][64];
    char *mine = out[(long)arg];
    snprintf(mine, 64, "%ld rounds, %d signals, differences %#lx", n, seen, bad);
    return mine;
}

int main(void)
{
    struct sigaction a = { .sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO }, b = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    must(sigaction(SIGUSR1, &a, 0));
    must(sigaction(SIGALRM, &b, 0));
    say("alone: %s\n", (char *)storm(0));
    seen = 0;
    setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 2000 }, { 0, 2000 } }, 0);
    pthread_t t[4];
    for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, storm, (void *)(i + 1));
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(t[i], &r);
        say("thread %d: %s\n", i, (char *)r);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, 0);
    say("timers: %s\n", timers > 0 ? "some" : "none");
    return 0;
}

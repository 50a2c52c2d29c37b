// flags: -nostdlib -static -fno-stack-protector -fcf-protection=none
/* clone(2), futex(2), set_thread_area-free TLS: threads made without a C library: stacks, FS base by CLONE_SETTLS, locks by futex, the cleared
 * tid word as join. */
#include "raw.h"

#define CLONE_ALL (0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x80000 | 0x200000 | 0x1000000)
static volatile int lock_;
static volatile long counter;
static volatile int tids[8], order_;
static long tls[8][2];
static char stacks[8][16384] __attribute__((aligned(16)));

static void lock(void)
{
    int c = 0;
    if (__atomic_compare_exchange_n(&lock_, &c, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    while (__atomic_exchange_n(&lock_, 2, __ATOMIC_SEQ_CST)) sys(202, &lock_, 128, 2, 0);
}
static void unlock(void)
{
    if (__atomic_exchange_n(&lock_, 0, __ATOMIC_SEQ_CST) == 2) sys(202, &lock_, 129, 1);
}
__attribute__((used)) static void thread(long i)
{
    long own;
    __asm__ volatile("mov %%fs:8, %0" : "=r"(own));
    if (own != i * 100) out("wrong thread-local value\n");
    for (int k = 0; k < 2000; k++) {
        lock();
        long x = counter;
        if (k % 200 == 0) sys(24);
        counter = x + 1;
        unlock();
    }
    __atomic_add_fetch(&order_, 1, __ATOMIC_SEQ_CST);
}
/* rdi flags, rsi stack, rdx parent word, r10 child word, r8 tls, r9 index for the thread */
__attribute__((naked)) static long start(long flags, void *stack, void *ptid, void *ctid, void *tp, long index)
{
    __asm__ volatile("mov %rcx, %r10\n mov $56, %eax\n syscall\n test %rax, %rax\n jz 1f\n ret\n"
                     "1: mov %r9, %rdi\n xor %ebp, %ebp\n and $-16, %rsp\n call thread\n mov $60, %eax\n xor %edi, %edi\n syscall\n hlt\n");
}

__attribute__((used)) void entry(ul *sp)
{
    (void)sp;
    long pid = sys(39);
    num("main's tid is the pid", sys(186) == pid);
    for (long i = 0; i < 8; i++) {
        tls[i][0] = (long)tls[i];
        tls[i][1] = i * 100;
        tids[i] = -1;
        long t = start(CLONE_ALL, stacks[i] + 16384 - 16, 0, (void *)&tids[i], tls[i], i);
        if (t < 0) num("clone failed", t);
    }
    for (int i = 0; i < 8; i++) {
        int t;
        while ((t = __atomic_load_n(&tids[i], __ATOMIC_SEQ_CST)) != 0 && sys(202, &tids[i], 0, t, 0) != 999) {}
    }
    num("counter", counter);
    num("threads ended", order_);
    num("FS base of main untouched", sys(158, 0x1003, &tls[0][0]) == 0 && tls[0][0] == 0);
    num("arch_prctl set", sys(158, 0x1002, tls[3]));
    long own;
    __asm__ volatile("mov %%fs:8, %0" : "=r"(own));
    num("through FS", own);
    num("no robust list", sys(273, 0, 24));
    /* fork by the raw call, from a program without atfork handlers. */
    long c = sys(57);
    if (c == 0) { num("child's FS is kept", ({ long x; __asm__ volatile("mov %%fs:8, %0" : "=r"(x)); x; })); sys(231, 7); }
    int st = 0;
    num("wait4", sys(61, c, &st, 0, 0) == c);
    num("status", st >> 8);
    sys(231, 0);
}

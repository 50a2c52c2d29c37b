/* sigaction(2), getcontext(3): the context a handler gets and what its changes do: registers, instruction pointer, flags,
 * signal mask, vector state; the frame's place and alignment; the red zone. */
#include "../guest.h"
#include <ucontext.h>

static volatile int mode;
static volatile unsigned long frame_gap, frame_align;
static void handler(int s, siginfo_t *si, void *uc)
{
    (void)s;
    (void)si;
    ucontext_t *u = uc;
    greg_t *g = u->uc_mcontext.gregs;
    frame_align = (unsigned long)__builtin_frame_address(0) & 15;
    frame_gap = g[REG_RSP] - (unsigned long)__builtin_frame_address(0);
    switch (mode) {
    case 1: g[REG_RIP] += 2; break;
    case 2: g[REG_RIP] += 2; g[REG_RBX] = 0x1234; g[REG_R15] = 0x5678; g[REG_RAX] = -1; break;
    case 3: g[REG_RIP] += 2; g[REG_EFL] |= 1 | 0x40; break;
    case 4: g[REG_RIP] += 2; sigaddset(&u->uc_sigmask, SIGUSR2); sigaddset(&u->uc_sigmask, SIGKILL); break;
    case 5: g[REG_RIP] += 2; g[REG_EFL] |= 0x3000 | 0x20000 | 0x4000; break;
    case 6: g[REG_RIP] = 0; break;
    case 7: g[REG_RIP] = 0x800000000000UL; break;
    case 8: g[REG_RIP] += 2; u->uc_mcontext.fpregs->_xmm[3].element[0] = 0xabcd; u->uc_mcontext.fpregs->mxcsr = 0x1f80 | 0x6000; break;
    case 9: g[REG_RIP] += 2; u->uc_mcontext.fpregs->mxcsr = 0xffff0000; break;
    case 11: g[REG_RIP] += 2; u->uc_stack.ss_size = 5; break;
    }
}
static void bad(int s, siginfo_t *si, void *uc)
{
    ucontext_t *u = uc;
    say("  %s code %d rip zero %d\n", signame(s), si->si_code, u->uc_mcontext.gregs[REG_RIP] == 0);
    _exit(3);
}

int main(void)
{
    fresh();
    on(SIGILL, handler, SA_SIGINFO);
    unsigned long rbx, r15, rax, fl;
    mode = 1;
    __asm__ volatile("mov $11,%%rbx; mov $15,%%r15; mov $7,%%eax; ud2; mov %%rbx,%0; mov %%r15,%1; mov %%rax,%2" : "=m"(rbx), "=m"(r15), "=m"(rax) : : "rbx", "r15", "rax");
    say("skipped: rbx %ld r15 %ld rax %ld\n", rbx, r15, rax);
    say("handler's frame: aligned %ld, gap over the red zone %d\n", frame_align, frame_gap >= 128 && frame_gap < 65536);
    mode = 2;
    __asm__ volatile("mov $11,%%rbx; mov $15,%%r15; mov $7,%%eax; ud2; mov %%rbx,%0; mov %%r15,%1; mov %%rax,%2" : "=m"(rbx), "=m"(r15), "=m"(rax) : : "rbx", "r15", "rax");
    say("changed: rbx %#lx r15 %#lx rax %ld\n", rbx, r15, (long)rax);
    mode = 3;
    __asm__ volatile("xor %%eax,%%eax; inc %%eax; clc; ud2; pushf; pop %0" : "=r"(fl) : : "rax", "cc");
    say("carry and zero set: %#lx\n", fl & 0x41);
    mode = 5;
    __asm__ volatile("ud2; pushf; pop %0" : "=r"(fl) : : "cc");
    say("IOPL, VM and NT asked for: %#lx\n", fl & 0x27000);
    mode = 4;
    sigset_t m;
    __asm__ volatile("ud2");
    sigprocmask(SIG_BLOCK, 0, &m);
    say_set("mask after", &m);
    unblock(SIGUSR2);
    mode = 8;
    unsigned x = 0, csr = 0;
    __asm__ volatile("pxor %%xmm3,%%xmm3; ud2; movd %%xmm3,%0; stmxcsr %1" : "=r"(x), "+m"(csr) : : "xmm3");
    say("xmm3 %#x rounding %#x\n", x, csr & 0x6000);
    csr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(csr));
    mode = 1;
    /* Data below the stack pointer, in the red zone, stays. */
    unsigned long rz;
    __asm__ volatile("movq $0x1111,-8(%%rsp); movq $0x2222,-128(%%rsp); ud2; movq -8(%%rsp),%0; addq -128(%%rsp),%0" : "=r"(rz) : : "memory");
    say("red zone %#lx\n", rz);
    /* The direction flag is clear in the handler and restored after it. */
    __asm__ volatile("std; ud2; pushf; pop %0; cld" : "=r"(fl) : : "cc");
    say("direction flag after %#lx\n", fl & 0x400);

    on(SIGSEGV, bad, SA_SIGINFO);
    mode = 6;
    reap(spawn(__asm__ volatile("ud2")), "rip 0");
    mode = 7;
    reap(spawn(__asm__ volatile("ud2")), "rip not canonical");
    mode = 9;
    reap(spawn({ __asm__ volatile("ud2"); say("went on\n"); }), "reserved bits in mxcsr");
    mode = 11;
    reap(spawn({ __asm__ volatile("ud2"); say("went on\n"); }), "a bad alternate stack in the context");
    /* sigreturn by hand on a stack without a frame. */
    reap(spawn({ __asm__ volatile("mov $16,%%rsp; mov $15,%%eax; syscall" : : : "memory"); }), "sigreturn from nowhere");
    return 0;
}

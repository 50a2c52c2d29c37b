/* ptrace(2): PEEK and POKE of memory (also where the program may not write), of the USER area, register sets, FPU and vector state, siginfo, masks. */
#include "tracer.h"
#include <immintrin.h>

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

static const volatile long constant = 0x1122334455667788;
static volatile long variable = 5;

static __attribute__((noinline)) long probed(long x) { asm volatile(""); return x + 1; }

int main(void)
{
    fresh();
    pid_t p = fork();
    if (!p) {
        P(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        say("child: constant %lx variable %ld probed %ld\n", constant, variable, probed(1));
        register long rbx asm("rbx") = 0x5151;
        asm volatile("movq %%rbx, %%xmm7; int3" : "+b"(rbx) : : "xmm7", "memory");
        say("child: rbx %lx\n", rbx);
        raise(SIGUSR1);
        _exit(0);
    }
    await("start", p);
    long v = -1;
    TRY("peek", P(PTRACE_PEEKDATA, p, &constant, &v));
    say("constant %lx\n", v);
    TRY("peek unaligned", P(PTRACE_PEEKDATA, p, (char *)&constant + 1, &v));
    TRY("peek nowhere", P(PTRACE_PEEKDATA, p, 8, &v));
    TRY("peek into nowhere", P(PTRACE_PEEKDATA, p, &constant, 8));
    TRY("poke a constant", P(PTRACE_POKEDATA, p, &constant, 0x77));
    TRY("poke a variable", P(PTRACE_POKEDATA, p, &variable, 6));
    TRY("poke nowhere", P(PTRACE_POKEDATA, p, 8, 6));
    say("mine %lx %ld\n", constant, variable);
    /* a breakpoint in private text */
    long old;
    P(PTRACE_PEEKTEXT, p, probed, &old);
    long mine;
    memcpy(&mine, (void *)probed, 8);
    say("text is the same %d\n", old == mine);
    TRY("breakpoint", P(PTRACE_POKETEXT, p, probed, (old & ~0xffl) | 0xcc));
    P(PTRACE_CONT, p, 0, 0);
    await("breakpoint", p);
    struct user_regs_struct r;
    P(PTRACE_GETREGS, p, 0, &r);
    siginfo_t si;
    TRY("siginfo", P(PTRACE_GETSIGINFO, p, 0, &si));
    say("rip behind it %d rdi %lld orig %lld code %x\n", r.rip == (long)probed + 1, r.rdi, r.orig_rax, si.si_code);
    r.rip--;
    r.rdi = 41;
    P(PTRACE_SETREGS, p, 0, &r);
    P(PTRACE_POKETEXT, p, probed, old);
    P(PTRACE_CONT, p, 0, 0);
    await("int3", p);
    P(PTRACE_GETREGS, p, 0, &r);
    say("rbx %llx cs %llx ss %llx ds %llx eflags IF %d\n", r.rbx, r.cs, r.ss, r.ds, !!(r.eflags & 0x200));
    TRY("peekuser", P(PTRACE_PEEKUSR, p, offsetof(struct user, regs.rbx), &v));
    say("rbx %lx\n", v);
    TRY("peekuser unaligned", P(PTRACE_PEEKUSR, p, 3, &v));
    TRY("peekuser beyond", P(PTRACE_PEEKUSR, p, sizeof(struct user), &v));
    TRY("pokeuser", P(PTRACE_POKEUSR, p, offsetof(struct user, regs.rbx), 0x6161));
    TRY("pokeuser fs_base", P(PTRACE_POKEUSR, p, offsetof(struct user, regs.fs_base), -1));
    TRY("pokeuser cs", P(PTRACE_POKEUSR, p, offsetof(struct user, regs.cs), 0));
    TRY("debug register", P(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg[6]), &v));
    TRY("debug register 4", P(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg[4]), 0));
    struct user_fpregs_struct f;
    TRY("fpregs", P(PTRACE_GETFPREGS, p, 0, &f));
    say("xmm7 %x cwd %x mxcsr %x\n", f.xmm_space[28], f.cwd, f.mxcsr);
    struct iovec iov = { &r, sizeof r + 64 };
    TRY("regset", P(PTRACE_GETREGSET, p, NT_PRSTATUS, &iov));
    say("length %zu\n", iov.iov_len);
    iov.iov_len = 16;
    TRY("regset, part", P(PTRACE_GETREGSET, p, NT_PRSTATUS, &iov));
    say("length %zu\n", iov.iov_len);
    iov.iov_len = 15;
    TRY("regset, odd", P(PTRACE_GETREGSET, p, NT_PRSTATUS, &iov));
    iov.iov_len = 16;
    TRY("regset, unknown", P(PTRACE_GETREGSET, p, 0x999, &iov));
    static uint64_t x[2048];
    iov = (struct iovec){ x, sizeof x };
    TRY("xstate", P(PTRACE_GETREGSET, p, NT_X86_XSTATE, &iov));
    say("some length %d features %d xmm7 %lx\n", iov.iov_len > 576, (x[464 / 8] & 7) == 7, (long)x[(160 + 7 * 16) / 8]);
    TRY("xstate back", P(PTRACE_SETREGSET, p, NT_X86_XSTATE, &iov));
    uint64_t mask = 0;
    TRY("mask size", P(PTRACE_GETSIGMASK, p, 4, &mask));
    TRY("mask", P(PTRACE_GETSIGMASK, p, 8, &mask));
    say("mask %lx\n", (long)mask);
    mask = 1ul << (SIGUSR2 - 1);
    TRY("set mask", P(PTRACE_SETSIGMASK, p, 8, &mask));
    TRY("get mask", P(PTRACE_GETSIGMASK, p, 8, &mask));
    say("mask %lx\n", (long)mask);
    kill(p, SIGUSR2);
    P(PTRACE_CONT, p, 0, 0);
    await("SIGUSR1", p);
    TRY("siginfo", P(PTRACE_GETSIGINFO, p, 0, &si));
    say("%s code %d pid %d\n", signame(si.si_signo), si.si_code, si.si_pid == p);
    struct { uint64_t off; uint32_t flags; int32_t nr; } args = { 0, 1, 4 };
    siginfo_t many[4];
    TRY("peek siginfo, shared", P(PTRACE_PEEKSIGINFO, p, &args, many));
    say("%s\n", signame(many[0].si_signo));
    args.flags = 2;
    TRY("peek siginfo, flags", P(PTRACE_PEEKSIGINFO, p, &args, many));
    P(PTRACE_CONT, p, 0, 0);
    await("end", p);
    return 0;
}

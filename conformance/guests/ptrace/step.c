/* ptrace(2): PTRACE_SINGLESTEP over instructions, a system call, a fault, a signal handler; the trap flag is not seen. */
#include "tracer.h"

static volatile int handled;
static void handler(int s) { handled++; }

int main(void)
{
    fresh();
    pid_t p = fork();
    if (!p) {
        signal(SIGUSR1, handler);
        P(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        long n;
        static volatile char page[4096 * 3];
        asm volatile("int3; nop; mov $1, %%eax; add $2, %%eax; pushf; pop %%rcx; mov $39, %%eax; syscall; nop; movb $1, (%1); nop; int3"
            : "=a"(n) : "r"(page + 5000) : "rcx", "r11", "memory");
        kill(getpid(), SIGUSR1);
        say("child: handled %d\n", handled);
        _exit(0);
    }
    int st;
    waitpid(p, &st, 0);
    P(PTRACE_CONT, p, 0, 0);
    await("int3", p);
    struct user_regs_struct r, q;
    siginfo_t si;
    P(PTRACE_GETREGS, p, 0, &r);
    unsigned long long start = r.rip;
    for (int i = 0; i < 14; i++) {
        P(PTRACE_SINGLESTEP, p, 0, 0);
        waitpid(p, &st, 0);
        P(PTRACE_GETREGS, p, 0, &q);
        P(PTRACE_GETSIGINFO, p, 0, &si);
        say("%s +%lld code %d trap flag %d addr is rip %d\n", words(st), (long long)(q.rip - start), si.si_code, !!(q.eflags & 0x100),
            (unsigned long)si.si_addr == q.rip);
        if (si.si_code == 0x80) break;
    }
    /* to the signal, and one step with it: into the handler */
    P(PTRACE_CONT, p, 0, 0);
    await("SIGUSR1", p);
    P(PTRACE_SINGLESTEP, p, 0, SIGUSR1);
    await("step with a signal", p);
    P(PTRACE_GETREGS, p, 0, &q);
    say("at the handler's start %d, rdi %lld\n", q.rip == (unsigned long)handler, q.rdi);
    P(PTRACE_CONT, p, 0, 0);
    await("end", p);
    return 0;
}

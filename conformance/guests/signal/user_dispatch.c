/* prctl(2) PR_SET_SYSCALL_USER_DISPATCH: calls that become SIGSYS, the selector, the region, children and programs, ptrace(2). */
#include "../guest.h"
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <ucontext.h>
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#ifndef PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG 0x4210
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif

static volatile char selector;
static volatile int nr, code, at_call;
static long answer;

static void on_sys(int sig, siginfo_t *si, void *u)
{
    ucontext_t *c = u;
    selector = 0;
    nr = si->si_syscall;
    code = si->si_code;
    at_call = (uintptr_t)si->si_call_addr == (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
    say("  caught %s call %d rax %lld code %d at the call %d errno %d\n", signame(sig), nr, c->uc_mcontext.gregs[REG_RAX], code, at_call, si->si_errno);
    c->uc_mcontext.gregs[REG_RAX] = answer;
}

static long set(long mode, long offset, long len, volatile char *sel)
{
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, offset, len, sel);
}

static long call(long n)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(0L), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
    return r;
}

int main(void)
{
    fresh();
    on(SIGSYS, on_sys, SA_SIGINFO);
    if (set(1, 0, 0, &selector) < 0) skip("no dispatch of calls here");
    set(0, 0, 0, 0);
    t(set(2, 0, 0, 0));
    t(set(0, 1, 0, 0));
    t(set(0, 0, 1, 0));
    t(set(0, 0, 0, &selector));
    t(set(1, 1, 0, &selector));
    t(set(1, 4096, -4096, &selector));
    t(set(1, -1, 5, &selector));
    t(set(1, 0, 0, (char *)0x8000000000000000));
    t(set(1, 0, 0, &selector));
    long before = getppid();
    answer = 4711;
    selector = 1;
    long r = call(SYS_getppid);
    say("answered: %ld\n", r);
    selector = 1;
    r = call(777777);
    say("unknown number: %ld\n", r);
    say("after the handler: %d\n", call(SYS_getppid) == before);
    /* all of the program's text is let through */
    extern char __executable_start, etext;
    t(set(1, (long)&__executable_start, &etext - &__executable_start, &selector));
    selector = 1;
    r = call(SYS_getppid);
    selector = 0;
    say("from the region: %d\n", r == before);
    t(set(1, 0, 0, &selector));
    pid_t p = fork();
    if (!p) {
        selector = 1;
        r = call(SYS_getppid);
        say("a child is free of it: %d\n", r > 0 && r != 4711);
        _exit(0);
    }
    reap(p, "child");
    p = spawn(set(1, 0, 0, &selector); selector = 5; call(SYS_getppid));
    reap(p, "selector 5");
    p = spawn(set(1, 0, 0, (char *)16); call(SYS_getppid));
    reap(p, "selector that is not there");
    p = spawn(signal(SIGSYS, SIG_DFL); set(1, 0, 0, &selector); selector = 1; call(SYS_getppid));
    reap(p, "no handler");
    p = spawn(set(1, 0, 0, &selector); execl("/bin/true", "true", NULL));
    reap(p, "a new program");
    p = fork();
    if (!p) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        r = call(SYS_getppid);
        selector = 0;
        say("traced: %ld\n", r);
        _exit(0);
    }
    int st;
    waitpid(p, &st, 0);
    struct { uint64_t mode, selector, offset, len; } c = { 1, (uintptr_t)&selector, 0, 0 };
    t(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, p, 8, &c));
    t(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, p, sizeof c, &c));
    memset(&c, 9, sizeof c);
    t(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, p, sizeof c, &c));
    say("mode %ld selector %d offset %ld len %ld\n", (long)c.mode, c.selector == (uintptr_t)&selector, (long)c.offset, (long)c.len);
    c.mode = 7;
    t(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, p, sizeof c, &c));
    ptrace(PTRACE_POKEDATA, p, (void *)((uintptr_t)&selector & ~7), 0x0101010101010101);
    ptrace(PTRACE_CONT, p, 0, 0);
    waitpid(p, &st, 0);
    say_status("at the call", st);
    ptrace(PTRACE_CONT, p, 0, SIGSYS);
    reap(p, "tracee");
    return 0;
}

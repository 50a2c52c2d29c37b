/* sigaltstack(2): handlers on the alternate stack, its flags inside and outside, changing it while on it, stack overflow
 * handled, nesting on it, SS_AUTODISARM, fork and threads, argument errors. */
#include "../guest.h"
#include <pthread.h>
#include <setjmp.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
static char stack[65536] __attribute__((aligned(4096)));
static int inside(void *p) { return (char *)p >= stack && (char *)p < stack + sizeof stack; }
static void say_ss(const char *what)
{
    stack_t o;
    sigaltstack(0, &o);
    say("  %s: flags %#x size %ld at %s\n", what, o.ss_flags, (long)o.ss_size, o.ss_sp == stack ? "stack" : o.ss_sp ? "other" : "0");
}
static void handler(int s, siginfo_t *si, void *uc)
{
    (void)si;
    ucontext_t *u = uc;
    int local;
    say("  %s on the stack %d, context: flags %#x size %ld\n", signame(s), inside(&local), u->uc_stack.ss_flags, (long)u->uc_stack.ss_size);
    say_ss("inside");
    if (s == SIGUSR1) {
        stack_t n = { .ss_sp = stack, .ss_size = 32768 };
        t(sigaltstack(&n, 0));
        n.ss_flags = SS_DISABLE;
        t(sigaltstack(&n, 0));
        raise(SIGUSR2);
    }
}
static sigjmp_buf back;
static void overflow(int s, siginfo_t *si, void *uc)
{
    (void)uc;
    int local;
    say("  %s code %d on the stack %d\n", signame(s), si->si_code, inside(&local));
    siglongjmp(back, 1);
}
static int eat(int n) { volatile char b[4096]; b[0] = n; return n > 100000 ? 0 : eat(n + 1) + b[0]; }
static void *thread(void *a)
{
    (void)a;
    say_ss("in a new thread");
    return 0;
}
static long set(void *sp, long size, int flags) { stack_t n = { .ss_sp = sp, .ss_size = size, .ss_flags = flags }; return sigaltstack(&n, 0); }

int main(void)
{
    fresh();
    /* Flags without a stack are inherited, from whoever started the native run as well. */
    t(set(0, 0, SS_DISABLE));
    say_ss("at start");
    on(SIGUSR1, handler, SA_SIGINFO | SA_ONSTACK);
    on(SIGUSR2, handler, SA_SIGINFO | SA_ONSTACK);
    on(SIGHUP, handler, SA_SIGINFO);
    say("SA_ONSTACK without a stack\n");
    raise(SIGUSR2);
    t(set(stack, sizeof stack, 0));
    say_ss("set");
    say("nested\n");
    raise(SIGUSR1);
    say("without SA_ONSTACK\n");
    raise(SIGHUP);
    say("SS_AUTODISARM\n");
    t(set(stack, sizeof stack, SS_AUTODISARM));
    say_ss("set");
    raise(SIGUSR2);
    say_ss("after");
    t(set(stack, sizeof stack, SS_ONSTACK));
    say_ss("SS_ONSTACK as a flag");

    say("overflow\n");
    struct rlimit rl = { 1 << 20, RLIM_INFINITY };
    getrlimit(RLIMIT_STACK, &rl);
    rl.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_STACK, &rl);
    on(SIGSEGV, overflow, SA_SIGINFO | SA_ONSTACK);
    for (int i = 0; i < 2; i++) if (!sigsetjmp(back, 1)) say("%d", eat(0));
    say_ss("after the jump");
    reap(spawn({ on(SIGSEGV, overflow, SA_SIGINFO); say("%d", eat(0)); }), "overflow without the alternate stack");
    reap(spawn(say_ss("in a child")), "child");
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);

    say("errors\n");
    t(set(stack, 2047, 0));
    t(set(stack, 0, 0));
    t(set(stack, sizeof stack, 4));
    t(set(stack, sizeof stack, SS_DISABLE | SS_ONSTACK));
    t(set(0, 0, SS_DISABLE));
    say_ss("disabled");
    t(set((void *)16, 65536, 0));
    reap(spawn(raise(SIGUSR1)), "a stack at a bad address");
    return 0;
}

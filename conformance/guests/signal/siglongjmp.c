/* siglongjmp(3), sigsetjmp(3): leaving handlers by a jump: the mask saved or not, out of nested handlers, from the alternate
 * stack, thousands of times, out of a blocking call, out of faults at the same address. */
#include "../guest.h"
#include <setjmp.h>

static sigjmp_buf env;
static volatile int n, pfd;
static void jump(int s) { siglongjmp(env, s); }
static void inner(int s) { siglongjmp(env, s + 100); }
static void outer(int s) { n++; raise(SIGUSR2); say("not reached %d\n", s); }
static void mask(const char *what)
{
    sigset_t m;
    sigprocmask(SIG_BLOCK, 0, &m);
    say_set(what, &m);
}

int main(void)
{
    fresh();
    int r;
    on(SIGUSR1, jump, 0);
    if (!(r = sigsetjmp(env, 1))) raise(SIGUSR1);
    say("came back with %s\n", signame(r));
    mask("mask restored");
    if (!(r = sigsetjmp(env, 0))) raise(SIGUSR1);
    mask("mask not saved: the signal is still blocked");
    raise(SIGUSR1);
    say("so it only gets pending\n");
    if (!(r = sigsetjmp(env, 1))) { unblock(SIGUSR1); say("not reached\n"); }
    say("opened: %s\n", signame(r));
    mask("mask as saved");
    unblock(SIGUSR1);

    on(SIGUSR1, outer, 0);
    on(SIGUSR2, inner, 0);
    if (!(r = sigsetjmp(env, 1))) raise(SIGUSR1);
    say("out of two handlers: %d, outer ran %d\n", r, n);
    mask("mask");

    static char st[32768];
    stack_t ss = { .ss_sp = st, .ss_size = sizeof st };
    sigaltstack(&ss, 0);
    on(SIGUSR1, jump, SA_ONSTACK);
    n = 0;
    for (int i = 0; i < 3000; i++) if (!sigsetjmp(env, 1)) raise(SIGUSR1); else n++;
    sigaltstack(0, &ss);
    say("from the alternate stack %d times, flags %d\n", n, ss.ss_flags);

    on(SIGSEGV, jump, 0);
    on(SIGFPE, jump, 0);
    on(SIGILL, jump, 0);
    int seg = 0, fpe = 0, ill = 0;
    for (int i = 0; i < 1000; i++) {
        r = sigsetjmp(env, 1);
        if (r == SIGSEGV) { seg++; continue; }
        if (r == SIGFPE) { fpe++; continue; }
        if (r == SIGILL) { ill++; continue; }
        if (i % 3 == 0) *(volatile int *)16 = i;
        if (i % 3 == 1) { volatile int z = 0; z = i / z; }
        __asm__ volatile("ud2");
    }
    say("faults: %d %d %d\n", seg, fpe, ill);

    say("out of blocking calls\n");
    int p[2];
    char c;
    must(pipe(p));
    on(SIGALRM, jump, SA_RESTART);
    struct itimerval it = { { 0, 0 }, { 0, 20000 } };
    for (int i = 0; i < 3; i++) {
        if (!(r = sigsetjmp(env, 1))) {
            setitimer(ITIMER_REAL, &it, 0);
            if (i == 0) read(p[0], &c, 1);
            if (i == 1) for (;;) pause();
            if (i == 2) for (;;) n++;
        }
        say("  %s\n", signame(r));
    }
    write(p[1], "ab", 2);
    say("the pipe is as before: %ld\n", (long)read(p[0], &c, 1));
    /* An interrupted vfork-free child: jumping in a child does not touch the parent. */
    pid_t k = spawn({ if (!(r = sigsetjmp(env, 1))) raise(SIGUSR1); _exit(r); });
    reap(k, "child");
    mask("mask at the end");
    return 0;
}

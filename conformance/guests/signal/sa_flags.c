/* sigaction(2): SA_RESETHAND, SA_NODEFER, sa_mask, SA_SIGINFO and what sigaction reads back; the argument checks. */
#include "../guest.h"

static volatile int depth, count;
static void state(const char *what, int sig)
{
    sigset_t m;
    struct sigaction sa;
    sigprocmask(SIG_BLOCK, 0, &m);
    sigaction(sig, 0, &sa);
    say("  %s: disposition %s, ", what, sa.sa_handler == SIG_DFL ? "default" : sa.sa_handler == SIG_IGN ? "ignore" : "handler");
    say_set("mask", &m);
}
static void once(int s) { state("inside", s); }
static void nest(int s)
{
    depth++;
    if (++count < 4) { say("  depth %d raises\n", depth); raise(s); }
    say("  depth %d ends\n", depth);
    depth--;
}
static void info(int s, siginfo_t *si, void *u) { say("  %s info %d context %d\n", signame(s), si != 0 && si->si_signo == s, u != 0); }

static void flags(int sig, unsigned long f)
{
    struct sigaction sa = { .sa_flags = f }, old;
    sa.sa_handler = once;
    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaddset(&sa.sa_mask, SIGKILL);
    sigaddset(&sa.sa_mask, SIGSTOP);
    int r = sigaction(sig, &sa, 0);
    sigaction(sig, 0, &old);
    say("flags %#lx: %s, read back %#x handler %d ", f, r ? ename(errno) : "ok", old.sa_flags, old.sa_handler == once);
    say_set("mask", &old.sa_mask);
}
/* The kernel's own structure, to leave out the restorer or to set bits the C library would add or drop. */
struct kact { void *h; unsigned long flags; void *restorer; unsigned long mask; };

int main(void)
{
    fresh();
    say("SA_RESETHAND\n");
    on(SIGUSR1, once, SA_RESETHAND);
    raise(SIGUSR1);
    state("after", SIGUSR1);
    say("SA_RESETHAND|SA_NODEFER\n");
    on(SIGUSR1, once, SA_RESETHAND | SA_NODEFER);
    raise(SIGUSR1);
    reap(spawn(raise(SIGUSR1)), "again");
    say("plain: the signal is blocked in its handler\n");
    on(SIGUSR1, nest, 0);
    raise(SIGUSR1);
    say("SA_NODEFER\n");
    count = 0;
    on(SIGUSR1, nest, SA_NODEFER);
    raise(SIGUSR1);
    say("sa_mask\n");
    struct sigaction sa = { .sa_handler = once };
    sa.sa_mask = sigs(SIGHUP, SIGTERM, SIGKILL, SIGSTOP, SIGRTMIN);
    sigaction(SIGUSR1, &sa, 0);
    block(SIGWINCH);
    raise(SIGUSR1);
    state("after", SIGUSR1);
    sa.sa_flags = SA_NODEFER;
    sigaddset(&sa.sa_mask, SIGUSR1);
    sigaction(SIGUSR1, &sa, 0);
    raise(SIGUSR1);
    say("SA_SIGINFO\n");
    on(SIGUSR1, info, SA_SIGINFO);
    raise(SIGUSR1);
    /* On x86-64 the three arguments come without the flag too. */
    on(SIGUSR1, info, 0);
    raise(SIGUSR1);

    say("read back\n");
    unsigned long all[] = { 0, SA_RESTART, SA_NOCLDSTOP | SA_NOCLDWAIT, SA_ONSTACK, SA_NODEFER | SA_RESETHAND, 0x400, 0x800, 0x1000, 0x20000000 };
    for (int i = 0; i < COUNT(all); i++) flags(SIGUSR1, all[i]);
    struct kact k = { once, 0x04000000, (void *)0x1234, ~0UL }, o = { 0 };
    t(syscall(SYS_rt_sigaction, SIGUSR2, &k, 0, 8));
    t(syscall(SYS_rt_sigaction, SIGUSR2, 0, &o, 8));
    say("kernel flags %#lx restorer %p mask %#lx\n", o.flags, o.restorer, o.mask);

    say("errors\n");
    int bad[] = { 0, -1, 65, 1000, SIGKILL, SIGSTOP };
    for (int i = 0; i < COUNT(bad); i++) {
        int a = syscall(SYS_rt_sigaction, bad[i], &k, 0, 8) ? errno : 0, b = syscall(SYS_rt_sigaction, bad[i], 0, &o, 8) ? errno : 0;
        say("  signal %d: set %s, ", bad[i], ename(a));
        say("get %s\n", ename(b));
    }
    t(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 8));
    t(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 16));
    /* Setting works though the old action cannot be stored. */
    k.h = SIG_IGN;
    t(syscall(SYS_rt_sigaction, SIGUSR1, &k, 8, 8));
    state("now", SIGUSR1);
    return 0;
}

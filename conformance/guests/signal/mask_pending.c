/* sigprocmask(2), sigpending(2): blocking, what stays pending, the order of delivery on unblock, ignored
 * signals are dropped, SIGKILL and SIGSTOP cannot be blocked, fork clears pending. */
#include "../guest.h"

static void handler(int s) { say("handler %s\n", signame(s)); }

int main(void)
{
    fresh();
    int all[] = { SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN, SIGRTMIN + 1, SIGWINCH, SIGCHLD };
    sigset_t set, old, pend;
    for (int i = 0; i < COUNT(all); i++) on(all[i], handler, 0);
    sigfillset(&set);
    t(sigprocmask(SIG_SETMASK, &set, &old));
    say_set("old mask", &old);
    sigprocmask(SIG_BLOCK, 0, &old);
    v(sigismember(&old, SIGKILL));
    v(sigismember(&old, SIGSTOP));
    v(sigismember(&old, SIGSEGV));

    for (int i = COUNT(all) - 1; i >= 0; i--) raise(all[i]);
    sigpending(&pend);
    say_set("pending", &pend);
    pid_t p = spawn({ sigpending(&pend); say_set("pending in the child", &pend);
                      sigprocmask(SIG_BLOCK, 0, &old); v(sigismember(&old, SIGHUP)); });
    reap(p, "child");
    signal(SIGTERM, SIG_IGN);
    sigpending(&pend);
    say_set("after SIGTERM is ignored", &pend);
    signal(SIGTERM, SIG_DFL);
    sigpending(&pend);
    say_set("after it is default again", &pend);
    signal(SIGWINCH, SIG_DFL);
    sigpending(&pend);
    say_set("after SIGWINCH is default", &pend);
    raise(SIGWINCH);
    sigpending(&pend);
    v(sigismember(&pend, SIGWINCH));
    unblock(SIGUSR2);
    say("-- SIGUSR2 open\n");
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, 0);
    say("-- all open\n");

    t(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 4));
    t(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 16));
    t(syscall(SYS_rt_sigprocmask, 7, &set, 0, 8));
    t(syscall(SYS_rt_sigprocmask, 7, 0, 0, 8));
    t(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 1, 0, 8));
    t(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, 1, 8));
    t(syscall(SYS_rt_sigpending, &pend, 9));
    t(syscall(SYS_rt_sigpending, &pend, 4));
    t(syscall(SYS_rt_sigpending, 1, 8));
    /* The old mask's address is bad, yet the new mask is in place. */
    set = sigs(SIGUSR1);
    t(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 1, 8));
    sigprocmask(SIG_BLOCK, 0, &old);
    say_set("mask", &old);
    return 0;
}

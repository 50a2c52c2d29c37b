/* sigsuspend(2), pause(2), sigtimedwait(2), sigwaitinfo(2), sigwait(3): atomic waits, what is taken and what is delivered,
 * timeouts, ignored signals, the mask afterwards. */
#include "../guest.h"

static volatile int hits;
static void handler(int s) { hits++; say("  handler %s\n", signame(s)); }
static void mask(const char *what)
{
    sigset_t m;
    sigprocmask(SIG_BLOCK, 0, &m);
    say_set(what, &m);
}
static void later(int sig) { pid_t me = getppid(); settle(me); kill(me, sig); _exit(0); }

int main(void)
{
    fresh();
    sigset_t none, set;
    siginfo_t si;
    sigemptyset(&none);
    struct timespec zero = { 0, 0 }, some = { 0, 30000000 }, lots = { 5, 0 };
    on(SIGUSR1, handler, SA_RESTART);
    on(SIGUSR2, handler, 0);

    say("sigsuspend\n");
    block(SIGUSR1);
    raise(SIGUSR1);
    t(sigsuspend(&none));
    mask("mask");
    set = sigs(SIGUSR2);
    pid_t p = spawn(later(SIGUSR1));
    raise(SIGUSR2);
    block(SIGUSR2);
    raise(SIGUSR2);
    t(sigsuspend(&set));
    mask("mask");
    unblock(SIGUSR2);
    waitpid(p, 0, 0);
    say("an ignored signal does not end it\n");
    signal(SIGHUP, SIG_IGN);
    p = spawn({ pid_t me = getppid(); settle(me); kill(me, SIGHUP); kill(me, SIGWINCH); nap(20); kill(me, SIGUSR1); });
    t(sigsuspend(&none));
    waitpid(p, 0, 0);
    t(syscall(SYS_rt_sigsuspend, &none, 4));
    say("pause\n");
    unblock(SIGUSR1);
    p = spawn(later(SIGUSR1));
    t(pause());
    waitpid(p, 0, 0);

    say("sigtimedwait\n");
    set = sigs(SIGUSR1, SIGTERM, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, 0);
    t(sigtimedwait(&set, &si, &zero));
    t(sigtimedwait(&set, &si, &some));
    sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 });
    sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 2 });
    raise(SIGTERM);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 5; i++) {
        int r = sigtimedwait(&set, &si, &zero);
        if (r < 0) say("  %s\n", ename(errno));
        else say("  took %s code %d value %d\n", signame(r), si.si_code, si.si_code == SI_QUEUE ? si.si_value.sival_int : 0);
    }
    v(hits);
    say("woken by a later signal; by one outside the set: EINTR even with SA_RESTART\n");
    p = spawn(later(SIGUSR1));
    t(sigtimedwait(&set, &si, &lots));
    waitpid(p, 0, 0);
    on(SIGHUP, handler, SA_RESTART);
    p = spawn(later(SIGHUP));
    t(sigtimedwait(&set, &si, &lots));
    waitpid(p, 0, 0);
    say("blocked and ignored: it waits for it all the same\n");
    signal(SIGTERM, SIG_IGN);
    p = spawn(later(SIGTERM));
    t(sigtimedwait(&set, 0, &lots));
    waitpid(p, 0, 0);
    t(sigtimedwait(&set, 0, &(struct timespec){ 0, 1000000000 }));
    t(sigtimedwait(&set, 0, &(struct timespec){ -1, 0 }));
    t(sigtimedwait(&none, 0, &zero));
    t(syscall(SYS_rt_sigtimedwait, &set, 0, 0, 4));
    raise(SIGUSR1);
    t(syscall(SYS_rt_sigtimedwait, &set, 8, &zero, 8));
    t(sigtimedwait(&set, 0, &zero));
    say("sigwait\n");
    raise(SIGUSR1);
    int got = 0;
    te(sigwait(&set, &got));
    v(got == SIGUSR1);
    say("SIGKILL and SIGSTOP in the set are left out\n");
    set = sigs(SIGKILL, SIGSTOP, SIGUSR1);
    p = spawn({ sigwaitinfo(&set, &si); });
    settle(p);
    kill(p, SIGSTOP);
    int st;
    waitpid(p, &st, WUNTRACED);
    say_status("child", st);
    kill(p, SIGKILL);
    reap(p, "child");
    mask("mask at the end");
    return 0;
}

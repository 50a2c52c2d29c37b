/* sigaction(2), SIGCHLD: si_code, si_status, si_pid, si_uid for exit, kill, core, stop and continue; times are there; the
 * exit of a child after its SIGCHLD was blocked. */
#include "../guest.h"

static pid_t kid;
static siginfo_t last;
static volatile int n;
static void handler(int s, siginfo_t *si, void *u) { (void)s; (void)u; last = *si; n++; }
static void await_one(const char *what)
{
    for (int i = 0; i < 3000 && !n; i++) nap(1);
    if (!n) { say("%s: no signal\n", what); return; }
    say("%s: signo %s code %d errno %d status %d pid %d uid %d times %d\n", what, signame(last.si_signo), last.si_code, last.si_errno,
        last.si_status, last.si_pid == kid, (int)last.si_uid, last.si_utime >= 0 && last.si_stime >= 0);
    n = 0;
}

int main(void)
{
    fresh();
    on(SIGCHLD, handler, SA_SIGINFO | SA_RESTART);
    kid = spawn(_exit(42));
    await_one("exit 42");
    v(waitpid(kid, 0, 0) == kid);
    kid = spawn(_exit(0x1ff));
    await_one("exit 0x1ff");
    waitpid(kid, 0, 0);
    kid = spawn(raise(SIGTERM));
    await_one("SIGTERM");
    waitpid(kid, 0, 0);
    kid = spawn({ setuid(77); _exit(0); });
    await_one("another user's exit");
    waitpid(kid, 0, 0);
    kid = spawn(for (;;) pause());
    kill(kid, SIGSTOP);
    await_one("SIGSTOP");
    kill(kid, SIGCONT);
    await_one("SIGCONT");
    kill(kid, SIGKILL);
    await_one("SIGKILL");
    waitpid(kid, 0, 0);

    say("-- SA_NOCLDSTOP\n");
    on(SIGCHLD, handler, SA_SIGINFO | SA_NOCLDSTOP);
    kid = spawn(for (;;) pause());
    kill(kid, SIGSTOP);
    waitpid(kid, 0, WUNTRACED);
    nap(20);
    v(n);
    kill(kid, SIGCONT);
    waitpid(kid, 0, WCONTINUED);
    nap(20);
    v(n);
    kill(kid, SIGKILL);
    await_one("SIGKILL");
    waitpid(kid, 0, 0);

    say("-- blocked: one is kept, the first child's\n");
    block(SIGCHLD);
    kid = spawn(_exit(1));
    settle_in(kid, kid, "Z");
    pid_t second = spawn(_exit(2));
    settle_in(second, second, "Z");
    unblock(SIGCHLD);
    await_one("first");
    v(n);
    waitpid(kid, 0, 0);
    waitpid(second, 0, 0);
    /* Waiting for the child does not take its pending signal away. */
    block(SIGCHLD);
    kid = spawn(_exit(3));
    waitpid(kid, 0, 0);
    sigset_t set = sigs(SIGCHLD);
    siginfo_t si;
    v(sigwaitinfo(&set, &si) == SIGCHLD);
    say("code %d status %d\n", si.si_code, si.si_status);
    unblock(SIGCHLD);

    say("-- waitid and the signal agree\n");
    kid = spawn({ block(SIGSEGV); *(volatile int *)8 = 1; });
    await_one("SIGSEGV");
    waitid(P_PID, kid, &si, WEXITED);
    say("waitid: code %d status %d\n", si.si_code, si.si_status);
    return 0;
}

/* ptrace(2): signal-delivery stops: passing, dropping and replacing signals, ignored ones, interrupted calls and restarts, faults, wait flavours. */
#include "tracer.h"

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

static void handler(int s, siginfo_t *si, void *u) { say("  handler %s code %d from tracer %d\n", signame(s), si->si_code, si->si_pid == getppid()); }

static void catch_it(int s)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(s, &sa, 0);
}

static pid_t traced(void (*body)(void))
{
    pid_t p = fork();
    if (!p) {
        P(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        body();
        _exit(0);
    }
    waitpid(p, 0, 0);
    return p;
}

static void two(void)
{
    catch_it(SIGUSR1);
    catch_it(SIGUSR2);
    signal(SIGWINCH, SIG_IGN);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGWINCH);
    say("  end\n");
}

static void sleeper(void)
{
    catch_it(SIGUSR1);
    struct timespec ts = { 0, 300000000 };
    errno = 0;
    int r = nanosleep(&ts, &ts);
    say("  slept %d %s\n", r, ename(errno));
}

static void fault(void) { *(volatile int *)24 = 1; }
static void stopper(void) { setpgid(0, 0); raise(SIGTSTP); say("  continued\n"); raise(SIGSTOP); say("  again\n"); }

int main(void)
{
    fresh();
    int st;
    pid_t p = traced(two);
    P(PTRACE_CONT, p, 0, 0);
    await("first", p);
    P(PTRACE_CONT, p, 0, SIGUSR1);
    await("second, after delivery", p);
    P(PTRACE_CONT, p, 0, 0);
    await("third, after dropping", p);
    P(PTRACE_CONT, p, 0, SIGUSR2);
    await("ignored, after replacing", p);
    P(PTRACE_CONT, p, 0, SIGWINCH);
    await("end", p);

    p = traced(sleeper);
    P(PTRACE_CONT, p, 0, 0);
    nap(60);
    kill(p, SIGUSR1);
    await("sleeping", p);
    struct user_regs_struct r;
    P(PTRACE_GETREGS, p, 0, &r);
    say("in %s: %lld\n", call_name(r.orig_rax), r.rax);
    P(PTRACE_CONT, p, 0, 0);
    await("dropped: it sleeps on", p);
    p = traced(sleeper);
    P(PTRACE_CONT, p, 0, 0);
    nap(60);
    kill(p, SIGUSR1);
    waitpid(p, &st, 0);
    P(PTRACE_CONT, p, 0, SIGUSR1);
    await("delivered", p);
    p = traced(sleeper);
    P(PTRACE_KILL, p, 0, 0);
    await("killed", p);

    p = traced(fault);
    P(PTRACE_CONT, p, 0, 0);
    await("fault", p);
    siginfo_t si;
    P(PTRACE_GETSIGINFO, p, 0, &si);
    say("%s code %d addr %ld\n", signame(si.si_signo), si.si_code, (long)si.si_addr);
    P(PTRACE_CONT, p, 0, SIGSEGV);
    await("end", p);

    p = traced(stopper);
    P(PTRACE_CONT, p, 0, 0);
    await("stop signal", p);
    P(PTRACE_CONT, p, 0, SIGTSTP);
    await("group stop", p);
    TRY("no siginfo", P(PTRACE_GETSIGINFO, p, 0, &si));
    P(PTRACE_CONT, p, 0, 0);
    await("SIGSTOP", p);
    memset(&si, 0, sizeof si);
    P(PTRACE_CONT, p, 0, SIGSTOP);
    TRY("waitid", waitid(P_PID, p, &si, WSTOPPED | WNOWAIT));
    say("code %d status %s\n", si.si_code, signame(si.si_status));
    memset(&si, 0, sizeof si);
    TRY("waitid", waitid(P_ALL, 0, &si, WSTOPPED));
    say("pid %d code %d status %s\n", si.si_pid == p, si.si_code, signame(si.si_status));
    TRY("nothing left", waitpid(p, &st, WNOHANG));
    P(PTRACE_DETACH, p, 0, 0);
    nap(20);
    kill(p, SIGCONT);
    await("detached", p);

    p = traced(two);
    P(PTRACE_CONT, p, 0, 0);
    waitpid(p, &st, 0);
    kill(p, SIGKILL);
    await("killed in a stop", p);
    return 0;
}

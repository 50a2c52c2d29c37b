/* ptrace(2): ATTACH, SEIZE, INTERRUPT, LISTEN, DETACH; who may; EXITKILL; the tracer's end; a tracer that is not the parent; /proc lines. */
#include "tracer.h"

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

static const char *line(pid_t p, const char *key)
{
    static char b[8192];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", p);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    close(fd);
    b[n > 0 ? n : 0] = 0;
    char *l = strstr(b, key);
    if (!l) return "(none)";
    l[strcspn(l, "\n")] = 0;
    return l;
}

static pid_t sleeper(void)
{
    pid_t p = fork();
    if (!p) for (;;) pause();
    nap(20);
    return p;
}

int main(void)
{
    fresh();
    int st;
    siginfo_t si;
    TRY("self", P(PTRACE_ATTACH, getpid(), 0, 0));
    TRY("nobody", P(PTRACE_ATTACH, 99999, 0, 0));
    pid_t p = sleeper();
    TRY("not traced", P(PTRACE_CONT, p, 0, 0));
    TRY("attach", P(PTRACE_ATTACH, p, 0, 0));
    TRY("again", P(PTRACE_ATTACH, p, 0, 0));
    await("attached", p);
    say("%s\n", line(p, "State:"));
    say("tracer %d\n", atoi(line(p, "TracerPid:") + 10) == getpid());
    TRY("interrupt", P(PTRACE_INTERRUPT, p, 0, 0));
    TRY("listen", P(PTRACE_LISTEN, p, 0, 0));
    TRY("detach, bad signal", P(PTRACE_DETACH, p, 0, 999));
    TRY("detach", P(PTRACE_DETACH, p, 0, 0));
    nap(20);
    say("%s\n", line(p, "State:"));
    say("%s\n", line(p, "TracerPid:"));
    TRY("seize, address", P(PTRACE_SEIZE, p, 1, 0));
    TRY("seize, options", P(PTRACE_SEIZE, p, 0, 0x40000000));
    TRY("seize", P(PTRACE_SEIZE, p, 0, PTRACE_O_TRACESYSGOOD));
    say("%s\n", line(p, "State:"));
    TRY("running", P(PTRACE_CONT, p, 0, 0));
    TRY("interrupt", P(PTRACE_INTERRUPT, p, 0, 0));
    await("interrupted", p);
    TRY("siginfo", P(PTRACE_GETSIGINFO, p, 0, &si));
    say("%s code %x\n", signame(si.si_signo), si.si_code);
    P(PTRACE_CONT, p, 0, 0);
    kill(p, SIGSTOP);
    await("signal", p);
    P(PTRACE_CONT, p, 0, SIGSTOP);
    await("group stop", p);
    TRY("listen", P(PTRACE_LISTEN, p, 0, 0));
    TRY("listening", P(PTRACE_CONT, p, 0, 0));
    say("%s\n", line(p, "State:"));
    kill(p, SIGCONT);
    await("continued", p);
    P(PTRACE_CONT, p, 0, 0);
    await("the signal itself", p);
    P(PTRACE_CONT, p, 0, 0);
    kill(p, SIGTERM);
    await("SIGTERM", p);
    TRY("detach with it", P(PTRACE_DETACH, p, 0, SIGTERM));
    await("end", p);

    /* a stopped one */
    p = sleeper();
    kill(p, SIGSTOP);
    waitpid(p, &st, WUNTRACED);
    P(PTRACE_SEIZE, p, 0, 0);
    await("seized in a stop", p);
    P(PTRACE_DETACH, p, 0, 0);
    nap(20);
    say("%s\n", line(p, "State:"));
    kill(p, SIGKILL);
    await("end", p);

    /* the tracer is another child */
    p = sleeper();
    int pp[2], back[2];
    pipe(pp);
    pipe(back);
    pid_t tracer = fork();
    if (!tracer) {
        P(PTRACE_SEIZE, p, 0, 0);
        write(pp[1], "x", 1);
        char c;
        int s;
        read(back[0], &c, 1);
        pid_t w = waitpid(p, &s, 0);
        say("tracer: the tracee %d %s\n", w == p, words(s));
        errno = 0;
        w = waitpid(p, &s, 0);
        say("tracer: then %s\n", ename(errno));
        _exit(0);
    }
    char c;
    read(pp[0], &c, 1);
    kill(p, SIGKILL);
    nap(30);
    TRY("before its tracer has seen it", waitpid(p, &st, WNOHANG));
    write(back[1], "x", 1);
    waitpid(tracer, &st, 0);
    await("after", p);

    /* the tracer ends */
    for (int kill_it = 0; kill_it < 2; kill_it++) {
        p = sleeper();
        tracer = fork();
        if (!tracer) {
            P(PTRACE_SEIZE, p, 0, kill_it ? PTRACE_O_EXITKILL : 0);
            P(PTRACE_INTERRUPT, p, 0, 0);
            int s;
            waitpid(p, &s, 0);
            _exit(0);
        }
        waitpid(tracer, &st, 0);
        nap(30);
        say("%s\n", line(p, "State:"));
        kill(p, SIGTERM);
        await("end", p);
    }

    /* rights */
    p = sleeper();
    pid_t q = spawn({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY("another user", P(PTRACE_ATTACH, p, 0, 0));
    });
    waitpid(q, 0, 0);
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    p = fork();
    if (!p) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        for (;;) pause();
    }
    nap(20);
    q = spawn({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY("not dumpable", P(PTRACE_ATTACH, p, 0, 0));
    });
    waitpid(q, 0, 0);
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    q = spawn({
        TRY("traceme", P(PTRACE_TRACEME, 0, 0, 0));
        TRY("twice", P(PTRACE_TRACEME, 0, 0, 0));
    });
    waitpid(q, 0, 0);
    return 0;
}

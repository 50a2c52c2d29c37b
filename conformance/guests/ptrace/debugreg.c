// optional: a platform need not have hardware breakpoints
// ptrace(2): debug registers. A watched variable, a breakpoint on an instruction, a step onto it, what may be set, who inherits them.
#include "guest.h"
#include <sys/ptrace.h>
#include <sys/user.h>
#include <pthread.h>

#define DR(n) (offsetof(struct user, u_debugreg) + 8 * (n))
/* DR7: enable locally, kind (0: execute, 1: write, 3: read or write), length - 1, for breakpoint n. */
#define ENABLE(n, kind, length) ((1UL << (2 * (n))) | ((unsigned long)((kind) | ((length) - 1) << 2) << (16 + 4 * (n))))

static volatile int watched[2];
static int calls;

__attribute__((noinline)) static void target(void)
{
    asm volatile("" ::: "memory");
    calls++;
}

static pid_t child;
static void poke(int n, unsigned long value, const char *what)
{
    errno = 0;
    long r = ptrace(PTRACE_POKEUSER, child, DR(n), value);
    say("dr%d = %s: %s\n", n, what, r ? ename(errno) : "ok");
}
static long peek(int n)
{
    errno = 0;
    return ptrace(PTRACE_PEEKUSER, child, DR(n), 0);
}
/* Go on; how it stops next. */
static int go(int request)
{
    int status;
    if (ptrace(request, child, 0, 0)) die("ptrace");
    must(waitpid(child, &status, 0));
    if (WIFEXITED(status)) {
        say("exited %d\n", WEXITSTATUS(status));
        return 0;
    }
    siginfo_t info;
    ptrace(PTRACE_GETSIGINFO, child, 0, &info);
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, child, 0, &regs);
    say("stopped %d code %d at target %d, dr6 %lx, watched %ld\n", WSTOPSIG(status), info.si_code,
        regs.rip == (unsigned long)target, peek(6) & 0xe00f,
        ptrace(PTRACE_PEEKDATA, child, watched, 0) & 0xffffffff);
    return WSTOPSIG(status);
}
static void *thread(void *unused)
{
    watched[0] = 5;
    return unused;
}
static void work(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    watched[0] = 1;
    watched[1] = 2;
    int seen = watched[0];
    target();
    target();
    raise(SIGSTOP);
    /* Not inherited: by a thread, by a child. */
    pthread_t t;
    pthread_create(&t, 0, thread, 0);
    pthread_join(t, 0);
    pid_t p = fork();
    if (p == 0) {
        watched[0] = 6;
        _exit(3);
    }
    int status = 0;
    while (waitpid(p, &status, 0) < 0 && errno == EINTR);
    if (!WIFEXITED(status)) _exit(99);
    /* What the kernel writes for a call is not seen. */
    int fd = open("/dev/zero", O_RDONLY);
    read(fd, (void *)watched, 4);
    watched[0] = 7;
    raise(SIGSTOP);
    watched[0] = 8;
    _exit(seen + calls);
}

int main(void)
{
    fresh();
    child = must(fork());
    if (child == 0) work();
    int status;
    must(waitpid(child, &status, 0));

    errno = 0;
    if (ptrace(PTRACE_POKEUSER, child, DR(7), ENABLE(2, 1, 8)) && errno == ENOSPC) {
        say("SKIP no hardware breakpoints\n");
        kill(child, SIGKILL);
        return 0;
    }
    poke(7, 0, "0");
    poke(4, 0, "0");
    poke(5, 0, "0");
    poke(0, ~0UL << 20, "kernel");
    poke(7, ENABLE(0, 2, 4), "ports");
    poke(7, ENABLE(0, 0, 4), "execute four bytes");
    poke(0, (unsigned long)watched, "watched");
    poke(7, ENABLE(0, 1, 4), "write");
    v(peek(0) == (long)watched);
    say("dr7 %lx\n", peek(7));
    say("sig %d\n", go(PTRACE_CONT));
    /* Reads too. */
    poke(7, ENABLE(0, 3, 4), "read or write");
    poke(6, 0, "0");
    go(PTRACE_CONT);
    /* An instruction, beside it. */
    poke(1, (unsigned long)target, "target");
    poke(7, ENABLE(1, 0, 1), "execute");
    poke(6, 0, "0");
    go(PTRACE_CONT);
    go(PTRACE_CONT);
    poke(7, 0, "0");
    go(PTRACE_CONT);
    poke(7, ENABLE(0, 1, 4), "write");
    poke(6, 0, "0");
    go(PTRACE_CONT);
    go(PTRACE_CONT);
    poke(7, 0, "0");
    go(PTRACE_CONT);
    return 0;
}

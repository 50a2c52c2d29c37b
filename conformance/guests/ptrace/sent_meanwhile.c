/* ptrace(2): signals sent while a thread stands in a stop are seen when it goes on; restart_syscall(2) passes filters. */
#include "tracer.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

int main(void)
{
    fresh();
    int gate[2];
    must(pipe(gate));
    pid_t p = fork();
    if (!p) {
        P(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        struct sock_filter f[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 1),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 2),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog prog = { COUNT(f), f };
        prctl(PR_SET_SECCOMP, 2, &prog);
        struct timespec ts = { 0, 300000000 };
        long r = syscall(SYS_nanosleep, &ts, 0);
        say("slept: %ld\n", r);
        char c;
        r = read(gate[0], &c, 1);
        say("read: %ld\n", r);
        _exit(0);
    }
    unsigned long msg = 0;
    await("first", p);
    P(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESECCOMP);
    P(PTRACE_CONT, p, 0, 0);
    await("before the sleep", p);
    P(PTRACE_GETEVENTMSG, p, 0, &msg);
    say("message %lu\n", msg);
    kill(p, SIGSTOP);
    P(PTRACE_CONT, p, 0, 0);
    await("the sleep is interrupted", p);
    kill(p, SIGCONT);
    P(PTRACE_CONT, p, 0, 0);
    await("continued", p);
    P(PTRACE_CONT, p, 0, 0);
    await("before the restart", p);
    P(PTRACE_GETEVENTMSG, p, 0, &msg);
    say("message %lu\n", msg);
    kill(p, SIGUSR1);
    kill(p, SIGWINCH);
    P(PTRACE_CONT, p, 0, 0);
    await("one of two", p);
    P(PTRACE_CONT, p, 0, 0);
    await("the other", p);
    P(PTRACE_CONT, p, 0, 0);
    int st = await("once more before the restart", p);
    if (st >> 16 == PTRACE_EVENT_SECCOMP) P(PTRACE_CONT, p, 0, 0);
    write(gate[1], "x", 1);
    await("end", p);
    return 0;
}

/* ptrace(2), PTRACE_O_SUSPEND_SECCOMP: a privileged tracer sets the filters of a tracee aside. */
#include "tracer.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

int main(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    pid_t p = fork();
    if (!p) {
        P(PTRACE_TRACEME, 0, 0, 0);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        struct sock_filter f[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog prog = { COUNT(f), f };
        prctl(PR_SET_SECCOMP, 2, &prog);
        for (int i = 0; i < 3; i++) {
            raise(SIGSTOP);
            errno = 0;
            long r = syscall(SYS_getppid);
            say("  child: %s %s\n", r > 0 ? "a pid" : "none", ename(errno));
        }
        _exit(0);
    }
    int st;
    waitpid(p, &st, 0);
    errno = 0;
    long r = P(PTRACE_SETOPTIONS, p, 0, PTRACE_O_SUSPEND_SECCOMP);
    if (r < 0 && errno == EINVAL) { kill(p, SIGKILL); skip("this Linux has no such option"); }
    say("options: %ld %s\n", r, ename(r < 0 ? errno : 0));
    P(PTRACE_CONT, p, 0, 0);
    waitpid(p, &st, 0);
    say_status("second", st);
    P(PTRACE_SETOPTIONS, p, 0, 0);
    P(PTRACE_CONT, p, 0, 0);
    waitpid(p, &st, 0);
    say_status("third", st);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog prog = { 1, all };
    prctl(PR_SET_SECCOMP, 2, &prog);
    errno = 0;
    r = P(PTRACE_SETOPTIONS, p, 0, PTRACE_O_SUSPEND_SECCOMP);
    say("from under a filter: %ld %s\n", r, ename(r < 0 ? errno : 0));
    P(PTRACE_CONT, p, 0, 0);
    reap(p, "child");
    return 0;
}

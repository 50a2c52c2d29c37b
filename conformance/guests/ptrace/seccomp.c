/* ptrace(2) and seccomp(2) together: PTRACE_EVENT_SECCOMP, its message, changing and skipping the call, the order of stops. */
#include "tracer.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

int main(void)
{
    fresh();
    pid_t p = fork();
    if (!p) {
        P(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        struct sock_filter f[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0x1234),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog prog = { COUNT(f), f };
        prctl(PR_SET_SECCOMP, 2, &prog);
        for (int i = 0; i < 5; i++) {
            errno = 0;
            long r = syscall(SYS_getppid, 5, 6);
            say("  child: %ld %s\n", r > 0 && r != 555555 ? 1 : r, ename(errno));
        }
        _exit(0);
    }
    int st;
    waitpid(p, &st, 0);
    P(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
    P(PTRACE_CONT, p, 0, 0);
    await("event", p);
    unsigned long msg = 0;
    P(PTRACE_GETEVENTMSG, p, 0, &msg);
    struct user_regs_struct r;
    P(PTRACE_GETREGS, p, 0, &r);
    say("message %lx call %s rax %lld\n", msg, call_name(r.orig_rax), r.rax);
    struct { uint8_t op; uint8_t pad[3]; uint32_t arch; uint64_t ip, sp, nr, args[6]; uint32_t ret; } i;
    TRY("info", P(PTRACE_GET_SYSCALL_INFO, p, sizeof i, &i));
    say("op %d nr %s arg %ld ret %x\n", i.op, call_name(i.nr), (long)i.args[1], i.ret);
    P(PTRACE_CONT, p, 0, 0);
    await("second", p);
    r.orig_rax = -1;
    r.rax = 555555;
    P(PTRACE_GETREGS, p, 0, &r);
    r.orig_rax = -1;
    r.rax = 555555;
    P(PTRACE_SETREGS, p, 0, &r);
    P(PTRACE_CONT, p, 0, 0);
    await("third: another call, which the filter forbids", p);
    P(PTRACE_POKEUSR, p, offsetof(struct user_regs_struct, orig_rax), SYS_getuid);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("exit", p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("write entry", p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("write exit", p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("fourth: entry first", p);
    P(PTRACE_CONT, p, 0, 0);
    await("then the filter", p);
    struct sock_filter got[16];
    TRY("get filter", P(PTRACE_SECCOMP_GET_FILTER, p, 0, got));
    say("first code %x\n", got[0].code);
    TRY("get filter 1", P(PTRACE_SECCOMP_GET_FILTER, p, 1, got));
    P(PTRACE_SETOPTIONS, p, 0, 0);
    P(PTRACE_CONT, p, 0, 0);
    await("fifth has no stop", p);
    return 0;
}

/* seccomp(2): what each action does, filters stacked, inherited over fork and exec, judged by arguments. */
#include "bpf.h"

static void on_sys(int s, siginfo_t *si, void *uc_)
{
    ucontext_t *uc = uc_;
    say("  handler %s code %d errno %d syscall %s arch %x rax is number %d address is rip %d\n", signame(s), si->si_code,
        si->si_errno, si->si_syscall == SYS_getppid ? "getppid" : "other", si->si_arch,
        uc->uc_mcontext.gregs[REG_RAX] == SYS_getppid, (greg_t)si->si_call_addr == uc->uc_mcontext.gregs[REG_RIP]);
    uc->uc_mcontext.gregs[REG_RAX] = 4242;
}

static void ended(const char *what, pid_t p)
{
    int st;
    waitpid(p, &st, 0);
    if (WIFEXITED(st)) say("%s: exit %d\n", what, WEXITSTATUS(st));
    else say("%s: %s\n", what, signame(WTERMSIG(st)));
}

static void *thread(void *a)
{
    if (a) ON_CALL(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    getppid();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        errno = 0;
        say("  after exec getppid %ld %s, %s\n", (long)syscall(SYS_getppid) == -1 ? -1L : 1L, ename(errno), status_line("Seccomp:"));
        say("  %s\n", status_line("Seccomp_filters:"));
        return 0;
    }
    fresh();
    say("%s\n", status_line("Seccomp:"));
    pid_t p = spawn({
        nnp();
        say("install %ld\n", ON_CALL(SYS_getppid, SECCOMP_RET_ERRNO | ENOTBLK));
        say("getppid %ld %s\n", (long)syscall(SYS_getppid), ename(errno));
        say("mode %d\n", prctl(PR_GET_SECCOMP));
        say("second %ld\n", ON_CALL(SYS_getppid, SECCOMP_RET_ERRNO | EDOM));
        say("the later of equal ones: %s\n", (syscall(SYS_getppid), ename(errno)));
        say("third %ld\n", ON_CALL(SYS_getppid, SECCOMP_RET_LOG));
        say("a laxer one changes nothing: %s\n", (syscall(SYS_getppid), ename(errno)));
        say("big errno %ld\n", ON_CALL(SYS_getuid, SECCOMP_RET_ERRNO | 0xffff));
        say("getuid %ld %s\n", (long)syscall(SYS_getuid), ename(errno));
        say("errno 0 %ld\n", ON_CALL(SYS_getgid, SECCOMP_RET_ERRNO));
        errno = 0;
        say("getgid %ld %s\n", (long)syscall(SYS_getgid), ename(errno));
        pid_t c = fork();
        if (!c) {
            say("  child %s\n", (syscall(SYS_getppid), ename(errno)));
            execl("/proc/self/exe", "x", "y", NULL);
        }
        ended("child", c);
        _exit(3);
    });
    ended("errno", p);
    p = spawn({
        nnp();
        struct sigaction sa = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };
        sigaction(SIGSYS, &sa, 0);
        say("trap %ld\n", ON_CALL(SYS_getppid, SECCOMP_RET_TRAP | 77));
        say("getppid %ld\n", (long)syscall(SYS_getppid));
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, 0);
        syscall(SYS_getppid);
        say("not reached\n");
    });
    ended("trap with SIGSYS blocked", p);
    p = spawn({
        nnp();
        signal(SIGSYS, SIG_IGN);
        ON_CALL(SYS_getppid, SECCOMP_RET_TRAP);
        syscall(SYS_getppid);
    });
    ended("trap ignored", p);
    p = spawn({ nnp(); signal(SIGSYS, SIG_IGN); ON_CALL(SYS_getppid, SECCOMP_RET_KILL_PROCESS); syscall(SYS_getppid); });
    ended("kill process", p);
    p = spawn({ nnp(); ON_CALL(SYS_getppid, SECCOMP_RET_KILL_THREAD); syscall(SYS_getppid); });
    ended("kill the only thread", p);
    p = spawn({
        nnp();
        pthread_t t;
        pthread_create(&t, 0, thread, (void *)1);
        pthread_join(t, 0);
        say("thread killed, process lives\n");
        ON_CALL(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
        pthread_create(&t, 0, thread, 0);
        pthread_join(t, 0);
        say("not reached\n");
    });
    ended("threads", p);
    p = spawn({ nnp(); ON_CALL(SYS_getppid, SECCOMP_RET_TRACE | 5); say("trace %ld %s\n", (long)syscall(SYS_getppid), ename(errno)); });
    ended("trace without a tracer", p);
    p = spawn({ nnp(); ON_CALL(SYS_getppid, SECCOMP_RET_USER_NOTIF); say("notify %ld %s\n", (long)syscall(SYS_getppid), ename(errno)); });
    ended("notification without a listener", p);
    p = spawn({ nnp(); ON_CALL(SYS_getppid, SECCOMP_RET_LOG); say("log %d\n", syscall(SYS_getppid) > 0); });
    ended("log", p);
    p = spawn({ nnp(); ON_CALL(SYS_getppid, 0x12340000); syscall(SYS_getppid); });
    ended("unknown action", p);
    p = spawn({
        nnp();
        /* write(2) to descriptor 77 only, by both words of the argument */
        INSTALL(0, NR, IS(SYS_write, 4), LD(offsetof(struct seccomp_data, args[0])), IS(77, 2),
            LD(offsetof(struct seccomp_data, args[0]) + 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
            RET(SECCOMP_RET_ALLOW), RET(SECCOMP_RET_ERRNO | EXDEV));
        long r = syscall(SYS_write, 77, "x", 1);
        int e = errno;
        long r2 = syscall(SYS_write, 78, "x", 1);
        say("write to 77 %ld %s to 78 %ld %s\n", r, ename(e), r2, ename(errno));
    });
    ended("arguments", p);
    p = spawn({
        nnp();
        /* arithmetic and memory: nr * 2 + 1 - nr == nr + 1, kept over M[3] */
        INSTALL(0, NR, BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 2), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
            BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0), BPF_STMT(BPF_MISC | BPF_TAX, 0),
            BPF_STMT(BPF_LD | BPF_IMM, SYS_getppid + 1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
            RET(SECCOMP_RET_ERRNO | 33), RET(SECCOMP_RET_ALLOW));
        say("computed %ld %s\n", (long)syscall(SYS_getppid), ename(errno));
        INSTALL(0, NR, BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_IMM, 100), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
            RET(SECCOMP_RET_ALLOW));
        syscall(SYS_getuid);
        say("lives\n");
        syscall(SYS_read, -1, 0, 0);
    });
    ended("division by zero kills", p);
    p = spawn({ seccomp(SECCOMP_SET_MODE_STRICT, 0, 0); write(1, "strict\n", 7); syscall(SYS_exit, 9); });
    ended("strict, exit", p);
    p = spawn({ prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); syscall(SYS_getpid); });
    ended("strict, another call", p);
    return 0;
}

/* seccomp(2): what is refused, and in which order; the program's verifier; prctl(2) PR_SET_SECCOMP; no_new_privs. */
#include "bpf.h"

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)
#define VERIFY(what, ...) TRY(what, INSTALL(0, __VA_ARGS__))

int main(void)
{
    fresh();
    struct sock_filter allow = RET(SECCOMP_RET_ALLOW);
    struct sock_fprog prog = { 1, &allow };
    TRY("unknown operation", seccomp(77, 0, 0));
    TRY("strict with flags", seccomp(SECCOMP_SET_MODE_STRICT, 1, 0));
    TRY("strict with an argument", seccomp(SECCOMP_SET_MODE_STRICT, 0, &prog));
    TRY("unknown flag", seccomp(SECCOMP_SET_MODE_FILTER, 0x40, &prog));
    TRY("sync and listener", seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog));
    TRY("killable without listener", seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog));
    TRY("null program", seccomp(SECCOMP_SET_MODE_FILTER, 0, 0));
    prog.len = 0;
    TRY("empty program", seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
    prog.len = 4097;
    TRY("long program", seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
    prog.len = 1;
    prog.filter = (void *)8;
    TRY("bad pointer", seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
    prog.filter = &allow;
    unsigned action = SECCOMP_RET_KILL_PROCESS;
    TRY("action with flags", seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &action));
    TRY("action, null", seccomp(SECCOMP_GET_ACTION_AVAIL, 0, 0));
    static const unsigned actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
        SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0x12340000, SECCOMP_RET_ERRNO | 1 };
    for (int i = 0; i < COUNT(actions); i++) {
        action = actions[i];
        char name[32];
        snprintf(name, sizeof name, "action %x", action);
        TRY(name, seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action));
    }
    struct seccomp_notif_sizes sizes;
    TRY("sizes", seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
    say("sizes %d %d %d\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);
    TRY("prctl mode 0", prctl(PR_SET_SECCOMP, 0));
    TRY("prctl mode 3", prctl(PR_SET_SECCOMP, 3));
    TRY("prctl filter, null", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0));

    VERIFY("no return", NR);
    VERIFY("jump too far", BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RET(0));
    VERIFY("jt too far", NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0), RET(SECCOMP_RET_ALLOW));
    VERIFY("load unaligned", LD(2), RET(SECCOMP_RET_ALLOW));
    VERIFY("load behind", LD(64), RET(SECCOMP_RET_ALLOW));
    VERIFY("load half", BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RET(SECCOMP_RET_ALLOW));
    VERIFY("load indirect", BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RET(SECCOMP_RET_ALLOW));
    VERIFY("load length", BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), RET(SECCOMP_RET_ALLOW));
    VERIFY("memory 16", BPF_STMT(BPF_ST, 16), RET(SECCOMP_RET_ALLOW));
    VERIFY("memory not written", BPF_STMT(BPF_LD | BPF_MEM, 1), RET(SECCOMP_RET_ALLOW));
    VERIFY("memory written on one path", NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 500, 0, 1), BPF_STMT(BPF_ST, 1),
        BPF_STMT(BPF_LD | BPF_MEM, 1), RET(SECCOMP_RET_ALLOW));
    VERIFY("division by 0", BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(SECCOMP_RET_ALLOW));
    VERIFY("modulo", BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RET(SECCOMP_RET_ALLOW));
    VERIFY("shift by 32", BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET(SECCOMP_RET_ALLOW));
    VERIFY("unknown code", BPF_STMT(0xffff, 0), RET(SECCOMP_RET_ALLOW));
    VERIFY("return A", BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0));
    VERIFY("return X", BPF_STMT(BPF_RET | BPF_X, 0));

    pid_t p = spawn({
        setresgid(100, 100, 100);
        setresuid(100, 100, 100);
        prog.len = 1;
        TRY("unprivileged", seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
        prog.filter = (void *)8;
        TRY("unprivileged, bad pointer", seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
        prog.filter = &allow;
        nnp();
        TRY("with no_new_privs", seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
        TRY("strict after filter", seccomp(SECCOMP_SET_MODE_STRICT, 0, 0));
        say("%s\n", status_line("Seccomp_filters:"));
    });
    waitpid(p, 0, 0);
    p = spawn({
        struct sock_filter many[4096];
        for (int i = 0; i < 4096; i++) many[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
        int n = 0;
        while (install_flags(many, 4096, 0) == 0) n++;
        say("%d long filters, then %s\n", n, ename(errno));
    });
    waitpid(p, 0, 0);
    return 0;
}

/* ptrace(2): TRACEME, system call stops, their registers, changing number, arguments and result, GET_SYSCALL_INFO, SYSEMU. */
#include "tracer.h"

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

static void info(pid_t p)
{
    struct __ptrace_syscall_info { uint8_t op, pad[3]; uint32_t arch; uint64_t ip, sp; union { struct { uint64_t nr, args[6]; } entry; struct { int64_t rval; uint8_t is_error; } exit; }; } i;
    memset(&i, 0xee, sizeof i);
    long n = P(PTRACE_GET_SYSCALL_INFO, p, sizeof i, &i);
    struct user_regs_struct r;
    P(PTRACE_GETREGS, p, 0, &r);
    say("  info %ld op %d arch %x ip %d sp %d", n, i.op, i.arch, i.ip == r.rip, i.sp == r.rsp);
    if (i.op == 1) say(" call %s(%ld, %ld) rax %ld\n", call_name(i.entry.nr), (long)i.entry.args[0], (long)i.entry.args[1], (long)r.rax);
    else if (i.op == 2) say(" value %ld error %d orig %s\n", r.orig_rax == SYS_getppid ? i.exit.rval > 0 : (long)i.exit.rval, i.exit.is_error, call_name(r.orig_rax));
    else say(" orig %s\n", call_name(r.orig_rax));
}

static void child(void)
{
    P(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    long a = syscall(SYS_getppid, 11, 22);
    long b = syscall(SYS_getuid, 33, 44);
    errno = 0;
    long c = syscall(SYS_kill, -999999, 77);
    say("child: getppid %ld getuid %ld kill %ld %s\n", a > 0 && a != 4711 ? 1L : a, b, c, ename(errno));
    syscall(SYS_getppid, 1, 2);
    _exit(7);
}

int main(void)
{
    fresh();
    pid_t p = fork();
    if (!p) child();
    await("start", p);
    TRY("bad options", P(PTRACE_SETOPTIONS, p, 0, 0x80000000));
    TRY("options", P(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    info(p);
    TRY("bad signal", P(PTRACE_CONT, p, 0, 99));
    TRY("unknown request", P(0x7777, p, 0, 0));
    for (int i = 0; i < 6; i++) {
        P(PTRACE_SYSCALL, p, 0, 0);
        await("next", p);
        info(p);
    }
    /* at getppid's second entry after the write: another call, another result */
    struct user_regs_struct r;
    P(PTRACE_SYSCALL, p, 0, 0);
    await("write entry", p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("write exit", p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("entry", p);
    info(p);
    P(PTRACE_GETREGS, p, 0, &r);
    r.orig_rax = -1;
    r.rax = 4711;
    TRY("skip it", P(PTRACE_SETREGS, p, 0, &r));
    P(PTRACE_SYSCALL, p, 0, 0);
    await("exit", p);
    info(p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("entry", p);
    P(PTRACE_GETREGS, p, 0, &r);
    say("exit_group(%lld)\n", r.rdi);
    r.rdi = 5;
    P(PTRACE_SETREGS, p, 0, &r);
    P(PTRACE_CONT, p, 0, 0);
    await("end", p);
    TRY("gone", P(PTRACE_CONT, p, 0, 0));

    /* another call than the one asked for */
    p = fork();
    if (!p) {
        P(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        long x = syscall(SYS_getppid, 2);
        say("child: %ld\n", x);
        errno = 0;
        x = syscall(SYS_getuid);
        say("child: emulated %ld\n", x);
        _exit(0);
    }
    waitpid(p, 0, 0);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("plain SIGTRAP", p);
    P(PTRACE_GETREGS, p, 0, &r);
    r.orig_rax = SYS_write;
    char *text = "written for it\n";
    r.rdi = 1;
    r.rsi = (long)text;
    r.rdx = 15;
    P(PTRACE_SETREGS, p, 0, &r);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("exit", p);
    P(PTRACE_GETREGS, p, 0, &r);
    say("result %lld of %s\n", r.rax, call_name(r.orig_rax));
    TRY("poke rax", P(PTRACE_POKEUSR, p, offsetof(struct user_regs_struct, rax), 321));
    P(PTRACE_SYSCALL, p, 0, 0);
    await("write entry", p);
    P(PTRACE_SYSCALL, p, 0, 0);
    await("write exit", p);
    P(PTRACE_SYSEMU, p, 0, 0);
    await("emulated entry", p);
    P(PTRACE_GETREGS, p, 0, &r);
    say("%s rax %lld\n", call_name(r.orig_rax), r.rax);
    r.rax = 777;
    P(PTRACE_SETREGS, p, 0, &r);
    P(PTRACE_CONT, p, 0, 0);
    await("end", p);
    return 0;
}

/* tracer.h - helpers of the programs of this folder. */
#include "../guest.h"
#include <elf.h>
#include <linux/ptrace.h>
#include <linux/audit.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/user.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static UNUSED long pt(long req, pid_t pid, void *addr, void *data)
{
    return syscall(SYS_ptrace, req, pid, addr, data);
}
#define P(req, pid, addr, data) pt(req, pid, (void *)(addr), (void *)(data))

static UNUSED const char *event_name(int e)
{
    static const char *const names[] = { "0", "FORK", "VFORK", "CLONE", "EXEC", "VFORK_DONE", "EXIT", "SECCOMP" };
    return e == PTRACE_EVENT_STOP ? "STOP" : e < 8 ? names[e] : "?";
}

/* The status of a wait in words. */
static UNUSED const char *words(int st)
{
    static char b[64];
    if (WIFEXITED(st)) snprintf(b, sizeof b, "exit %d", WEXITSTATUS(st));
    else if (WIFSIGNALED(st)) snprintf(b, sizeof b, "killed by %s", signame(WTERMSIG(st)));
    else if (st == 0xffff) snprintf(b, sizeof b, "continued");
    else {
        int sig = (st >> 8) & 0xff, ev = st >> 16;
        snprintf(b, sizeof b, "stop %s%s%s%s", signame(sig & 0x7f), sig & 0x80 ? "|80" : "", ev ? " event " : "", ev ? event_name(ev) : "");
    }
    return b;
}

/* Wait for `pid` and print what came. */
static UNUSED int await(const char *what, pid_t pid)
{
    int st = -1;
    errno = 0;
    pid_t r = waitpid(pid, &st, __WALL);
    if (r < 0) say("%s: wait %s\n", what, ename(errno));
    else say("%s: %s\n", what, words(st));
    return st;
}

static UNUSED const char *call_name(long nr)
{
    static char b[24];
    switch (nr) {
    case SYS_getppid: return "getppid";
    case SYS_getuid: return "getuid";
    case SYS_write: return "write";
    case SYS_nanosleep: return "nanosleep";
    case SYS_clock_nanosleep: return "clock_nanosleep";
    case SYS_exit_group: return "exit_group";
    case SYS_exit: return "exit";
    case SYS_execve: return "execve";
    case SYS_kill: return "kill";
    case SYS_getpid: return "getpid";
    case SYS_restart_syscall: return "restart_syscall";
    case -1: return "none";
    }
    snprintf(b, sizeof b, "%ld", nr);
    return b;
}

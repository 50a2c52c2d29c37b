/* set_tid_address(2), clone(2) CLONE_THREAD by hand: the child word cleared and woken at exit, thread ids under /proc, a raw thread on
 * an own stack, sharing and not sharing, thread-group rules. */
#include "../guest.h"
#include <linux/futex.h>
#include <sched.h>

static char stack[3][65536] __attribute__((aligned(64)));
static volatile int value, seen_pid, seen_tid, stop;
static int ctid, ptid;

/* A thread without the C library: it may only use raw system calls. */
static long raw3(long n, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
static int body(void *arg)
{
    seen_pid = raw3(SYS_getpid, 0, 0, 0);
    seen_tid = raw3(SYS_gettid, 0, 0, 0);
    value = (long)arg;
    while (!stop) raw3(SYS_sched_yield, 0, 0, 0);
    raw3(SYS_exit, 5, 0, 0);
    return 0;
}
static int await_zero(int *w, int old)
{
    for (int i = 0; i < 200 && __atomic_load_n(w, __ATOMIC_SEQ_CST) == old; i++)
        syscall(SYS_futex, w, FUTEX_WAIT, old, &(struct timespec){ 0, 50000000 }, 0, 0);
    return *w;
}

int main(void)
{
    fresh();
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    int tid = clone(body, stack[0] + sizeof stack[0], flags, (void *)11L, &ptid, 0, &ctid);
    say("clone gave a tid %d, parent word %d\n", tid > 0, ptid == tid);
    for (int i = 0; i < 3000 && !value; i++) nap(1);
    say("thread: pid the same %d, tid its own %d, value %d, child word %d\n", seen_pid == getpid(), seen_tid == tid, value, ctid == tid);
    char path[64];
    snprintf(path, 64, "/proc/self/task/%d/stat", tid);
    t(access(path, F_OK));
    snprintf(path, 64, "/proc/%d/stat", tid);
    t(access(path, F_OK));
    t(waitpid(tid, 0, 0));
    t(waitpid(tid, 0, __WALL));
    t(kill(tid, 0));
    t(syscall(SYS_tgkill, getpid(), tid, 0));
    t(syscall(SYS_tgkill, tid, tid, 0));
    v(getpgid(tid) == getpgrp());
    v(getsid(tid) == getsid(0));
    t(setpgid(tid, 0));
    stop = 1;
    say("the word is cleared at its end: %d\n", await_zero(&ctid, tid));
    for (int i = 0; i < 3000 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++) nap(1);
    t(syscall(SYS_tgkill, getpid(), tid, 0));

    say("-- set_tid_address\n");
    v(syscall(SYS_set_tid_address, &ctid) == getpid());
    int *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s[0] = 77;
    pid_t p = spawn({ syscall(SYS_set_tid_address, s); });
    reap(p, "alone in its memory");
    say("not cleared, nobody else has the memory: %d\n", s[0]);
    value = 0;
    stop = 1;
    ctid = 0;
    p = clone(body, stack[1] + sizeof stack[1], CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, (void *)12L, 0, 0, &ctid);
    say("a process that shares memory: the word is cleared %d\n", await_zero(&ctid, p));
    reap(p, "child");
    p = spawn({ syscall(SYS_set_tid_address, 8); });
    reap(p, "a bad address does no harm");
    say("-- a thread's exit code is lost when others remain\n");
    p = spawn({
        value = stop = 0;
        clone(body, stack[2] + sizeof stack[2], flags, (void *)13L, &ptid, 0, &ctid);
        stop = 1;
        await_zero(&ctid, ptid);
        _exit(6);
    });
    reap(p, "child");
    return 0;
}

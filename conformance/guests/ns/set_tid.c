/* clone3(2), set_tid: ids in several nested pid namespaces at once, and what is refused. */
#include "ns.h"
#include <linux/sched.h>

static long clone_ids(unsigned long flags, const pid_t *ids, int n)
{
    struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)ids, .set_tid_size = n };
    return syscall(SYS_clone3, &a, sizeof a);
}

#define IDS(...) (pid_t[]){ __VA_ARGS__ }, sizeof((pid_t[]){ __VA_ARGS__ }) / sizeof(pid_t)

/* The child tells its own id and ends. */
static void attempt(const char *what, unsigned long flags, const pid_t *ids, int n)
{
    errno = 0;
    long r = clone_ids(flags, ids, n);
    if (r == 0) {
        say("  child is %d\n", getpid());
        _exit(0);
    }
    if (r < 0) { say("%s: %s\n", what, ename(errno)); return; }
    int st = ended(r);
    say("%s: %ld, exit %d\n", what, r, st);
}

static void inner(void)
{
    attempt("one level", 0, IDS(77));
    attempt("the same again", 0, IDS(77));
    attempt("in use", 0, IDS(1));
    attempt("zero", 0, IDS(0));
    attempt("negative", 0, IDS(-5));
    attempt("too large", 0, IDS(1 << 30));
    attempt("new namespace, one id", CLONE_NEWPID, IDS(1));
    attempt("new namespace, not 1", CLONE_NEWPID, IDS(5));
    attempt("two levels", CLONE_NEWPID, IDS(1, 42));
    attempt("two levels, again", CLONE_NEWPID, IDS(1, 42));
    attempt("two levels, upper in use", CLONE_NEWPID, IDS(1, 1));
    attempt("two levels, upper bad", CLONE_NEWPID, IDS(1, -1));
    attempt("a level that is not ours", 0, IDS(50, 51));
    attempt("more levels than there are", CLONE_NEWPID, (pid_t[32]){ 1, 42, 43 }, 32);
    attempt("more levels than allowed", 0, (pid_t[40]){ 1 }, 40);
    errno = 0;
    struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = 16, .set_tid_size = 1 };
    TRY("bad address", syscall(SYS_clone3, &a, sizeof a));
    a.set_tid_size = 0;
    TRY("address without size", syscall(SYS_clone3, &a, sizeof a));
    a.set_tid = 0, a.set_tid_size = 1;
    TRY("size without address", syscall(SYS_clone3, &a, sizeof a));
}

int main(void)
{
    fresh();
    pid_t p = clone_flags(CLONE_NEWUSER | CLONE_NEWPID);
    if (p < 0) die("clone");
    if (!p) {
        inner();
        _exit(0);
    }
    say("ended %d\n", ended(p));
    return 0;
}

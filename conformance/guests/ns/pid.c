/* pid_namespaces(7): numbers at each level, process 1, signals to it, orphans, the end of all, /proc of a namespace, set_tid. */
#include "ns.h"
#include <linux/sched.h>

static volatile int got, from;
static void on_usr1(int s, siginfo_t *si, void *u) { got = s; from = si->si_pid; }

static void init(int *pp)
{
    say("pid %d ppid %d pgid %d sid %d tid %ld\n", getpid(), getppid(), getpgid(0), getsid(0), syscall(SYS_gettid));
    struct sigaction sa = { .sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &sa, 0);
    /* children are numbered from 2 */
    pid_t c = fork();
    if (!c) {
        say("  child %d of %d\n", getpid(), getppid());
        TRY("  kill 1 with SIGKILL", kill(1, SIGKILL));
        TRY("  kill 1 with SIGTERM", kill(1, SIGTERM));
        TRY("  kill 1 with SIGUSR1", kill(1, SIGUSR1));
        TRY("  stop 1", kill(1, SIGSTOP));
        nap(20);
        pid_t g = fork();
        if (!g) {
            nap(60);
            say("  orphan %d has parent %d\n", getpid(), getppid());
            _exit(5);
        }
        _exit(4);
    }
    int st;
    while (wait(&st) != c) {}
    say("child %d exit %d\n", c, WEXITSTATUS(st));
    say("1 got %s from %d\n", signame(got), from);
    pid_t o = wait(&st);
    say("orphan %d exit %d\n", o, WEXITSTATUS(st));
    setsid();
    say("after setsid %d %d\n", getpgid(0), getsid(0));
    TRY("signal without handler to oneself", raise(SIGTERM));
    char mp[] = "/tmp/guest-proc-XXXXXX";
    if (!mkdtemp(mp)) strcpy(mp, "/mnt");
    unshare(CLONE_NEWNS);
    mount(0, "/", 0, MS_REC | MS_PRIVATE, 0);
    TRY("mount proc", mount("proc", mp, "proc", 0, 0));
    char path[96], link[32] = { 0 };
    snprintf(path, sizeof path, "%s/self", mp);
    readlink(path, link, sizeof link - 1);
    say("self is %s\n", link);
    snprintf(path, sizeof path, "%s/1/comm", mp);
    say("1 is %d\n", access(path, F_OK));
    snprintf(path, sizeof path, "%s/1/status", mp);
    char *l = strstr(load_text(path), "NSpid:");
    if (l) say("%.*s\n", (int)strcspn(l, "\n"), l);
    umount(mp);
    rmdir(mp);
    write(pp[1], "x", 1);
    /* these die with us */
    for (int i = 0; i < 3; i++) if (!fork()) for (;;) pause();
    nap(30);
    _exit(9);
}

int main(void)
{
    fresh();
    int pp[2];
    pipe(pp);
    ino_t own = number("/proc/self/ns/pid");
    pid_t p = clone_flags(CLONE_NEWPID);
    if (p < 0) die("clone");
    if (!p) init(pp);
    char c;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", p);
    int other = number(path) != own;
    int code = ended(p);
    say("outside it had another number %d, another namespace %d\n", p > 1, other);
    say("exit %d\n", code);
    TRY("nobody left", waitpid(-1, 0, WNOHANG));

    /* killed from outside */
    p = clone_flags(CLONE_NEWPID);
    if (!p) for (;;) pause();
    kill(p, SIGTERM);
    nap(20);
    TRY("SIGTERM does nothing", waitpid(p, 0, WNOHANG) == 0 ? 0 : -1);
    kill(p, SIGKILL);
    say("SIGKILL does %d\n", ended(p));

    /* unshare: the caller stays, children go; after the end of 1 there are no more */
    p = spawn({
        TRY("unshare", unshare(CLONE_NEWPID));
        say("still %d, child's link %s\n", getpid() > 2, readlink("/proc/self/ns/pid_for_children", path, sizeof path) < 0 ? ename(errno) : "there");
        say("a thread cannot: %ld %s\n", (long)syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0), ename(errno));
        pid_t a = fork();
        if (!a) {
            say("first is %d\n", getpid());
            _exit(0);
        }
        say("%d\n", ended(a));
        pid_t b = fork();
        say("after its end: %s\n", b < 0 ? ename(errno) : "forked");
        if (b == 0) _exit(0);
    });
    ended(p);

    /* nested, and chosen numbers */
    p = clone_flags(CLONE_NEWPID);
    if (!p) {
        struct clone_args args = { .exit_signal = SIGCHLD };
        pid_t tids[] = { 77 };
        args.set_tid = (uintptr_t)tids;
        args.set_tid_size = 1;
        pid_t q = syscall(SYS_clone3, &args, sizeof args);
        if (!q) {
            say("  chosen %d\n", getpid());
            _exit(0);
        }
        say("chose %d exit %d\n", q, ended(q));
        pid_t n = clone_flags(CLONE_NEWPID);
        if (!n) {
            say("  inner %d parent %d\n", getpid(), getppid());
            _exit(3);
        }
        say("inner seen as %d exit %d\n", n > 1, ended(n));
        _exit(0);
    }
    ended(p);
    TRY("with CLONE_THREAD", syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWPID, 0, 0, 0, 0));
    return 0;
}

/* clone(2): shared and separate memory, files, cwd, handlers; the tid words; exit signals and how wait finds the child;
 * combinations that are refused. */
#include "../guest.h"
#include <sched.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int x;
static pid_t tid_word = 5, child_word = 6;
static int pp[2];
static void handler(int s) { (void)s; }

static int body(void *arg)
{
    (void)arg;
    x = 1;
    chdir("/proc");
    umask(077);
    close(pp[1]);
    signal(SIGUSR1, SIG_IGN);
    return 12;
}
static void state(const char *what)
{
    char cwd[64];
    struct sigaction sa;
    sigaction(SIGUSR1, 0, &sa);
    mode_t m = umask(022);
    say("  %s: x %d, cwd %s, umask %03o, fd %s, SIGUSR1 %s\n", what, x, strcmp(getcwd(cwd, 64), "/proc") ? "kept" : "moved", m,
        fcntl(pp[1], F_GETFD) < 0 ? "closed" : "open", sa.sa_handler == SIG_IGN ? "ignored" : "handled");
}
static void run(const char *name, int flags)
{
    x = 0;
    must(chdir("/"));
    umask(022);
    must(pipe(pp));
    on(SIGUSR1, handler, 0);
    pid_t p = clone(body, stack + sizeof stack, flags, 0);
    if (p < 0) { say("%s: %s\n", name, ename(errno)); return; }
    int st = 0;
    say("%s: wait %d, ", name, waitpid(p, &st, (flags & 0xff) == SIGCHLD ? 0 : __WALL) == p);
    say_status("ended", st);
    state("afterwards");
    close(pp[0]);
    close(pp[1]);
}
static long raw(unsigned long flags) { return syscall(SYS_clone, flags, 0, 0, 0, 0); }

int main(void)
{
    fresh();
    run("plain", SIGCHLD);
    run("CLONE_VM", CLONE_VM | SIGCHLD);
    run("CLONE_VM|CLONE_VFORK", CLONE_VM | CLONE_VFORK | SIGCHLD);
    run("CLONE_FILES", CLONE_FILES | SIGCHLD);
    run("CLONE_FS", CLONE_FS | SIGCHLD);
    run("CLONE_VM|CLONE_SIGHAND", CLONE_VM | CLONE_SIGHAND | SIGCHLD);
    run("no exit signal", 0);
    run("SIGUSR2 as exit signal, ignored", (signal(SIGUSR2, SIG_IGN), SIGUSR2));

    int st;
    pid_t p = raw(SIGUSR2);
    if (p == 0) _exit(3);
    t(waitpid(p, &st, 0));
    v(waitpid(p, &st, __WCLONE) == p);
    block(SIGUSR2);
    signal(SIGUSR2, SIG_DFL);
    p = raw(SIGUSR2);
    if (p == 0) _exit(4);
    siginfo_t si;
    sigset_t set = sigs(SIGUSR2, SIGCHLD);
    v(sigwaitinfo(&set, &si));
    say("exit signal %s code %d status %d\n", signame(si.si_signo), si.si_code, si.si_status);
    v(waitpid(p, &st, __WALL) == p);

    p = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, &tid_word, &child_word, 0);
    if (p == 0) { say("child: its word is its tid %d, the parent's word too %d\n", child_word == getpid(), tid_word == getpid()); _exit(0); }
    reap(p, "tid words");
    say("parent: word set %d, child's word here untouched %d\n", tid_word == p, child_word);

    /* CLONE_PARENT: the new process is a sibling. */
    pid_t me = getpid();
    must(pipe(pp));
    p = spawn({
        char c;
        pid_t q = raw(CLONE_PARENT | SIGCHLD);
        if (q == 0) { read(pp[0], &c, 1); say("sibling: parent is the grandparent %d\n", getppid() == me); _exit(8); }
        t(waitpid(q, 0, 0));
        write(pp[1], "x", 1);
    });
    int sum = 0;
    for (int i = 0; i < 2; i++) if (wait(&st) > 0) sum += WEXITSTATUS(st);
    say("two children, codes sum %d\n", sum);

    t(raw(CLONE_SIGHAND));
    t(raw(CLONE_THREAD));
    t(raw(CLONE_THREAD | CLONE_SIGHAND));
    t(raw(CLONE_FS | CLONE_NEWNS));
    t(raw(CLONE_PIDFD | CLONE_PARENT_SETTID));
    t(raw(CLONE_PIDFD | CLONE_DETACHED));
    t(raw(CLONE_NEWUSER | CLONE_FS));
    int pidfd = -1;
    p = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
    if (p == 0) _exit(5);
    say("pidfd given %d, cloexec %d\n", pidfd > 2, fcntl(pidfd, F_GETFD));
    t(waitid(P_PIDFD, pidfd, &si, WEXITED));
    v(si.si_status);
    return 0;
}

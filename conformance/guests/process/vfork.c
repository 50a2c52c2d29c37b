/* vfork(2): the parent stands still until the child exits or executes; memory is shared, file tables are not; signals
 * wait; the same through clone(CLONE_VM|CLONE_VFORK). */
#include "../guest.h"
#include <sched.h>

static volatile int shared, handled;
static void handler(int s) { (void)s; handled = shared; }

int main(int argc, char **argv)
{
    if (argc > 1) { nap(30); say("executed %s, fd 30 %s\n", argv[1], fcntl(30, F_GETFD) < 0 ? "closed" : "open"); return 6; }
    fresh();
    struct timespec ts = { 0, 30000000 };
    pid_t me = getpid();
    must(fcntl(1, F_DUPFD_CLOEXEC, 30));

    pid_t p = vfork();
    if (p == 0) {
        shared = 1;
        syscall(SYS_nanosleep, &ts, 0);
        shared = getppid() == me && getpid() != me ? 2 : 3;
        close(30);
        _exit(4);
    }
    say("after _exit: shared %d, fd 30 %s\n", shared, fcntl(30, F_GETFD) < 0 ? "closed" : "open");
    reap(p, "child");

    p = vfork();
    if (p == 0) {
        shared = 5;
        execl("/proc/self/exe", "self", "one", NULL);
        _exit(9);
    }
    say("after exec: shared %d\n", shared);
    reap(p, "child");

    p = vfork();
    if (p == 0) {
        execl("/none", "self", NULL);
        shared = errno;
        _exit(127);
    }
    say("failed exec: %s\n", ename(shared));
    reap(p, "child");

    /* The child of vfork inherits the handler table as a copy. */
    on(SIGUSR1, handler, 0);
    p = vfork();
    if (p == 0) {
        shared = 7;
        signal(SIGUSR1, SIG_IGN);
        kill(me, SIGUSR1);
        syscall(SYS_nanosleep, &ts, 0);
        shared = 8;
        _exit(0);
    }
    struct sigaction sa;
    sigaction(SIGUSR1, 0, &sa);
    say("the signal sent meanwhile was handled at %d, handler kept %d\n", handled, sa.sa_handler == handler);
    reap(p, "child");

    /* A killed vfork child releases the parent too. */
    p = vfork();
    if (p == 0) { shared = 10; kill(getpid(), SIGKILL); _exit(1); }
    say("killed: shared %d\n", shared);
    reap(p, "child");

    /* vfork in a child made by fork: nested. */
    p = spawn({
        pid_t q = vfork();
        if (q == 0) { shared = 11; _exit(2); }
        reap(q, "inner");
        _exit(shared);
    });
    reap(p, "outer");
    say("shared %d\n", shared);
    return 0;
}

/* seccomp(2) SECCOMP_FILTER_FLAG_TSYNC: all threads come under the filter, or none; no_new_privs goes along. */
#include "bpf.h"

static volatile int go, tid;
static int ready[2];

static void *follower(void *a)
{
    tid = gettid();
    if (a) {
        nnp();
        ON_CALL(SYS_getuid, SECCOMP_RET_ERRNO | 5);
    }
    write(ready[1], "x", 1);
    while (!go) usleep(1000);
    errno = 0;
    long r = syscall(SYS_getppid);
    say("  thread: %s, no_new_privs %d, mode %d\n", r < 0 ? ename(errno) : "allowed", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECCOMP));
    return 0;
}

static void run(const char *what, void *diverge, unsigned flags)
{
    pid_t p = spawn({
        pipe(ready);
        pthread_t t;
        pthread_create(&t, 0, follower, diverge);
        char c;
        read(ready[0], &c, 1);
        nnp();
        errno = 0;
        long r = INSTALL(flags, ON(SYS_getppid, SECCOMP_RET_ERRNO | EDOM));
        say("%s: %s %s\n", what, r == tid ? "the thread's id" : r == 0 ? "0" : "error", ename(errno));
        errno = 0;
        say("  caller: %s\n", syscall(SYS_getppid) < 0 ? ename(errno) : "allowed");
        go = 1;
        pthread_join(t, 0);
    });
    waitpid(p, 0, 0);
}

int main(void)
{
    fresh();
    run("without", 0, 0);
    run("sync", 0, SECCOMP_FILTER_FLAG_TSYNC);
    run("sync, diverged", (void *)1, SECCOMP_FILTER_FLAG_TSYNC);
    run("sync, diverged, ESRCH", (void *)1, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH);
    return 0;
}

/* getpid(2), gettid(2), getppid(2), getuid(2) and their kin asked hundreds of times, by wrappers and by syscall(2): right after fork, in threads, after setresuid(2), when the parent ends, after execve(2), under a seccomp filter. */
#include "../guest.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>

#define MANY 300

/* How many of the answers are the expected one. */
static int pids(pid_t pid, pid_t tid, pid_t ppid)
{
    int n = 0;
    for (int i = 0; i < MANY; i++) n += getpid() == pid && gettid() == tid && getppid() == ppid && syscall(SYS_getpid) == pid && syscall(SYS_gettid) == tid && syscall(SYS_getppid) == ppid;
    return n;
}
static int users(unsigned r, unsigned e)
{
    int n = 0;
    for (int i = 0; i < MANY; i++) n += getuid() == r && geteuid() == e && getgid() == r && getegid() == e && syscall(SYS_getuid) == r && syscall(SYS_geteuid) == e;
    return n;
}
static pid_t here, above;
static void *thread(void *parent)
{
    pid_t tid = syscall(SYS_gettid);
    return (void *)(long)(pids(here, tid, (pid_t)(long)parent) + (tid == here ? 10000 : 0));
}
static void spend(const char *what, int (*f)(void))
{
    pid_t p = fork();
    if (p == 0) { say("%s: %d\n", what, f()); _exit(0); }
    waitpid(p, 0, 0);
}
static int in_child(void) { return pids(getpid(), getpid(), above); }
static int dropped(void)
{
    int n = users(0, 0);
    must(setresgid(1000, 1001, 0));
    must(setresuid(1000, 1001, 0));
    n += users(1000, 1001);
    must(setresuid(-1, 0, -1));
    must(setresgid(-1, 1000, -1));
    must(setresuid(-1, 1000, -1));
    return n + users(1000, 1000);
}
static int orphan(void)
{
    int p[2], st;
    char c;
    must(pipe(p));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t mid = getpid();
        if (fork() == 0) {
            int n = pids(getpid(), getpid(), mid);
            write(p[1], "x", 1);
            /* Asks on and on while its parent ends. */
            while (getppid() == mid) sched_yield();
            n += pids(getpid(), getpid(), above);
            _exit(n == 2 * MANY ? 7 : 8);
        }
        read(p[0], &c, 1);
        usleep(20000);
        _exit(0);
    }
    waitpid(middle, 0, 0);
    waitpid(-1, &st, 0);
    return WEXITSTATUS(st);
}
static int filtered(void)
{
    int n = pids(getpid(), getpid(), above);
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    must(prctl(PR_SET_SECCOMP, 2, &(struct sock_fprog){ 4, f }));
    for (int i = 0; i < MANY; i++) n += syscall(SYS_getpid) == -1 && errno == EDOM;
    return n;
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        say("after execve: %d\n", pids(atoi(argv[1]), atoi(argv[1]), atoi(argv[2])) + users(0, 0));
        return 0;
    }
    fresh();
    here = above = getpid();
    say("first: %d %d\n", pids(here, here, getppid()), users(0, 0));
    spend("child", in_child);
    spend("users change", dropped);
    pthread_t t[3];
    for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, thread, (void *)(long)getppid());
    for (int i = 0; i < 3; i++) {
        void *r;
        pthread_join(t[i], &r);
        say("thread: %ld\n", (long)r);
    }
    pid_t o = fork();
    if (o == 0) { above = getpid(); say("orphan: %d\n", orphan()); _exit(0); }
    waitpid(o, 0, 0);
    spend("under a filter", filtered);
    char a[16], b[16];
    snprintf(a, 16, "%d", getpid());
    snprintf(b, 16, "%d", getppid());
    execl("/proc/self/exe", "again", a, b, (char *)0);
    return 1;
}

/* clone3(2): argument sizes, unknown fields, the pidfd and tid words, a stack given as base and size, refusals. */
#include "../guest.h"
#include <linux/sched.h>
#include <poll.h>

static long c3(struct clone_args *a, size_t n) { return syscall(SYS_clone3, a, n); }
static char stack[65536] __attribute__((aligned(16)));
static volatile int seen;

int main(void)
{
    fresh();
    struct { struct clone_args a; unsigned long extra[4]; } big;
    memset(&big, 0, sizeof big);
    struct clone_args *a = &big.a;
    a->exit_signal = SIGCHLD;
    t(c3(a, 0));
    t(c3(a, 32));
    t(c3(a, 63));
    t(c3(a, 5000));
    t(c3(0, 64));
    size_t sizes[] = { 64, 80, 88, sizeof *a + 8, sizeof *a + 32 };
    for (int i = 0; i < COUNT(sizes); i++) {
        pid_t p = c3(a, sizes[i]);
        if (p == 0) _exit(10 + i);
        char name[32];
        snprintf(name, 32, "size %zu", sizes[i]);
        reap(p, name);
    }
    big.extra[1] = 1;
    t(c3(a, sizeof big));
    big.extra[1] = 0;
    a->exit_signal = 65;
    t(c3(a, 64));
    a->exit_signal = SIGCHLD | 0x100;
    t(c3(a, 64));
    a->exit_signal = SIGCHLD;
    a->flags = SIGCHLD;
    t(c3(a, 64));
    a->flags = 1ULL << 40;
    t(c3(a, 64));
    a->flags = 0;
    a->stack = (unsigned long)stack;
    t(c3(a, 64));
    a->stack = 0;
    a->stack_size = 4096;
    t(c3(a, 64));
    a->stack_size = 0;
    a->flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    t(c3(a, 64));
    a->flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM;
    t(c3(a, 64));
    a->flags = 0;
    a->exit_signal = 0;
    a->set_tid_size = 1;
    t(c3(a, 80));
    a->set_tid_size = 0;
    a->set_tid = 8;
    t(c3(a, 80));
    a->set_tid = 0;
    a->exit_signal = SIGCHLD;

    int pidfd = -1;
    pid_t ptid = 0, ctid = 0;
    a->flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
    a->pidfd = (unsigned long)&pidfd;
    a->parent_tid = (unsigned long)&ptid;
    a->child_tid = (unsigned long)&ctid;
    pid_t p = c3(a, 64);
    if (p == 0) _exit(ctid == getpid() ? 33 : 34);
    say("parent tid right %d, child tid untouched %d, pidfd %d\n", ptid == p, ctid, pidfd);
    struct pollfd pf = { pidfd, POLLIN, 0 };
    t(poll(&pf, 1, 3000));
    v(pf.revents);
    reap(p, "child");
    close(pidfd);
    a->pidfd = 8;
    t(c3(a, 64));
    t(waitpid(-1, 0, 0));

    /* A child on a stack of its own in shared memory; the first frame is set by hand. */
    memset(a, 0, sizeof *a);
    a->flags = CLONE_VM | CLONE_VFORK;
    a->exit_signal = SIGCHLD;
    a->stack = (unsigned long)stack;
    a->stack_size = sizeof stack;
    long r;
    static unsigned long top;
    __asm__ volatile("syscall\n test %%rax,%%rax\n jnz 1f\n mov %%rsp,%1\n movl $7,%2\n mov $60,%%eax\n mov $21,%%edi\n syscall\n1:"
                     : "=a"(r), "+m"(top), "+m"(seen) : "0"(SYS_clone3), "D"(a), "S"(64) : "rcx", "r11", "memory");
    reap(r, "own stack");
    say("child started at the stack's top %d, shared word %d\n", top == (unsigned long)stack + sizeof stack, seen);

    /* CLONE_CLEAR_SIGHAND: handlers go, ignored stays. */
    memset(a, 0, sizeof *a);
    a->flags = CLONE_CLEAR_SIGHAND;
    a->exit_signal = SIGCHLD;
    on(SIGUSR1, (void *)main, 0);
    signal(SIGUSR2, SIG_IGN);
    p = c3(a, 64);
    if (p == 0) {
        struct sigaction s1, s2;
        sigaction(SIGUSR1, 0, &s1);
        sigaction(SIGUSR2, 0, &s2);
        say("handler %s, ignored %s\n", s1.sa_handler == SIG_DFL ? "reset" : "kept", s2.sa_handler == SIG_IGN ? "kept" : "reset");
        _exit(0);
    }
    reap(p, "child");
    return 0;
}

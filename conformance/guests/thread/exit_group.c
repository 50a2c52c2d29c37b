/* exit_group(2), exit(2): a process ends when any thread calls exit_group; the first thread's own exit
 * leaves the others running; the last thread's code is the process's; a fatal signal ends all. */
#include "../guest.h"
#include <pthread.h>

static int pp[2];
static void *stuck(void *a) { (void)a; char c; read(pp[0], &c, 1); return 0; }
static void *spin(void *a) { (void)a; for (;;) __asm__ volatile("pause"); return 0; }
static void *exits5(void *a) { (void)a; nap(10); exit(5); }
static void *raw6(void *a) { (void)a; nap(10); syscall(SYS_exit_group, 6); return 0; }
static void *thread_exit7(void *a) { (void)a; nap(10); syscall(SYS_exit, 7); return 0; }
static void *after_main(void *a)
{
    (void)a;
    settle_in(getpid(), getpid(), "Z");
    say("main thread's state: %c\n", task_state(getpid(), getpid()));
    say("getpid still works: %d, kill 0: %d\n", getpid() > 0, kill(getpid(), 0));
    char cwd[32];
    say("cwd %s\n", getcwd(cwd, 32) ? "found" : ename(errno));
    pid_t p = spawn(_exit(3));
    reap(p, "a child of the remaining thread");
    return 0;
}
static void *faults(void *a) { (void)a; nap(10); *(volatile int *)8 = 1; return 0; }
static void *forks(void *a)
{
    (void)a;
    pid_t p = spawn({ say("the forked child is alone: %d\n", syscall(SYS_gettid) == getpid()); _exit(4); });
    reap(p, "forked by a thread");
    exit(8);
}

static void with(const char *name, void *(*fn)(void *), int leave)
{
    pid_t p = spawn({
        pthread_t a, b, c;
        must(pipe(pp));
        pthread_create(&a, 0, stuck, 0);
        pthread_create(&b, 0, fn == after_main || fn == thread_exit7 ? stuck : spin, 0);
        if (fn == after_main || fn == thread_exit7) {
            /* Let the waiters go, so that only fn is left. */
            write(pp[1], "xx", 2);
            pthread_join(a, 0);
            pthread_join(b, 0);
        }
        pthread_create(&c, 0, fn, 0);
        if (leave) syscall(SYS_exit, 9);
        pthread_join(c, 0);
        for (;;) pause();
    });
    reap(p, name);
}

int main(void)
{
    fresh();
    with("exit(5) in a thread", exits5, 0);
    with("exit_group(6) in a thread", raw6, 0);
    with("exit(5) in a thread, main gone", exits5, 1);
    with("main exit(9), last thread exit(7)", thread_exit7, 1);
    with("main exit(9), last thread returns", after_main, 1);
    with("SIGSEGV in a thread", faults, 0);
    with("SIGSEGV in a thread, main gone", faults, 1);
    with("fork in a thread", forks, 0);
    pid_t p = spawn({ pthread_t a; pthread_create(&a, 0, spin, 0); nap(10); kill(getpid(), SIGKILL); });
    reap(p, "SIGKILL to itself");
    p = spawn({ pthread_t a; pthread_create(&a, 0, spin, 0); nap(10); _exit(0); });
    reap(p, "_exit with a spinning thread");
    p = spawn({ pthread_t a; must(pipe(pp)); pthread_create(&a, 0, stuck, 0); syscall(SYS_exit, 9); });
    settle_in(p, p, "Z");
    say("group leader is a zombie, wait: %d\n", waitpid(p, 0, WNOHANG));
    kill(p, SIGTERM);
    reap(p, "SIGTERM to a process without its leader");
    return 0;
}

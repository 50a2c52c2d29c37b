/* wait(2) in threads: any thread may wait for any child, each child is given to one waiter; __WNOTHREAD; a child's parent is the process; waits by
 * pid and any at once; SIGCHLD to a thread that has it open. */
#include "../guest.h"
#include <pthread.h>

static pid_t kids[16];
static int pp[2], sum, found, echild;
static void *any(void *a)
{
    int st;
    (void)a;
    for (;;) {
        pid_t p = waitpid(-1, &st, 0);
        if (p < 0) { __atomic_add_fetch(&echild, errno == ECHILD, __ATOMIC_SEQ_CST); return 0; }
        __atomic_add_fetch(&sum, WEXITSTATUS(st), __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&found, 1, __ATOMIC_SEQ_CST);
    }
}
static void *by_pid(void *a)
{
    int st = 0;
    pid_t p = waitpid(kids[(long)a], &st, 0);
    return (void *)(long)(p == kids[(long)a] ? WEXITSTATUS(st) : -1);
}
static void *forks(void *a)
{
    kids[(long)a] = fork();
    if (kids[(long)a] == 0) { char c; close(pp[1]); read(pp[0], &c, 1); _exit((long)a + 10); }
    return 0;
}
static void *own(void *a)
{
    int st;
    kids[8] = fork();
    if (kids[8] == 0) _exit(44);
    settle_in(kids[8], kids[8], "Z");
    (void)a;
    t(waitpid(kids[7], &st, __WNOTHREAD | WNOHANG));
    v(waitpid(kids[8], &st, __WNOTHREAD) == kids[8]);
    v(WEXITSTATUS(st));
    kids[9] = fork();
    if (kids[9] == 0) _exit(45);
    return 0;
}
static volatile pid_t tid;
static volatile int in_tid;
static void handler(int s) { (void)s; in_tid = syscall(SYS_gettid) == tid; }
static void *takes_signal(void *a)
{
    tid = syscall(SYS_gettid);
    unblock(SIGCHLD);
    for (int i = 0; i < 3000 && in_tid == 0; i++) nap(1);
    return a;
}

int main(void)
{
    fresh();
    pthread_t th[5];
    void *r;
    say("four threads wait for any of sixteen\n");
    must(pipe(pp));
    for (int i = 0; i < 16; i++) kids[i] = spawn({ char c; close(pp[1]); read(pp[0], &c, 1); _exit(i); });
    for (int i = 0; i < 4; i++) pthread_create(&th[i], 0, any, 0);
    nap(5);
    close(pp[1]);
    for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
    say("found %d, sum %d, threads that saw the end %d\n", found, sum, echild);
    say("children made by threads, waited for by others\n");
    must(pipe(pp));
    for (long i = 0; i < 4; i++) { pthread_create(&th[i], 0, forks, (void *)i); pthread_join(th[i], 0); }
    for (long i = 0; i < 4; i++) pthread_create(&th[i], 0, by_pid, (void *)(3 - i));
    close(pp[1]);
    for (long i = 0; i < 4; i++) { pthread_join(th[i], &r); say("  %ld\n", (long)r); }
    say("__WNOTHREAD\n");
    kids[7] = spawn(_exit(43));
    settle_in(kids[7], kids[7], "Z");
    pthread_create(&th[0], 0, own, 0);
    pthread_join(th[0], 0);
    int st;
    settle_in(kids[9], kids[9], "Z");
    v(waitpid(kids[7], &st, __WNOTHREAD) == kids[7]);
    v(waitpid(-1, &st, 0) == kids[9]);
    v(WEXITSTATUS(st));
    t(waitpid(-1, &st, 0));
    say("a waiter of a child that another takes: ECHILD\n");
    must(pipe(pp));
    kids[0] = spawn({ char c; close(pp[1]); read(pp[0], &c, 1); _exit(5); });
    for (long i = 0; i < 2; i++) pthread_create(&th[i], 0, by_pid, (void *)0L);
    nap(10);
    close(pp[1]);
    long codes = 0;
    for (int i = 0; i < 2; i++) { pthread_join(th[i], &r); codes += (long)r; }
    say("one got 5, the other nothing: %ld\n", codes);
    say("SIGCHLD goes to the thread that has it open\n");
    on(SIGCHLD, handler, SA_RESTART);
    block(SIGCHLD);
    pthread_create(&th[0], 0, takes_signal, 0);
    while (!tid) nap(1);
    settle_in(getpid(), tid, "S");
    pid_t p = spawn(_exit(1));
    pthread_join(th[0], 0);
    v(in_tid);
    reap(p, "child");
    say("a process whose children were another thread's when that ended\n");
    p = spawn({ must(pipe(pp)); pthread_create(&th[0], 0, forks, (void *)2L); pthread_join(th[0], 0); close(pp[1]); v(waitpid(-1, &st, 0) == kids[2]); v(WEXITSTATUS(st)); });
    reap(p, "process");
    return 0;
}

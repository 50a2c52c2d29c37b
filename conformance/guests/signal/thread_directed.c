/* pthread_kill(3), tgkill(2), signal(7): thread-directed and process-directed signals: per-thread masks and pending sets, which
 * thread may take a process signal, faults belong to their thread, a stop stops all, sigwait in one thread. */
#include "../guest.h"
#include <pthread.h>

static pthread_t th[3];
static pid_t tid[3];
static volatile int ran_in = -1, go;
static int pp[2];
static int who(void)
{
    pid_t me = syscall(SYS_gettid);
    for (int i = 0; i < 3; i++) if (tid[i] == me) return i;
    return 9;
}
static void handler(int s) { (void)s; ran_in = who(); }
static void show_handler(int s, siginfo_t *si, void *u) { (void)u; say("  %s code %d in thread %d\n", signame(s), si->si_code, who()); }
static void until(volatile int *x, int not_) { for (int i = 0; i < 3000 && *x == not_; i++) nap(1); }

static void *sleeper(void *arg)
{
    long i = (long)arg;
    sigset_t m = sigs(SIGUSR1, SIGUSR2);
    pthread_sigmask(i == 1 ? SIG_BLOCK : SIG_UNBLOCK, &m, 0);
    tid[i] = syscall(SYS_gettid);
    __atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
    char c;
    while (read(pp[0], &c, 1) < 0) {}
    sigset_t pend;
    sigpending(&pend);
    if (i == 1 && getpid() == tid[0]) say_set("thread 1 has pending", &pend);
    return 0;
}
static void *waiter(void *arg)
{
    sigset_t s = sigs(SIGTERM, SIGINT);
    int sig, n = 0;
    (void)arg;
    while (n < 2) { sigwait(&s, &sig); say("  sigwait took %s\n", signame(sig)); n++; go = n; }
    return 0;
}
static void *faulter(void *arg)
{
    tid[2] = syscall(SYS_gettid);
    if (arg) { block(SIGFPE); say("  a blocked fault in a thread kills the process\n"); }
    volatile int z = 0, five = 5;
    z = five / z;
    return 0;
}
static void skip_div(int s, siginfo_t *si, void *u)
{
    show_handler(s, si, u);
    pthread_exit(0);
}

int main(void)
{
    fresh();
    on(SIGUSR1, handler, 0);
    on(SIGUSR2, show_handler, SA_SIGINFO);
    must(pipe(pp));
    block(SIGUSR1);
    block(SIGUSR2);
    tid[0] = getpid();
    for (long i = 1; i < 3; i++) pthread_create(&th[i], 0, sleeper, (void *)i);
    while (go < 2) nap(1);
    for (int i = 1; i < 3; i++) settle_in(getpid(), tid[i], "S");
    say("process-directed: the only thread that has it open takes it\n");
    kill(getpid(), SIGUSR1);
    until(&ran_in, -1);
    say("  taken by thread %d\n", ran_in);
    say("thread-directed to a thread that blocks it\n");
    te(pthread_kill(th[1], SIGUSR2));
    sigset_t pend;
    sigpending(&pend);
    say_set("main sees pending", &pend);
    te(pthread_kill(th[2], 0));
    te(pthread_kill(th[2], 65));
    say("to itself\n");
    unblock(SIGUSR2);
    te(pthread_kill(pthread_self(), SIGUSR2));
    union sigval val = { .sival_int = 3 };
    te(pthread_sigqueue(pthread_self(), SIGUSR2, val));
    write(pp[1], "xx", 2);
    pthread_join(th[1], 0);
    pthread_join(th[2], 0);
    sigpending(&pend);
    say_set("a dead thread's pending signal is gone", &pend);
    say("process-directed and blocked by all: taken by the one that opens it\n");
    block(SIGUSR2);
    kill(getpid(), SIGUSR2);
    sigpending(&pend);
    say_set("pending", &pend);
    unblock(SIGUSR2);

    say("sigwait thread\n");
    block(SIGTERM);
    block(SIGINT);
    go = 0;
    pthread_create(&th[1], 0, waiter, 0);
    kill(getpid(), SIGTERM);
    until(&go, 0);
    pthread_kill(th[1], SIGINT);
    pthread_join(th[1], 0);

    say("faults\n");
    on(SIGFPE, skip_div, SA_SIGINFO);
    pthread_create(&th[2], 0, faulter, 0);
    pthread_join(th[2], 0);
    pid_t p = spawn({ pthread_create(&th[2], 0, faulter, (void *)1); pthread_join(th[2], 0); });
    reap(p, "child");
    say("SIGSTOP and SIGCONT for all threads\n");
    p = spawn({ go = 0; must(pipe(pp)); for (long i = 1; i < 3; i++) pthread_create(&th[i], 0, sleeper, (void *)i); while (go < 2) nap(1); syscall(SYS_tgkill, getpid(), tid[2], SIGSTOP); nap(5); say("  main runs on\n"); write(pp[1], "xx", 2); close(pp[1]); pthread_join(th[2], 0); _exit(6); });
    int st;
    waitpid(p, &st, WUNTRACED);
    say_status("child", st);
    kill(p, SIGCONT);
    reap(p, "child");
    return 0;
}

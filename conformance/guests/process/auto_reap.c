/* sigaction(2) SA_NOCLDWAIT, wait(2): children of a parent that ignores SIGCHLD leave no zombie and wait returns ECHILD only
 * when all have ended; what is waited for by pid; switching the disposition while zombies exist. */
#include "../guest.h"

static volatile int hits;
static void handler(int s) { (void)s; hits++; }
static int gone(pid_t p)
{
    for (int i = 0; i < 2000; i++) { if (kill(p, 0) < 0) return errno == ESRCH; nap(1); }
    return 0;
}

int main(void)
{
    fresh();
    int st = 0x1234, pp[2];
    signal(SIGCHLD, SIG_IGN);
    pid_t p = spawn(_exit(3));
    t(waitpid(p, &st, 0));
    v(st);
    v(gone(p));
    must(pipe(pp));
    p = spawn({ char c; close(pp[1]); read(pp[0], &c, 1); });
    pid_t q = spawn({ _exit(0); });
    v(gone(q));
    t(waitpid(q, &st, 0));
    t(waitpid(-1, &st, WNOHANG));
    close(pp[1]);
    t(wait(&st));

    say("-- SA_NOCLDWAIT with a handler: the signal still comes\n");
    on(SIGCHLD, handler, SA_NOCLDWAIT | SA_RESTART);
    p = spawn(_exit(4));
    t(waitpid(p, &st, 0));
    v(gone(p));
    v(hits);

    say("-- SIG_DFL: zombies stay\n");
    signal(SIGCHLD, SIG_DFL);
    p = spawn(_exit(5));
    settle_in(p, p, "Z");
    t(kill(p, 0));
    say("state %c\n", task_state(p, p));
    say("-- a zombie from before stays after SIG_IGN\n");
    signal(SIGCHLD, SIG_IGN);
    t(kill(p, 0));
    v(waitpid(p, &st, 0) == p);
    say_status("waited", st);

    say("-- blocked SIGCHLD stays pending though its default is to be ignored; with a handler: pending once for two children\n");
    signal(SIGCHLD, SIG_DFL);
    block(SIGCHLD);
    p = spawn(_exit(6));
    reap(p, "child");
    sigset_t pend;
    sigpending(&pend);
    say_set("pending", &pend);
    hits = 0;
    on(SIGCHLD, handler, SA_RESTART);
    p = spawn(_exit(7));
    q = spawn(_exit(8));
    reap(p, "first");
    reap(q, "second");
    unblock(SIGCHLD);
    v(hits);

    say("-- many children of a parent that ignores, a child inherits that\n");
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 30; i++) spawn(_exit(i));
    t(wait(0));
    p = spawn({ siginfo_t si; spawn(_exit(1)); t(waitid(P_ALL, 0, &si, WEXITED)); });
    t(waitpid(p, &st, 0));

    say("-- many children with the default: each is found\n");
    signal(SIGCHLD, SIG_DFL);
    int sum = 0, n = 0;
    for (int i = 0; i < 100; i++) spawn(_exit(i));
    while (wait(&st) > 0) { sum += WEXITSTATUS(st); n++; }
    say("%d children, sum %d\n", n, sum);
    return 0;
}

/* signal-safety(7): handlers that do more than set a flag: fork, exec, wait, read, open, kill others, exit, change handlers, wait for other signals, take
 * thousands of nested steps on their stack. */
#include "../guest.h"

static int pp[2];
static volatile int n;
static void forks(int s)
{
    pid_t p = spawn({ say("  a child of the handler of %s\n", signame(s)); sigset_t m; sigprocmask(SIG_BLOCK, 0, &m); say_set("  it inherits the mask", &m); _exit(4); });
    reap(p, "  child");
}
static void returns_twice(int s) { (void)s; pid_t p = fork(); n = p; }
static void reads(int s) { char b[8]; long r = read(pp[0], b, 8); say("  %s read %ld\n", signame(s), r); }
static void execs(int s) { (void)s; execl("/proc/self/exe", "self", "from a handler", NULL); }
static void exits(int s) { exit(s); }
static void changes(int s) { signal(s, SIG_IGN); say("  ignores from now on\n"); }
static void waits(int s)
{
    sigset_t w = sigs(SIGUSR2);
    int got = 0;
    sigprocmask(SIG_BLOCK, &w, 0);
    kill(getpid(), SIGUSR2);
    sigwait(&w, &got);
    say("  in the handler of %s waited for %s\n", signame(s), signame(got));
}
static void deep(int s) { (void)s; if (++n < 300) raise(SIGUSR1); }
static int recurse(int k) { volatile char b[500]; b[0] = k; return k == 0 ? 0 : recurse(k - 1) + (b[0] == (char)k); }
static void uses_stack(int s) { (void)s; n = recurse(2000); }
static void suspends(int s)
{
    sigset_t m;
    sigfillset(&m);
    sigdelset(&m, SIGUSR2);
    say("  %s suspends\n", signame(s));
    sigsuspend(&m);
    sigprocmask(SIG_BLOCK, 0, &m);
    say("  goes on, SIGUSR1 blocked still %d\n", sigismember(&m, SIGUSR1));
}
static void note(int s) { say("  handler %s\n", signame(s)); }
static void bye(void) { say("  atexit\n"); }

int main(int argc, char **argv)
{
    if (argc > 1) {
        sigset_t m;
        sigprocmask(SIG_BLOCK, 0, &m);
        say("  executed %s\n", argv[1]);
        say_set("  the handler's mask stays", &m);
        return 3;
    }
    fresh();
    must(pipe(pp));
    say("fork and wait\n");
    on(SIGUSR1, forks, 0);
    raise(SIGUSR1);
    say("fork that returns from the handler in both\n");
    on(SIGUSR1, returns_twice, 0);
    pid_t me = getpid();
    raise(SIGUSR1);
    if (getpid() != me) _exit(n == 0 ? 21 : 22);
    reap(n, "the child");
    say("read\n");
    on(SIGUSR1, reads, 0);
    write(pp[1], "four", 4);
    raise(SIGUSR1);
    say("exec\n");
    on(SIGUSR1, execs, 0);
    reap(spawn(raise(SIGUSR1)), "child");
    say("exit\n");
    on(SIGUSR1, exits, 0);
    reap(spawn({ atexit(bye); raise(SIGUSR1); }), "child");
    say("change the disposition\n");
    on(SIGUSR1, changes, 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    say("wait for another signal\n");
    on(SIGUSR1, waits, 0);
    raise(SIGUSR1);
    unblock(SIGUSR2);
    say("suspend\n");
    on(SIGUSR1, suspends, 0);
    on(SIGUSR2, note, 0);
    pid_t k = spawn({ settle(me); kill(me, SIGUSR2); });
    raise(SIGUSR1);
    reap(k, "sender");
    say("three hundred deep\n");
    n = 0;
    on(SIGUSR1, deep, SA_NODEFER);
    raise(SIGUSR1);
    v(n);
    say("a megabyte of stack\n");
    on(SIGUSR1, uses_stack, 0);
    raise(SIGUSR1);
    v(n);
    say("a signal sent by a handler to its own process and its parent\n");
    on(SIGUSR1, note, 0);
    block(SIGUSR1);
    k = spawn({ on(SIGUSR2, (void *)exits, 0); kill(getppid(), SIGUSR1); raise(SIGUSR2); });
    reap(k, "child");
    unblock(SIGUSR1);
    return 0;
}

/* _exit(2), exit(3), signal(7): how a process ends and what the parent is told: every fatal signal's number and the core bit,
 * abort, atexit, a return from main, stdio that is and is not flushed. */
#include "../guest.h"
#include <sys/prctl.h>

static void bye(void) { say("  atexit\n"); }
static void bye2(void) { say("  atexit, registered last, runs first\n"); }
static void on_abort(int s) { say("  handler %s\n", signame(s)); }

int main(int argc, char **argv)
{
    if (argc > 1) { atexit(bye); return atoi(argv[1]); }
    fresh();
    say("-- default actions\n");
    for (int s = 1; s <= 64; s++) {
        if (s == 32 || s == 33) continue;
        /* A group of its own with its parent outside: not orphaned, so terminal stops work. */
        pid_t p = spawn({ setpgid(0, 0); raise(s); _exit(7); });
        int st = 0;
        waitpid(p, &st, WUNTRACED);
        if (WIFSTOPPED(st)) { say("%s: stop %#x\n", signame(s), st); kill(p, SIGKILL); waitpid(p, &st, 0); continue; }
        say("%s: %#x %s\n", signame(s), st & ~0x80, WIFEXITED(st) ? "passes" : "kills");
    }
    say("-- ignored\n");
    int n = 0;
    for (int s = 1; s <= 64; s++) {
        if (s == 32 || s == 33 || s == SIGKILL || s == SIGSTOP) continue;
        signal(s, SIG_IGN);
        raise(s);
        n++;
        signal(s, SIG_DFL);
    }
    say("%d ignored signals passed\n", n);
    t(signal(SIGKILL, SIG_IGN) == SIG_ERR);
    t(signal(SIGSTOP, SIG_IGN) == SIG_ERR);

    say("-- abort\n");
    reap(spawn(abort()), "plain");
    reap(spawn({ signal(SIGABRT, SIG_IGN); abort(); }), "ignored");
    reap(spawn({ on(SIGABRT, on_abort, 0); abort(); }), "handled");
    reap(spawn({ block(SIGABRT); abort(); }), "blocked");

    say("-- exit\n");
    pid_t p = spawn({ atexit(bye); atexit(bye2); exit(3); });
    reap(p, "exit");
    p = spawn({ atexit(bye); _exit(4); });
    reap(p, "_exit");
    p = spawn({ execl("/proc/self/exe", "self", "261", NULL); });
    reap(p, "return 261");
    int pp[2];
    must(pipe(pp));
    p = spawn({ dup2(pp[1], 1); printf("buffered"); exit(0); });
    reap(p, "exit flushes");
    slurp("the pipe has", pp[0]);
    p = spawn({ dup2(pp[1], 1); printf("buffered"); _exit(0); });
    reap(p, "_exit does not");
    close(pp[1]);
    slurp("the pipe has", pp[0]);

    say("-- real-time signals blocked at exit, a death by a signal while others are pending\n");
    p = spawn({
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, 0);
        raise(SIGTERM);
        raise(SIGHUP);
        raise(SIGRTMIN);
        sigemptyset(&all);
        sigprocmask(SIG_SETMASK, &all, 0);
        _exit(1);
    });
    reap(p, "the lowest number kills");
    p = spawn({ sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); kill(getpid(), SIGKILL); _exit(1); });
    reap(p, "SIGKILL is never blocked");
    /* A fault whose signal is blocked or ignored kills all the same. */
    p = spawn({ block(SIGSEGV); *(volatile int *)8 = 1; });
    reap(p, "blocked SIGSEGV");
    p = spawn({ signal(SIGSEGV, SIG_IGN); *(volatile int *)8 = 1; });
    reap(p, "ignored SIGSEGV");
    p = spawn({ on(SIGSEGV, (void *)16, 0); *(volatile int *)8 = 1; });
    reap(p, "a handler at a bad address");
    return 0;
}

/* wait4(2) WUNTRACED and WCONTINUED, signal(7): stopping and continuing: what the parent sees, pending stops cancelled by
 * SIGCONT and the other way round, SIGKILL of a stopped process, blocked and handled stops, SA_NOCLDSTOP. */
#include "../guest.h"

static volatile int chld;
static void on_chld(int s) { (void)s; chld++; }
static void handler(int s) { say("  child handles %s\n", signame(s)); }

/* The signal may come a little later than the wait returns. */
static void await_chld(int n, int never)
{
    for (int i = 0; i < (never ? 30 : 2000) && chld < n; i++) nap(1);
}

static void w(pid_t p, const char *what, int opt)
{
    int st = -1, r = waitpid(p, &st, opt);
    if (r == 0) say("%s: nothing\n", what);
    else if (r < 0) say("%s: %s\n", what, ename(errno));
    else { say("%s: %#x, ", what, st); say_status("which is", st); }
}

int main(void)
{
    fresh();
    on(SIGCHLD, on_chld, SA_RESTART);
    pid_t p = spawn({ for (;;) pause(); });
    int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
    setpgid(p, p);
    for (int i = 0; i < 4; i++) {
        kill(p, stops[i]);
        w(p, "stopped", WUNTRACED);
        w(p, "told once", WUNTRACED | WNOHANG);
        kill(p, SIGCONT);
        w(p, "continued", WCONTINUED);
        w(p, "told once", WCONTINUED | WNOHANG);
    }
    say("-- without the options nothing is told\n");
    kill(p, SIGSTOP);
    settle_in(p, p, "T");
    w(p, "stop", WNOHANG);
    w(p, "stop", WNOHANG | WCONTINUED);
    kill(p, SIGCONT);
    settle(p);
    w(p, "the stop is forgotten", WNOHANG | WUNTRACED);
    w(p, "continue", WNOHANG | WCONTINUED);
    say("-- twice\n");
    kill(p, SIGSTOP);
    settle_in(p, p, "T");
    kill(p, SIGSTOP);
    kill(p, SIGTSTP);
    w(p, "stopped", WUNTRACED);
    w(p, "stopped again", WUNTRACED | WNOHANG);
    say("-- a signal waits while stopped, SIGKILL does not\n");
    kill(p, SIGTERM);
    nap(20);
    w(p, "SIGTERM", WNOHANG);
    kill(p, SIGCONT);
    w(p, "after SIGCONT", 0);
    p = spawn({ for (;;) pause(); });
    kill(p, SIGSTOP);
    w(p, "stopped", WUNTRACED);
    kill(p, SIGKILL);
    w(p, "killed", 0);
    w(p, "gone", 0);

    say("-- handlers and masks\n");
    p = spawn({
        on(SIGCONT, handler, 0);
        on(SIGTSTP, handler, 0);
        block(SIGCONT);
        raise(SIGTSTP);
        raise(SIGSTOP);
        sigset_t pend;
        sigpending(&pend);
        say_set("  continued though blocked, pending", &pend);
        unblock(SIGCONT);
        block(SIGTSTP);
        raise(SIGTSTP);
        sigpending(&pend);
        say_set("  pending", &pend);
        raise(SIGCONT);
        sigpending(&pend);
        say_set("  SIGCONT took the stop away", &pend);
        block(SIGCONT);
        raise(SIGCONT);
        raise(SIGTSTP);
        sigpending(&pend);
        say_set("  SIGTSTP took the continue away", &pend);
    });
    w(p, "stopped", WUNTRACED);
    kill(p, SIGCONT);
    w(p, "ended", 0);
    p = spawn({ signal(SIGTSTP, SIG_IGN); raise(SIGTSTP); say("  an ignored stop passes\n"); raise(SIGSTOP); _exit(3); });
    w(p, "stopped", WUNTRACED);
    kill(p, SIGCONT);
    w(p, "ended", 0);

    say("-- SIGCHLD\n");
    for (int flag = 0; flag < 2; flag++) {
        p = spawn({ for (;;) pause(); });
        settle(p);
        on(SIGCHLD, on_chld, SA_RESTART | (flag ? SA_NOCLDSTOP : 0));
        chld = 0;
        kill(p, SIGSTOP);
        w(p, "stopped", WUNTRACED);
        await_chld(1, flag);
        int a = chld;
        kill(p, SIGCONT);
        w(p, "continued", WCONTINUED);
        await_chld(2, flag);
        int b = chld;
        kill(p, SIGKILL);
        w(p, "killed", 0);
        say("SA_NOCLDSTOP %d: SIGCHLD after stop %d, continue %d, end %d\n", flag, a, b - a, chld - b);
    }
    return 0;
}

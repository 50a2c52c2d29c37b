/* setpgid(2), credentials(7), _exit(2): a process group that becomes orphaned with a stopped member gets SIGHUP and
 * SIGCONT; terminal stops do nothing in an orphaned group; SIGSTOP still does. */
#include "../guest.h"
#include <sys/prctl.h>

static void handler(int s) { say("  %s\n", signame(s)); }

int main(void)
{
    fresh();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int st;
    say("-- stopped member\n");
    pid_t p = spawn({
        setsid();
        pid_t q = spawn({
            setpgid(0, 0);
            on(SIGHUP, handler, 0);
            on(SIGCONT, handler, 0);
            sigset_t m = sigs(SIGHUP, SIGCONT);
            sigset_t none;
            sigemptyset(&none);
            sigprocmask(SIG_BLOCK, &m, 0);
            raise(SIGSTOP);
            sigpending(&m);
            say_set("  pending", &m);
            sigsuspend(&none);
            _exit(5);
        });
        setpgid(q, q);
        waitpid(q, &st, WUNTRACED);
        say_status("  member", st);
        _exit(1);
    });
    waitpid(p, &st, 0);
    v(wait(&st) > 0);
    say_status("orphaned member", st);

    say("-- default action: SIGHUP kills\n");
    p = spawn({
        setsid();
        pid_t q = spawn({ setpgid(0, 0); raise(SIGSTOP); say("not reached\n"); });
        setpgid(q, q);
        waitpid(q, &st, WUNTRACED);
    });
    waitpid(p, &st, 0);
    v(wait(&st) > 0);
    say_status("orphaned member", st);

    say("-- no member stopped: nothing is sent\n");
    int pp[2];
    char c;
    must(pipe(pp));
    p = spawn({
        setsid();
        pid_t q = spawn({ setpgid(0, 0); on(SIGHUP, handler, 0); on(SIGCONT, handler, 0); close(pp[1]); long r = read(pp[0], &c, 1); say("  read %ld\n", r); _exit(6); });
        settle(q);
    });
    waitpid(p, &st, 0);
    write(pp[1], "x", 1);
    v(wait(&st) > 0);
    say_status("orphaned member", st);

    say("-- stop signals in an orphaned group\n");
    p = spawn({
        setsid();
        raise(SIGTSTP);
        raise(SIGTTIN);
        raise(SIGTTOU);
        say("  a session leader alone passes all three\n");
        raise(SIGSTOP);
        say("  and SIGSTOP only after SIGCONT\n");
    });
    waitpid(p, &st, WUNTRACED);
    say_status("leader", st);
    kill(p, SIGCONT);
    reap(p, "leader");
    say("-- the same in a group that has a parent outside it\n");
    p = spawn({
        setsid();
        pid_t q = spawn({ setpgid(0, 0); raise(SIGTSTP); _exit(7); });
        setpgid(q, q);
        waitpid(q, &st, WUNTRACED);
        say_status("  member", st);
        kill(q, SIGCONT);
        reap(q, "  member");
    });
    reap(p, "leader");
    return 0;
}

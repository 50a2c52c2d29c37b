/* prctl(2) PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG: orphans go to the nearest living ancestor that asked; getppid moves;
 * the new parent can wait for them; the death signal is for the parent's exit and is cleared by fork. */
#include "../guest.h"
#include <sys/prctl.h>

static int pp[2];
static void handler(int s, siginfo_t *si, void *u) { (void)u; say("  %s code %d from the parent that died\n", signame(s), si->si_code); }

int main(void)
{
    fresh();
    int flag = -1, st;
    char c;
    t(prctl(PR_GET_CHILD_SUBREAPER, &flag));
    v(flag);
    t(prctl(PR_SET_CHILD_SUBREAPER, 1));
    prctl(PR_GET_CHILD_SUBREAPER, &flag);
    v(flag);
    t(prctl(PR_GET_CHILD_SUBREAPER, 8));
    pid_t me = getpid(), p;

    must(pipe(pp));
    p = spawn({
        flag = -1;
        prctl(PR_GET_CHILD_SUBREAPER, &flag);
        say("the child inherits the attribute: %d\n", flag);
        spawn({
            close(pp[1]);
            read(pp[0], &c, 1);
            say("grandchild: its parent is the subreaper %d\n", getppid() == me);
            _exit(5);
        });
        _exit(4);
    });
    close(pp[0]);
    v(waitpid(p, &st, 0) == p);
    say_status("child", st);
    t(waitpid(p, &st, 0));
    write(pp[1], "x", 1);
    v(wait(&st) > 0);
    say_status("orphan", st);
    close(pp[1]);

    say("-- a zombie of a dead parent\n");
    p = spawn({
        pid_t z = spawn(_exit(6));
        settle_in(z, z, "Z");
        _exit(7);
    });
    v(waitpid(p, &st, 0) == p);
    say_status("parent", st);
    v(wait(&st) > 0);
    say_status("its zombie", st);

    say("-- the nearest reaper\n");
    p = spawn({
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_t near = getpid();
        pid_t mid = spawn({
            pid_t parent = getpid();
            spawn({ while (getppid() == parent) nap(1); _exit(getppid() == near ? 8 : 9); });
            _exit(0);
        });
        settle_in(mid, mid, "Z");
        waitpid(mid, &st, 0);
        wait(&st);
        say_status("reaped by the nearest", st);
    });
    reap(p, "near reaper");

    say("-- parent death signal\n");
    t(prctl(PR_SET_PDEATHSIG, 65));
    t(prctl(PR_SET_PDEATHSIG, -1));
    must(pipe(pp));
    p = spawn({
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        int sig = 0;
        prctl(PR_GET_PDEATHSIG, &sig);
        say("set to %s\n", signame(sig));
        spawn({
            prctl(PR_GET_PDEATHSIG, &sig);
            say("not inherited: %d\n", sig);
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            on(SIGUSR2, handler, SA_SIGINFO);
            sigset_t none;
            sigemptyset(&none);
            block(SIGUSR2);
            write(pp[1], "r", 1);
            sigsuspend(&none);
            say("grandchild: parent is the reaper %d\n", getppid() == me);
            _exit(11);
        });
        read(pp[0], &c, 1);
        _exit(10);
    });
    int pst;
    waitpid(p, &pst, 0);
    v(wait(&st) > 0);
    say_status("parent", pst);
    say_status("grandchild", st);
    t(wait(&st));
    return 0;
}

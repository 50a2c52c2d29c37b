/* setsid(2), setpgid(2), getpgid(2), getsid(2): who may do what: leaders, children before and after exec, other sessions,
 * strangers. */
#include "../guest.h"

int main(int argc, char **argv)
{
    char c;
    if (argc > 1) { write(atoi(argv[1]), "e", 1); read(atoi(argv[2]), &c, 1); return 0; }
    fresh();
    pid_t p = spawn({
        v(getpgrp() == getpid());
        v(setsid() == getpid());
        v(getsid(0) == getpid() && getpgrp() == getpid());
        t(setsid());
        t(setpgid(0, 0));
        t(setpgid(0, getppid()));
        pid_t q = spawn({
            v(getsid(0) == getppid() && getpgrp() == getppid());
            t(setpgid(0, 0));
            t(setsid());
            v(getsid(getppid()) == getppid());
            t(setpgid(0, getppid()));
            t(setsid() == getpid());
            t(setpgid(0, getppid()));
        });
        reap(q, "grandchild");
    });
    reap(p, "session leader");

    p = spawn({
        setsid();
        int up[2], down[2];
        must(pipe(up));
        must(pipe(down));
        pid_t a = spawn({ close(down[1]); read(down[0], &c, 1); });
        pid_t b = spawn({ close(down[1]); read(down[0], &c, 1); });
        pid_t s = spawn({ close(down[1]); setsid(); write(up[1], "s", 1); read(down[0], &c, 1); });
        char u[16];
        char d[16];
        snprintf(u, 16, "%d", up[1]);
        snprintf(d, 16, "%d", down[0]);
        pid_t e = spawn({ close(down[1]); execl("/proc/self/exe", "self", u, d, NULL); });
        read(up[0], &c, 1);
        read(up[0], &c, 1);
        say("-- a child that has not executed\n");
        t(setpgid(a, a));
        v(getpgid(a) == a);
        t(setpgid(b, a));
        v(getpgid(b) == a);
        t(setpgid(b, 0));
        v(getpgid(b) == b);
        t(setpgid(b, getpgrp()));
        v(getpgid(b) == getpgrp());
        say("-- a group that is not there, a stranger, bad values\n");
        t(setpgid(a, 1 << 22));
        t(setpgid(b, e));
        t(setpgid(a, -1));
        t(setpgid(-1, 0));
        t(setpgid(1, 1) < 0);
        t(setpgid(getppid(), 0));
        t(setpgid(1 << 22, 0));
        say("-- a child that has executed, a child of another session\n");
        t(setpgid(e, e));
        t(setpgid(e, getpgrp()));
        t(setpgid(s, s));
        t(setpgid(s, a));
        v(getsid(s) == s && getpgid(s) == s);
        t(setpgid(a, s));
        t(getpgid(1 << 22));
        t(getpgid(-1));
        t(getsid(-1));
        t(getsid(1 << 22));
        v(getpgid(0) == getpgrp());
        close(down[1]);
        while (wait(0) > 0) {}
        t(setpgid(a, a));

        say("-- a zombie leader keeps its group\n");
        pid_t z = spawn({ setpgid(0, 0); pid_t in_group = spawn({ pause(); }); settle(in_group); say("member's group is the leader's: %d\n", getpgid(in_group) == getpid()); });
        settle_in(z, z, "Z");
        t(kill(-z, 0));
        waitpid(z, 0, 0);
        t(kill(-z, 0));
        pid_t y = spawn(pause());
        t(setpgid(y, z));
        v(getpgid(y) == z);
        t(kill(-z, SIGKILL));
        reap(y, "joined later");
    });
    reap(p, "parent");
    return 0;
}

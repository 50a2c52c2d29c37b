/* kill(2): to one, to a group, to the own group; signal 0; zombies; permissions of another user; errors. killpg(3). */
#include "../guest.h"

static int pp[2];
static void handler(int s) { (void)s; }
static pid_t member(pid_t group)
{
    pid_t p = spawn({
        setpgid(0, group);
        on(SIGUSR1, handler, 0);
        block(SIGUSR1);
        write(pp[1], "r", 1);
        sigset_t none;
        sigemptyset(&none);
        sigsuspend(&none);
        _exit(40);
    });
    setpgid(p, group ? group : p);
    char c;
    read(pp[0], &c, 1);
    return p;
}

int main(void)
{
    fresh();
    must(pipe(pp));
    pid_t a = member(0), b = member(a), c = member(a), d = member(0);
    t(kill(a, 0));
    t(kill(-a, 0));
    t(kill(-a, 65));
    t(kill(-a, -1));
    t(kill(a, 65));
    t(kill(1 << 22, 0));
    t(kill(1 << 22, 99));
    t(kill(-(1 << 22), SIGUSR1));
    t(kill(INT_MIN, SIGUSR1));
    t(kill(-b, SIGUSR1));
    t(kill(-a, SIGUSR1));
    reap(a, "leader");
    reap(b, "second");
    reap(c, "third");
    t(waitpid(d, 0, WNOHANG));
    t(kill(-a, 0));
    t(kill(a, 0));
    t(kill(d, SIGUSR1));
    settle_in(d, d, "Z");
    say("a zombie takes signals: %d %d\n", kill(d, 0), kill(d, SIGTERM));
    reap(d, "other group");
    t(kill(d, 0));

    say("-- kill(0): all of the own group and nobody else\n");
    pid_t p = spawn({
        setsid();
        pid_t x = member(getpid());
        pid_t y = member(0);
        on(SIGUSR1, handler, 0);
        t(kill(0, SIGUSR1));
        reap(x, "same group");
        t(waitpid(y, 0, WNOHANG));
        t(killpg(getpgid(y), SIGUSR1));
        reap(y, "other group");
        t(killpg(0, 0));
        t(killpg(-5, 0));
        t(kill(0, SIGKILL));
    });
    reap(p, "leader");

    say("-- another user\n");
    pid_t root = member(0);
    pid_t u1 = spawn({ setpgid(0, root); setresuid(1000, 1001, 1002); write(pp[1], "r", 1); pause(); });
    char ch;
    read(pp[0], &ch, 1);
    struct { int r; int e; int s; } who[] = { { 1000, 1000, 1000 }, { 1001, 5, 5 }, { 5, 1002, 5 }, { 5, 5, 1000 }, { 7, 1000, 7 }, { 1002, 7, 7 } };
    for (int i = 0; i < COUNT(who); i++) {
        p = spawn({
            setresuid(who[i].r, who[i].e, who[i].s);
            int k1 = kill(u1, 0) ? errno : 0;
            int k2 = kill(root, 0) ? errno : 0;
            int k3 = kill(-root, 0) ? errno : 0;
            int k4 = kill(getppid(), SIGCONT) ? errno : 0;
            say("real %d effective %d saved %d: user's process %s, ", who[i].r, who[i].e, who[i].s, ename(k1));
            say("root's %s, ", ename(k2));
            say("the group %s, ", ename(k3));
            say("SIGCONT in the session %s\n", ename(k4));
        });
        waitpid(p, 0, 0);
    }
    kill(-root, SIGKILL);
    reap(root, "root's");
    reap(u1, "user's");
    return 0;
}

/* tty_ioctl(4), setsid(2), open(2) O_NOCTTY: how a session gets its controlling terminal and how it does not: by open, by TIOCSCTTY, stealing;
 * /dev/tty; /proc stat fields; TIOCNOTTY; losing it with the leader's exit. */
#include "../guest.h"
#include "tty.h"

static char name[64];
static int has_tty(void) { int fd = open("/dev/tty", O_RDWR | O_NOCTTY); if (fd >= 0) close(fd); return fd >= 0; }
static void handler(int sig) { say("  %s\n", signame(sig)); }

int main(void)
{
    fresh();
    open_pair();
    ptsname_r(m, name, sizeof name);
    say("by open\n");
    pid_t p = spawn({
        setsid();
        close(s);
        v(has_tty());
        int a = open(name, O_RDWR | O_NOCTTY);
        v(has_tty());
        t(tcgetsid(a));
        close(a);
        a = open(name, O_RDWR);
        v(has_tty());
        v(tcgetsid(a) == getpid());
        v(tcgetpgrp(a) == getpid());
        signal(SIGHUP, SIG_IGN);
    });
    reap(p, "leader");
    close(s);
    close(m);
    open_pair();
    ptsname_r(m, name, sizeof name);
    p = spawn({
        setsid();
        pid_t q = spawn({ int a = open(name, O_RDWR); say("not by a member that is no leader: %d\n", has_tty()); t(ioctl(a, TIOCSCTTY, 0)); });
        reap(q, "member");
        v(has_tty());
    });
    reap(p, "leader");

    say("TIOCSCTTY\n");
    int up[2], down[2], down2[2];
    char c;
    must(pipe(up));
    must(pipe(down));
    must(pipe(down2));
    p = spawn({
        setsid();
        t(ioctl(s, TIOCSCTTY, 0));
        write(up[1], "x", 1);
        read(down[0], &c, 1);
        say("first session after the theft: %d\n", has_tty());
        signal(SIGHUP, SIG_IGN);
    });
    read(up[0], &c, 1);
    pid_t q = spawn({
        setsid();
        t(ioctl(s, TIOCSCTTY, 0));
        t(ioctl(s, TIOCSCTTY, 1));
        v(has_tty());
        v(tcgetpgrp(s) == getpid());
        int m2; int s2;
        openpty(&m2, &s2, 0, 0, 0);
        t(ioctl(s2, TIOCSCTTY, 0));
        t(tcgetpgrp(s2));
        signal(SIGHUP, SIG_IGN);
        write(up[1], "x", 1);
        read(down2[0], &c, 1);
    });
    read(up[0], &c, 1);
    write(down[1], "1", 1);
    reap(p, "first");
    write(down2[1], "2", 1);
    reap(q, "thief");
    close(s);
    close(m);

    say("the leader's exit\n");
    open_pair();
    fcntl(m, F_SETFD, FD_CLOEXEC);
    p = spawn({
        close(m);
        setsid();
        ioctl(s, TIOCSCTTY, 0);
        pid_t fg = spawn({
            on(SIGHUP, handler, 0);
            on(SIGCONT, handler, 0);
            block(SIGHUP);
            block(SIGCONT);
            sigset_t none;
            sigemptyset(&none);
            write(up[1], "r", 1);
            pid_t leader = getppid();
            sigsuspend(&none);
            /* A pty is not hung up by that, its foreground group is only signalled. */
            while (getppid() == leader) nap(1);
            say("  foreground member: /dev/tty %d\n", has_tty());
            t(tcgetattr(s, &tio));
            t(write(s, "x", 1));
            fcntl(s, F_SETFL, O_NONBLOCK);
            t(read(s, &c, 1));
            t(isatty(s));
            say("  poll %#x\n", events(s));
            write(up[1], "d", 1);
        });
        settle(fg);
    });
    read(up[0], &c, 1);
    read(up[0], &c, 1);
    reap(p, "leader");
    close(s);
    close(m);

    say("TIOCNOTTY by a member, the session keeps it\n");
    open_pair();
    p = spawn({
        setsid();
        ioctl(s, TIOCSCTTY, 0);
        q = spawn({ t(ioctl(s, TIOCNOTTY, 0)); v(has_tty()); t(tcgetpgrp(s)); t(ioctl(s, TIOCNOTTY, 0)); });
        reap(q, "member");
        v(has_tty());
        char b[512];
        int fd = open("/proc/self/stat", O_RDONLY);
        ssize_t n = read(fd, b, 511);
        b[n] = 0;
        int tty;
        int pgrp;
        sscanf(strrchr(b, ')') + 2, "%*c %*d %*d %*d %d %d", &tty, &pgrp);
        say("stat: terminal of major 136 %d, foreground group %d\n", (tty >> 8 & 0xff) == 136, pgrp == getpid());
        signal(SIGHUP, SIG_IGN);
    });
    reap(p, "leader");
    p = spawn({
        setsid();
        char b[512];
        int fd = open("/proc/self/stat", O_RDONLY);
        ssize_t n = read(fd, b, 511);
        b[n] = 0;
        int tty;
        int pgrp;
        sscanf(strrchr(b, ')') + 2, "%*c %*d %*d %*d %d %d", &tty, &pgrp);
        say("without: %d %d\n", tty, pgrp);
        t(tcgetpgrp(s));
        t(tcsetpgrp(s, getpid()));
    });
    reap(p, "no terminal");
    return 0;
}

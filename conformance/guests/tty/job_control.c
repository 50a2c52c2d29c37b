/* tty_ioctl(4), termios(3), setsid(2): a controlling terminal, its foreground group, ^C ^\ ^Z, SIGTTIN, SIGTTOU,
 * SIGWINCH, hangup when the leader exits. */
#include "../guest.h"
#include <poll.h>
#include <pty.h>
#include <termios.h>

static int m, s;
static volatile int got;
static void handler(int sig) { got = sig; say("  handler %s\n", signame(sig)); }
static void wait_got(int sig)
{
    for (int i = 0; i < 2000 && got != sig; i++) nap(1);
    if (got != sig) say("  no %s came\n", signame(sig));
    got = 0;
}

static void leader(void)
{
    char name[64];
    int tty;
    pid_t p;
    close(m);
    t(setsid() == getpid());
    t(setsid());
    t(open("/dev/tty", O_RDWR));
    t(ioctl(s, TIOCGPGRP, &tty));
    t(ioctl(s, TIOCSCTTY, 0));
    t(ioctl(s, TIOCSCTTY, 0));
    v(tcgetpgrp(s) == getpid());
    v(tcgetsid(s) == getpid());
    tty = t(open("/dev/tty", O_RDWR)) >= 0 ? 3 : -1;
    t(ttyname_r(s, name, sizeof name));
    say("name is under /dev/pts: %d\n", strncmp(name, "/dev/pts/", 9) == 0);
    int sigs_[] = { SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP, SIGCONT };
    for (int i = 0; i < COUNT(sigs_); i++) on(sigs_[i], handler, SA_RESTART);
    write(7, "1", 1);
    wait_got(SIGINT);
    write(7, "2", 1);
    wait_got(SIGQUIT);
    write(7, "3", 1);
    wait_got(SIGTSTP);
    write(7, "4", 1);
    wait_got(SIGWINCH);
    struct winsize w;
    t(ioctl(s, TIOCGWINSZ, &w));
    say("size %d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
    w.ws_row = 9;
    t(ioctl(s, TIOCSWINSZ, &w));
    wait_got(SIGWINCH);
    t(ioctl(s, TIOCSWINSZ, &w));
    say("the same size again: %d\n", got);

    /* A background group: reading stops it, writing does with TOSTOP, changing modes always. */
    p = spawn({ setpgid(0, 0); char c; read(s, &c, 1); say("  not reached\n"); });
    setpgid(p, p);
    int st;
    waitpid(p, &st, WUNTRACED);
    say_status("background reader", st);
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    p = spawn({ setpgid(0, 0); signal(SIGTTIN, SIG_IGN); char c; t(read(s, &c, 1)); block(SIGTTIN); signal(SIGTTIN, SIG_DFL); t(read(s, &c, 1)); t(write(s, "", 0)); });
    reap(p, "SIGTTIN ignored or blocked");
    p = spawn({ setpgid(0, 0); t(tcsetpgrp(s, getpid())); });
    setpgid(p, p);
    waitpid(p, &st, WUNTRACED);
    say_status("background tcsetpgrp", st);
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    p = spawn({ setpgid(0, 0); signal(SIGTTOU, SIG_IGN); t(tcsetpgrp(s, getpid())); v(tcgetpgrp(s) == getpid()); });
    reap(p, "SIGTTOU ignored");
    say("the foreground group is now gone\n");
    signal(SIGTTOU, SIG_IGN);
    t(tcsetpgrp(s, 1 << 22));
    t(tcsetpgrp(s, -1));
    t(tcsetpgrp(s, getpid()));
    struct termios tio;
    tcgetattr(s, &tio);
    tio.c_lflag |= TOSTOP;
    tcsetattr(s, TCSANOW, &tio);
    p = spawn({ setpgid(0, 0); signal(SIGTTOU, SIG_DFL); write(s, "x", 1); });
    setpgid(p, p);
    waitpid(p, &st, WUNTRACED);
    say_status("TOSTOP", st);
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    p = spawn({ on(SIGHUP, SIG_DFL, 0); pause(); });
    settle(p);
    t(ioctl(tty, TIOCNOTTY, 0));
    reap(p, "another in the foreground group");
    t(open("/dev/tty", O_RDWR));
    v(tcgetpgrp(s));
}

int main(void)
{
    fresh();
    int sync[2];
    char c;
    must(openpty(&m, &s, 0, 0, 0));
    must(pipe(sync));
    must(dup2(sync[1], 7));
    pid_t p = spawn(leader());
    close(s);
    while (close(sync[1]), close(7), read(sync[0], &c, 1) == 1) {
        struct winsize w = { 30, 100, 5, 6 };
        if (c == '4') ioctl(m, TIOCSWINSZ, &w);
        else write(m, &"\x03\x1c\x1a"[c - '1'], 1);
    }
    reap(p, "leader");
    return 0;
}

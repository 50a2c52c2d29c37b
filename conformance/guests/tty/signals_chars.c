/* termios(3): ISIG: which group gets SIGINT, SIGQUIT, SIGTSTP, how they are echoed, flushing of queues and NOFLSH, changed and disabled
 * characters, IXON with START and STOP, VLNEXT, IEXTEN off, BRKINT. */
#include "../guest.h"
#include "tty.h"
#include <sys/prctl.h>

static int up[2];
static void handler(int sig) { char c = sig; write(up[1], &c, 1); }
static void got_in(const char *what, int ms)
{
    struct pollfd p = { up[0], POLLIN, 0 };
    char c = 0;
    if (poll(&p, 1, ms) == 1 && read(up[0], &c, 1) == 1) say("%s: %s\n", what, signame(c));
    else say("%s: no signal\n", what);
}
static void got(const char *what) { got_in(what, 3000); }

/* Type a line and wait until the line discipline has taken all of it. */
static void typed(const char *line)
{
    char b[64];
    type(line);
    struct pollfd p = { s, POLLIN, 0 };
    poll(&p, 1, 3000);
    read(s, b, sizeof b);
}

int main(void)
{
    fresh();
    int sync[2];
    char c;
    open_pair();
    must(pipe(up));
    must(pipe(sync));
    /* A session of its own whose foreground group waits for signals; its background child must not get them. */
    pid_t leader = spawn({
        setsid();
        ioctl(s, TIOCSCTTY, 0);
        int sg[] = { SIGINT, SIGQUIT, SIGTSTP, SIGUSR1 };
        for (int i = 0; i < 4; i++) on(sg[i], handler, SA_RESTART);
        /* The background child dies with the leader: the hangup reaches orphaned stopped groups only. */
        pid_t bg = spawn({ prctl(PR_SET_PDEATHSIG, SIGKILL); setpgid(0, 0); for (int i = 0; i < 4; i++) on(sg[i], (void *)_exit, 0); for (;;) pause(); });
        setpgid(bg, bg);
        settle(bg);
        write(sync[1], "r", 1);
        for (;;) pause();
    });
    read(sync[0], &c, 1);
    settle(leader);
    type("\x03");
    see("echo", m, 2);
    got("^C");
    type("\x1c");
    see("echo", m, 2);
    got("^\\");
    type("\x1a");
    see("echo", m, 2);
    got("^Z");
    tio.c_lflag |= NOFLSH;
    set_tio();
    type("typed\x03more\n");
    see("echo", m, 5 + 2 + 4 + 2);
    got("^C with NOFLSH");
    see("the input is kept", s, 10);
    tio.c_lflag &= ~NOFLSH;
    set_tio();
    type("typed\x03more\n");
    see("echo, of which the part before ^C is flushed too", m, 2 + 4 + 2);
    got("^C flushes");
    see("only what came after", s, 5);
    tio.c_cc[VINTR] = 'X';
    tio.c_cc[VQUIT] = 0;
    set_tio();
    type("aXb\x03\x1c\n");
    see("echo", m, 8);
    got("X is the interrupt now");
    see("^C and ^\\ are input", s, 4);
    got_in("nothing else", 50);
    tio.c_cc[VINTR] = 3;
    tio.c_lflag &= ~ISIG;
    set_tio();
    type("\x03\x1a\n");
    see("echo without ISIG", m, 6);
    see("input", s, 3);
    got_in("ISIG off", 50);
    tio.c_lflag |= ISIG;
    tio.c_lflag &= ~ECHOCTL;
    set_tio();
    type("\x03");
    see("echo without ECHOCTL", m, 1);
    got("^C");
    tio.c_lflag = (tio.c_lflag | ECHOCTL) & ~IEXTEN;
    set_tio();
    type("a\x16" "b\x17\n");
    see("echo without IEXTEN", m, 1 + 2 + 1 + 2 + 2);
    see("^V and ^W are input", s, 5);
    tio.c_lflag |= IEXTEN;

    say("-- flow control\n");
    tio.c_lflag &= ~ECHO;
    set_tio();
    typed("\x13z\n");
    fcntl(s, F_SETFL, O_NONBLOCK);
    t(write(s, "held", 4));
    v(events(m) & POLLIN);
    typed("\x11z\n");
    t(write(s, "flows", 5));
    see("after ^Q", m, 5);
    tio.c_iflag |= IXANY;
    set_tio();
    typed("z\x13\x13z\n");
    t(write(s, "go", 2));
    see("any key restarts", m, 2);
    t(tcflow(s, TCOOFF));
    t(write(s, "no", 2));
    t(tcflow(s, TCOON));
    t(write(s, "yes", 3));
    see("after TCOON", m, 3);
    t(tcflow(s, 9));
    t(tcflow(s, TCIOFF));
    see("the stop character for the other side", m, 1);
    t(tcflow(s, TCION));
    see("and the start character", m, 1);
    tio.c_iflag &= ~IXON;
    tio.c_lflag |= ECHO;
    set_tio();
    type("\x13\x11\n");
    see("without IXON they echo", m, 6);
    kill(leader, SIGKILL);
    close(sync[0]);
    int st;
    waitpid(leader, &st, 0);
    say_status("leader", st);
    return 0;
}

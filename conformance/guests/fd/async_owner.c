/* fcntl(2) F_SETOWN, F_SETSIG, F_SETOWN_EX, O_ASYNC, FIOASYNC: SIGIO when data arrive, to a process, a group, a thread; the siginfo of a
 * chosen signal. */
#include "../guest.h"
#include <pthread.h>
#include <poll.h>
#include <sys/socket.h>

static volatile int got, code, fdno;
static volatile long band;
static void handler(int s, siginfo_t *si, void *u) { (void)u; got = s; code = si->si_code; band = si->si_band; fdno = si->si_fd; }
static void wait_sig(const char *what)
{
    for (int i = 0; i < 1000 && !got; i++) nap(1);
    if (!got) say("%s: nothing\n", what);
    else if (got == SIGIO) say("%s: SIGIO\n", what);
    else say("%s: %s code %d band %#lx fd right %d\n", what, signame(got), code, band, fdno > 2);
    got = 0;
}

int main(void)
{
    fresh();
    int s[2], p[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    must(pipe(p));
    on(SIGIO, handler, SA_SIGINFO);
    on(SIGRTMIN + 4, handler, SA_SIGINFO);
    on(SIGUSR1, handler, SA_SIGINFO);
    t(fcntl(s[0], F_GETOWN));
    t(fcntl(s[0], F_GETSIG));
    v(fcntl(s[0], F_SETOWN, getpid()));
    v(fcntl(s[0], F_GETOWN) == getpid());
    t(fcntl(s[0], F_SETOWN, 1 << 22));
    t(fcntl(s[0], F_SETOWN, INT_MIN));
    t(fcntl(s[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    say("flags %#o\n", fcntl(s[0], F_GETFL));
    write(s[1], "a", 1);
    wait_sig("socket data");
    write(s[1], "b", 1);
    wait_sig("more data");
    char b[16];
    read(s[0], b, 16);
    t(fcntl(s[0], F_SETSIG, SIGRTMIN + 4));
    v(fcntl(s[0], F_GETSIG) == SIGRTMIN + 4);
    write(s[1], "c", 1);
    wait_sig("chosen signal");
    t(fcntl(s[0], F_SETSIG, 65));
    t(fcntl(s[0], F_SETSIG, 0));
    read(s[0], b, 16);
    got = 0;
    write(s[1], "d", 1);
    wait_sig("back to SIGIO");
    int off = 0;
    t(ioctl(s[0], FIOASYNC, &off));
    say("flags %#o\n", fcntl(s[0], F_GETFL));
    write(s[1], "e", 1);
    nap(10);
    v(got);

    say("-- pipe\n");
    fcntl(p[0], F_SETOWN, getpid());
    fcntl(p[0], F_SETSIG, SIGUSR1);
    t(fcntl(p[0], F_SETFL, O_ASYNC));
    write(p[1], "x", 1);
    wait_sig("pipe data");
    read(p[0], b, 16);
    close(p[1]);
    wait_sig("pipe hangup");

    say("-- group and thread owners\n");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    struct f_owner_ex ex = { F_OWNER_TID, syscall(SYS_gettid) };
    t(fcntl(s[0], F_SETOWN_EX, &ex));
    memset(&ex, 0, sizeof ex);
    t(fcntl(s[0], F_GETOWN_EX, &ex));
    say("type %d mine %d\n", ex.type, ex.pid == getpid());
    fcntl(s[0], F_SETFL, O_ASYNC);
    write(s[1], "x", 1);
    wait_sig("thread");
    pid_t c = spawn({ setpgid(0, 0); on(SIGIO, (void *)_exit, 0); for (;;) pause(); });
    setpgid(c, c);
    ex = (struct f_owner_ex){ F_OWNER_PGRP, c };
    t(fcntl(s[0], F_SETOWN_EX, &ex));
    v(fcntl(s[0], F_GETOWN) == -c || errno == 0);
    fcntl(s[0], F_GETOWN_EX, &ex);
    say("type %d group %d\n", ex.type, ex.pid == c);
    settle(c);
    write(s[1], "y", 1);
    reap(c, "member of the group");
    v(got);
    ex.type = 7;
    t(fcntl(s[0], F_SETOWN_EX, &ex));
    ex = (struct f_owner_ex){ F_OWNER_PID, 1 << 22 };
    t(fcntl(s[0], F_SETOWN_EX, &ex));
    t(fcntl(s[0], F_SETOWN_EX, 8));
    v(fcntl(s[0], F_SETOWN, 0));
    return 0;
}

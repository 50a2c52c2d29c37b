/* unix(7): urgent data on streams (MSG_OOB): reading it, reading past it, its mark, SIGURG, POLLPRI, SO_OOBINLINE, several of them, what other kinds of sockets say. */
#include "../guest.h"
#include "unix.h"
#include <poll.h>
#include <sys/socket.h>
#include <linux/sockios.h>

static volatile int urgent;
static void handler(int s) { (void)s; urgent++; }
static int s[2];
static int mark(void)
{
    int x = -1;
    return ioctl(s[0], SIOCATMARK, &x) < 0 ? -errno : x;
}
static void in(int max, int flags)
{
    char b[64];
    memset(b, 0, sizeof b);
    struct iovec io = { b, max };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
    errno = 0;
    ssize_t n = recvmsg(s[0], &m, flags | MSG_DONTWAIT);
    if (n < 0) say("  recv(%d%s%s): %s\n", max, flags & MSG_OOB ? " OOB" : "", flags & MSG_PEEK ? " PEEK" : "", ename(errno));
    else say("  recv(%d%s%s): %zd '%.*s'%s\n", max, flags & MSG_OOB ? " OOB" : "", flags & MSG_PEEK ? " PEEK" : "", n, (int)n, b, m.msg_flags & MSG_OOB ? " MSG_OOB" : "");
}
static void out(const char *t, int flags) { if (send(s[1], t, strlen(t), flags) < 0) say("  send: %s\n", ename(errno)); }
static void state(void)
{
    struct pollfd p = { s[0], POLLIN | POLLPRI, 0 };
    int n = -1;
    poll(&p, 1, 0);
    ioctl(s[0], FIONREAD, &n);
    say("  %s%s mark %d, %d bytes\n", p.revents & POLLIN ? "IN" : "-", p.revents & POLLPRI ? " PRI" : "", mark(), n);
}
static void again(const char *what)
{
    if (s[0]) { close(s[0]); close(s[1]); }
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    say("%s\n", what);
}

int main(void)
{
    fresh();
    signal(SIGURG, handler);
    again("alone");
    in(1, MSG_OOB);
    fcntl(s[0], F_SETOWN, getpid());
    out("!", MSG_OOB);
    v(urgent);
    state();
    in(9, MSG_OOB | MSG_PEEK);
    in(9, MSG_OOB);
    in(9, MSG_OOB);
    state();
    in(9, 0);
    state();
    again("behind others");
    out("abc", 0);
    out("de!", MSG_OOB);
    state();
    in(2, 0);
    in(9, MSG_PEEK);
    in(9, 0);
    state();
    in(1, MSG_OOB);
    state();
    in(9, 0);
    again("taken first");
    out("abc!", MSG_OOB);
    out("xyz", 0);
    in(1, MSG_OOB);
    state();
    in(9, MSG_PEEK);
    in(9, 0);
    state();
    in(9, 0);
    state();
    again("never taken");
    out("abc!", MSG_OOB);
    out("xyz", 0);
    in(9, 0);
    state();
    in(9, MSG_PEEK);
    in(9, 0);
    in(9, 0);
    again("a second one");
    out("ab1", MSG_OOB);
    out("cd2", MSG_OOB);
    out("ef", 0);
    state();
    in(20, 0);
    in(20, MSG_OOB);
    in(20, 0);
    again("one taken, another comes");
    out("ab1", MSG_OOB);
    in(1, MSG_OOB);
    out("cd2", MSG_OOB);
    state();
    in(20, 0);
    state();
    in(20, 0);
    in(1, MSG_OOB);
    again("in line");
    int one = 1;
    setsockopt(s[0], SOL_SOCKET, SO_OOBINLINE, &one, sizeof one);
    out("ab!", MSG_OOB);
    out("cd", 0);
    in(1, MSG_OOB);
    in(20, 0);
    state();
    in(20, 0);
    state();
    again("ends");
    t(send(s[1], "", 0, MSG_OOB));
    out("!", MSG_OOB);
    in(1, MSG_OOB);
    close(s[1]);
    in(9, 0);
    in(9, 0);
    s[1] = -1;
    again("many");
    for (int i = 0; i < 40; i++) { char c[3] = { 'a' + i % 26, '!', 0 }; out(c, MSG_OOB); if (i % 3 == 0) in(1, MSG_OOB); }
    for (int i = 0; i < 30; i++) in(7, 0);
    state();
    int d[2];
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, d));
    t(send(d[0], "x", 1, MSG_OOB));
    t(recv(d[0], &one, 1, MSG_OOB | MSG_DONTWAIT));
    t(ioctl(d[0], SIOCATMARK, &one));
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, d));
    t(send(d[0], "x", 1, MSG_OOB));
    t(ioctl(d[0], SIOCATMARK, &one));
    return 0;
}

/* unix(7), socketpair(2): stream, datagram and seqpacket pairs: boundaries, truncation, MSG_PEEK, MSG_DONTWAIT, shutdown,
 * end of file, EPIPE, names, options. */
#include "../guest.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static int sv[2];
static char b[256];
static void ev(const char *what, int fd)
{
    struct pollfd f = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
    poll(&f, 1, 0);
    say("  poll %s: %#x\n", what, f.revents);
}
static void got(const char *what, ssize_t n) { if (n < 0) say("%s: %s\n", what, ename(errno)); else show(what, b, n); }

int main(void)
{
    fresh();
    signal(SIGPIPE, SIG_IGN);
    int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
    for (int i = 0; i < 3; i++) {
        say("== type %d\n", types[i]);
        t(socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
        say("cloexec %d nonblock %d\n", fcntl(sv[0], F_GETFD), !!(fcntl(sv[1], F_GETFL) & O_NONBLOCK));
        ev("new", sv[0]);
        t(send(sv[0], "first", 5, 0));
        t(send(sv[0], "second", 6, 0));
        ev("data", sv[1]);
        int q = -1;
        ioctl(sv[1], FIONREAD, &q);
        v(q);
        got("peek", recv(sv[1], b, 256, MSG_PEEK));
        got("peek two", recv(sv[1], b, 2, MSG_PEEK));
        v(recv(sv[1], b, 2, MSG_PEEK | MSG_TRUNC));
        got("three", recv(sv[1], b, 3, 0));
        got("rest", recv(sv[1], b, 256, 0));
        got("next", recv(sv[1], b, 256, 0));
        got("none", recv(sv[1], b, 256, MSG_DONTWAIT));
        t(send(sv[0], "", 0, 0));
        got("empty message", recv(sv[1], b, 256, 0));
        struct iovec iov[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
        struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 3 };
        t(sendmsg(sv[0], &mh, 0));
        iov[0] = (struct iovec){ b, 1 };
        iov[1] = (struct iovec){ b + 1, 2 };
        mh.msg_iovlen = 2;
        t(recvmsg(sv[1], &mh, 0));
        say("flags %#x\n", mh.msg_flags);
        show("gathered", b, 3);
        got("left", recv(sv[1], b, 256, 0));
        struct sockaddr_un un;
        socklen_t len = sizeof un;
        t(getsockname(sv[0], (void *)&un, &len));
        say("name length %d family %d\n", len, un.sun_family);
        len = sizeof un;
        t(getpeername(sv[0], (void *)&un, &len));
        int val = 0;
        len = sizeof val;
        t(getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &val, &len));
        v(val);
        t(getsockopt(sv[0], SOL_SOCKET, SO_DOMAIN, &val, &len));
        v(val);
        t(getsockopt(sv[0], SOL_SOCKET, SO_PROTOCOL, &val, &len));
        v(val);
        t(getsockopt(sv[0], SOL_SOCKET, SO_ACCEPTCONN, &val, &len));
        v(val);
        t(getsockopt(sv[0], SOL_SOCKET, SO_ERROR, &val, &len));
        v(val);
        struct ucred cr;
        len = sizeof cr;
        t(getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &cr, &len));
        say("peer is this process %d uid %d gid %d\n", cr.pid == getpid(), cr.uid, cr.gid);
        t(getsockopt(sv[0], SOL_SOCKET, 9999, &val, &len));
        t(setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &val, 1));
        t(connect(sv[0], (void *)&un, sizeof un));
        t(listen(sv[0], 1));

        t(send(sv[0], "last", 4, 0));
        t(shutdown(sv[0], SHUT_WR));
        t(send(sv[0], "x", 1, 0));
        ev("writer shut", sv[0]);
        ev("reader", sv[1]);
        got("what was sent", recv(sv[1], b, 256, 0));
        got("end", recv(sv[1], b, 256, 0));
        t(send(sv[1], "back", 4, 0));
        got("the other way", recv(sv[0], b, 256, 0));
        t(shutdown(sv[0], SHUT_RD));
        t(send(sv[1], "x", 1, 0));
        got("read after SHUT_RD", recv(sv[0], b, 256, 0));
        t(shutdown(sv[0], 7));
        t(send(sv[1], "lost", 4, 0));
        close(sv[0]);
        ev("peer closed", sv[1]);
        t(send(sv[1], "x", 1, 0));
        t(send(sv[1], "x", 1, MSG_NOSIGNAL));
        got("read", recv(sv[1], b, 256, 0));
        close(sv[1]);
    }
    t(socketpair(AF_UNIX, SOCK_RAW, 0, sv));
    t(socketpair(AF_UNIX, SOCK_STREAM, 1, sv));
    t(socketpair(AF_UNIX, SOCK_STREAM, 2, sv));
    t(socketpair(AF_UNIX, 77, 0, sv));
    t(socketpair(AF_UNIX, SOCK_STREAM | 0x100, 0, sv));
    t(socketpair(AF_INET, SOCK_STREAM, 0, sv));
    t(socketpair(999, SOCK_STREAM, 0, sv));
    return 0;
}

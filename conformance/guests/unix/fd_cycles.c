/* unix(7): descriptors in flight: a socket sent over itself, cycles that are collected, nesting, what a dead receiver closes, limits, epoll and
 * listening sockets as cargo, close-on-exec of those received by a child. */
#include "../guest.h"
#include "unix.h"
#include <sys/epoll.h>

static int give(int over, int fd)
{
    union { char c[CMSG_SPACE(sizeof(int))]; struct cmsghdr h; } c;
    memset(&c, 0, sizeof c);
    struct iovec io = { "f", 1 };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
    c.h.cmsg_level = SOL_SOCKET;
    c.h.cmsg_type = SCM_RIGHTS;
    c.h.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&c.h), &fd, sizeof fd);
    return sendmsg(over, &m, MSG_DONTWAIT);
}
static int take(int over)
{
    union { char c[CMSG_SPACE(sizeof(int))]; struct cmsghdr h; } c;
    char b;
    struct iovec io = { &b, 1 };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
    if (recvmsg(over, &m, MSG_DONTWAIT) < 0) return -errno;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    return h ? *(int *)CMSG_DATA(h) : -1000;
}
/* Whether the write end of a pipe is still held anywhere: its read end has no end of file. */
static int held(int rd)
{
    char c;
    for (int i = 0; i < 500; i++) { if (read(rd, &c, 1) == 0) return 0; nap(1); }
    return 1;
}

int main(void)
{
    fresh();
    xmkdtemp();
    int s[2], p[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    must(pipe2(p, O_NONBLOCK));
    say("-- in flight, then the receiver closes\n");
    t(give(s[0], p[1]));
    close(p[1]);
    char c;
    t(read(p[0], &c, 1));
    close(s[1]);
    v(held(p[0]));
    say("-- in flight in a socket that is itself in flight\n");
    int a[2], b[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, b));
    must(pipe2(p, O_NONBLOCK));
    t(give(a[0], p[1]));
    close(p[1]);
    t(give(b[0], a[1]));
    close(a[1]);
    t(read(p[0], &c, 1));
    int x = take(b[1]), y = take(x);
    t(write(y, "z", 1));
    t(read(p[0], &c, 1));
    close(x);
    close(y);
    v(held(p[0]));
    say("-- a cycle holds a pipe until it is collected\n");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
    must(pipe2(p, O_NONBLOCK));
    t(give(a[0], p[1]));
    t(give(a[0], a[0]));
    t(give(a[0], a[1]));
    close(p[1]);
    close(a[0]);
    close(a[1]);
    /* Collection is started by the close of some socket. */
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
    close(a[0]);
    close(a[1]);
    v(held(p[0]));
    say("-- a socket over itself, taken out again\n");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
    t(give(a[0], a[1]));
    x = take(a[1]);
    v(x > 2);
    close(a[1]);
    t(write(a[0], "q", 1));
    t(read(x, &c, 1));
    say("-- other cargo\n");
    int ep = epoll_create1(0), l = sock(SOCK_STREAM);
    bind_at(l, "l");
    listen(l, 1);
    t(give(a[0], ep));
    t(give(a[0], l));
    int dir = open(".", O_RDONLY), op = open(".", O_PATH);
    t(give(a[0], dir));
    t(give(a[0], op));
    close(l);
    int ep2 = take(x), l2 = take(x), dir2 = take(x), op2 = take(x);
    must(pipe(p));
    struct epoll_event e = { EPOLLIN, { .u32 = 7 } };
    t(epoll_ctl(ep2, EPOLL_CTL_ADD, p[0], &e));
    write(p[1], "x", 1);
    t(epoll_wait(ep, &e, 1, 0));
    v(e.data.u32);
    int cl = sock(SOCK_STREAM);
    t(connect_at(cl, "l"));
    ok(accept(l2, 0, 0));
    t(fchdir(dir2));
    t(fchdir(op2));
    say("-- a child gets them, its parent's are untouched\n");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, b));
    give(b[0], p[1]);
    pid_t k = spawn({ int f = take(b[1]); say("child got one %d\n", f > 2); t(write(f, "from the child", 14)); });
    reap(k, "child");
    read(p[0], &c, 1);
    slurp("the parent reads", p[0]);
    say("-- no room for the descriptor\n");
    give(a[0], p[1]);
    struct rlimit rl = { 0, 0 };
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &rl);
    say("%d\n", take(x));
    rl.rlim_cur = 100;
    setrlimit(RLIMIT_NOFILE, &rl);
    say("and it is gone: %s\n", ename(-take(x)));
    rl.rlim_cur = rl.rlim_max < 1000 ? rl.rlim_max : 1000;
    setrlimit(RLIMIT_NOFILE, &rl);
    say("-- many in flight\n");
    int n = 0;
    while (n < 200 && give(a[0], p[1]) == 1) n++;
    v(n);
    int got = 0;
    while (got < 300 && (y = take(x)) >= 0) { got++; close(y); }
    v(got);
    return 0;
}

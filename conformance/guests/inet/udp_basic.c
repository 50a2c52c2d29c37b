/* udp(7): datagrams: names, connected and not, truncation, peeking, empty ones, errors that come back, sizes. */
#include "../guest.h"
#include "inet.h"

static void rf(const char *what, int s, int flags)
{
    char b[64];
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    memset(&a, 0, sizeof a);
    ssize_t r = recvfrom(s, b, sizeof b, flags | MSG_DONTWAIT, (void *)&a, &n);
    if (r < 0) { say("%s: %s\n", what, ename(errno)); return; }
    show(what, b, r < 64 ? r : 64);
    say_sockaddr("  from", &a, n);
}

int main(void)
{
    fresh();
    int a = must(socket(AF_INET, SOCK_DGRAM, 0)), b = must(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
    char buf[70000];
    names("fresh", a);
    say_poll("fresh", a);
    t(send(a, "x", 1, 0));
    t(send(a, "x", 0, 0));
    t(recv(a, buf, 1, MSG_DONTWAIT));
    t(bind4(a, "127.0.0.1", 0));
    t(bind4(a, "127.0.0.1", 0));
    names("bound", a);
    t(to4(b, "one", 3, 0, "127.0.0.1", port_of(a)));
    names("sender", b);
    say_poll("one there", a);
    rf("peek", a, MSG_PEEK);
    rf("one", a, 0);
    rf("none", a, 0);
    t(to4(b, "", 0, 0, "127.0.0.1", port_of(a)));
    say_poll("an empty one", a);
    rf("empty", a, 0);
    t(to4(b, "truncated", 9, 0, "127.0.0.1", port_of(a)));
    t(recv(a, buf, 4, MSG_PEEK));
    t(recv(a, buf, 4, MSG_PEEK | MSG_TRUNC));
    t(recv(a, buf, 0, MSG_PEEK));
    struct iovec iov = { buf, 3 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    t(recvmsg(a, &m, 0));
    v(m.msg_flags == MSG_TRUNC);
    rf("gone", a, 0);
    say("-- connected\n");
    t(connect4(a, "127.0.0.1", port_of(b)));
    names("a", a);
    names("b", b);
    t(send(a, "to b", 4, 0));
    rf("b", b, 0);
    int c = must(socket(AF_INET, SOCK_DGRAM, 0));
    t(to4(c, "intruder", 8, 0, "127.0.0.1", port_of(a)));
    rf("a", a, 0);
    t(to4(b, "friend", 6, 0, "127.0.0.1", port_of(a)));
    rf("a", a, 0);
    t(to4(a, "elsewhere", 9, 0, "127.0.0.1", port_of(c)));
    rf("c", c, 0);
    t(connect4(a, "127.0.0.1", port_of(c)));
    t(write(a, "now c", 5));
    rf("c", c, 0);
    struct sockaddr u = { .sa_family = AF_UNSPEC };
    t(connect(a, &u, sizeof u));
    names("dissolved", a);
    t(send(a, "x", 1, 0));
    t(connect(c, &u, sizeof u));
    names("dissolved, not bound", c);

    say("-- nobody there\n");
    int d = must(socket(AF_INET, SOCK_DGRAM, 0));
    int dead = dead_port();
    t(connect4(d, "127.0.0.1", dead));
    t(send(d, "x", 1, 0));
    nap(5);
    say_poll("refused", d);
    t(send(d, "x", 1, 0));
    nap(5);
    t(recv(d, buf, 1, MSG_DONTWAIT));
    t(send(d, "x", 1, 0));
    nap(5);
    so_error(d);
    t(recv(d, buf, 1, MSG_DONTWAIT));
    say_poll("told", d);
    int un = must(socket(AF_INET, SOCK_DGRAM, 0));
    t(to4(un, "x", 1, 0, "127.0.0.1", dead));
    nap(5);
    t(recv(un, buf, 1, MSG_DONTWAIT));

    say("-- sizes\n");
    t(to4(b, buf, 65507, 0, "127.0.0.1", port_of(a)));
    t(recv(a, buf, sizeof buf, MSG_DONTWAIT));
    t(to4(b, buf, 65508, 0, "127.0.0.1", port_of(a)));
    t(to4(b, buf, 70000, 0, "127.0.0.1", port_of(a)));

    say("-- errors\n");
    t(to4(b, "x", 1, 0, "127.0.0.1", 0));
    t(bind4(c, "1.2.3.4", 0));
    t(to4(b, "x", 1, MSG_OOB, "127.0.0.1", port_of(a)));
    t(recv(a, buf, 1, MSG_OOB | MSG_DONTWAIT));
    struct sockaddr_in x = in4("127.0.0.1", 9);
    t(sendto(b, "x", 1, 0, (void *)&x, 8));
    x.sin_family = AF_INET6;
    t(sendto(b, "x", 1, 0, (void *)&x, sizeof x));
    t(connect(b, (void *)&x, sizeof x));
    t(bind(c, (void *)&x, sizeof x));
    t(bind(c, (void *)&x, 8));
    t(listen(c, 1));
    t(accept(c, 0, 0));
    t(connect(b, (void *)&x, 1));

    say("-- shutdown\n");
    t(shutdown(c, SHUT_RD));
    int p[2];
    udp_pair(p);
    t(shutdown(p[0], SHUT_RD));
    say_poll("shut for reading", p[0]);
    t(recv(p[0], buf, 1, 0));
    t(recv(p[0], buf, 1, MSG_DONTWAIT));
    t(send(p[1], "x", 1, 0));
    t(recv(p[0], buf, 1, 0));
    t(shutdown(p[1], SHUT_WR));
    signal(SIGPIPE, SIG_IGN);
    t(send(p[1], "x", 1, 0));
    say_poll("shut for writing", p[1]);
    t(shutdown(p[1], SHUT_RDWR));
    say_poll("shut", p[1]);
    say("-- itself, MSG_MORE, cork\n");
    int e = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(bind4(e, "127.0.0.1", 0));
    t(to4(e, "me", 2, 0, "127.0.0.1", port_of(e)));
    rf("myself", e, 0);
    t(to4(e, "ab", 2, MSG_MORE, "127.0.0.1", port_of(e)));
    rf("not yet", e, 0);
    t(to4(e, "cd", 2, 0, "127.0.0.1", port_of(e)));
    rf("both", e, 0);
    must(connect4(e, "127.0.0.1", port_of(e)));
    t(set(e, SOL_UDP, UDP_CORK, 1));
    t(send(e, "12", 2, 0));
    t(send(e, "34", 2, 0));
    t(set(e, SOL_UDP, UDP_CORK, 0));
    rf("corked", e, 0);
    return 0;
}

/* unix(7): datagram sockets: sendto and recvfrom addresses, connected ones refuse others, reconnecting and dissolving, full queues, peers that go,
 * MSG_TRUNC, MSG_PEEK, big messages. */
#include "../guest.h"
#include "unix.h"

static void rf(const char *what, int s, int flags)
{
    char b[64];
    struct sockaddr_un u = { 0 };
    socklen_t len = sizeof u;
    ssize_t n = recvfrom(s, b, sizeof b, flags | MSG_DONTWAIT, (void *)&u, &len);
    if (n < 0) { say("%s: %s\n", what, ename(errno)); return; }
    show(what, b, n < 64 ? n : 64);
    say_addr("  from", &u, len);
}

int main(void)
{
    fresh();
    xmkdtemp();
    int a = sock(SOCK_DGRAM), b = sock(SOCK_DGRAM), u = sock(SOCK_DGRAM);
    char buf[64];
    t(bind_at(a, "a"));
    t(bind_at(b, "@b"));
    t(send_to(u, "unnamed", "a"));
    t(send_to(b, "from b", "a"));
    v(events(a));
    rf("first", a, MSG_PEEK);
    rf("first", a, 0);
    rf("second", a, 0);
    rf("none", a, 0);
    t(send_to(a, "", "@b"));
    rf("empty", b, 0);
    t(send(a, "x", 1, 0));
    t(send_to(a, "x", "none"));
    t(send_to(a, "x", "@none"));
    t(send_to(u, "ab", "a"));
    t(recv(a, buf, 1, MSG_TRUNC));
    rf("the rest is gone", a, 0);
    t(send_to(a, "to itself", "a"));
    rf("itself", a, 0);

    say("-- connected\n");
    t(connect_at(a, "@b"));
    names("a", a);
    t(send(a, "one", 3, 0));
    rf("b", b, 0);
    t(send_to(u, "intruder", "a"));
    t(send_to(b, "allowed", "a"));
    rf("a", a, 0);
    t(send_to(a, "explicit", "a"));
    rf("still none", a, 0);
    t(connect_at(b, "a"));
    t(write(b, "by write", 8));
    t(read(a, buf, 64));
    int c = sock(SOCK_DGRAM);
    bind_at(c, "c");
    t(connect_at(a, "c"));
    t(write(a, "to c", 4));
    rf("c", c, 0);
    t(write(b, "to a, now connected elsewhere", 29));
    at("x");
    addr_.sun_family = AF_UNSPEC;
    t(connect(a, (void *)&addr_, 2));
    names("dissolved", a);
    t(send(a, "x", 1, 0));
    t(connect_at(a, "none"));

    say("-- a full queue\n");
    int n = 0;
    while (n < 5000 && sendto(u, "fill", 4, MSG_DONTWAIT, (at("a"), (void *)&addr_), addr_len) == 4) n++;
    /* How many fit is net.unix.max_dgram_qlen; that they end in EAGAIN is the rule. */
    say("ends in %s, some went %d\n", ename(errno), n > 2);
    pid_t p = spawn({ t(send_to(u, "waited", "a")); });
    settle(p);
    while (recv(a, buf, 64, MSG_DONTWAIT) == 4) {}
    reap(p, "sender");
    while (recv(a, buf, 64, MSG_DONTWAIT) > 0) {}
    say("-- big ones\n");
    static char big[400000];
    memset(big, 'B', sizeof big);
    int sv[2];
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
    t(send(sv[0], big, 100000, 0));
    t(recv(sv[1], big, sizeof big, 0));
    int size = 5000;
    setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    t(send(sv[0], big, 100000, 0));
    t(send(sv[0], big, 5000, 0));

    say("-- peers that go\n");
    t(connect_at(a, "c"));
    close(c);
    v(events(a) & ~POLLOUT);
    t(send(a, "x", 1, 0));
    t(send(a, "x", 1, 0));
    names("a", a);
    t(connect_at(a, "c"));
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
    send(sv[0], "last", 4, 0);
    close(sv[0]);
    t(recv(sv[1], buf, 64, 0));
    t(recv(sv[1], buf, 64, MSG_DONTWAIT));
    t(send(sv[1], "x", 1, 0));
    say("-- shutdown\n");
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
    t(shutdown(sv[0], SHUT_RD));
    signal(SIGPIPE, SIG_IGN);
    t(send(sv[1], "x", 1, 0));
    t(recv(sv[0], buf, 1, 0));
    t(send(sv[0], "y", 1, 0));
    t(recv(sv[1], buf, 1, 0));
    t(shutdown(u, SHUT_RD));
    t(listen(a, 1));
    t(accept(a, 0, 0));
    /* Receivers' names follow bind after connect. */
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
    t(bind_at(sv[0], "@late"));
    send(sv[0], "named", 5, 0);
    rf("late name", sv[1], 0);
    names("other", sv[1]);
    return 0;
}

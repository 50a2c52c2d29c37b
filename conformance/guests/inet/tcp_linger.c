/* socket(7), SO_LINGER: closing with a reset, and closing that waits. */
#include "../guest.h"
#include "inet.h"

int main(void)
{
    fresh();
    signal(SIGPIPE, SIG_IGN);
    int p[2];
    char b[16];
    tcp_pair(p);
    struct linger l = { 1, 0 };
    t(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, sizeof l));
    l = (struct linger){ 9, 9 };
    socklen_t n = sizeof l;
    t(getsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, &n));
    say("linger %d %d\n", l.l_onoff, l.l_linger);
    t(send(p[0], "bytes", 5, 0));
    await(p[1], POLLIN);
    close(p[0]);
    await(p[1], POLLERR);
    say_poll("peer", p[1]);
    t(recv(p[1], b, 16, 0));
    t(recv(p[1], b, 16, 0));
    so_error(p[1]);
    t(recv(p[1], b, 16, 0));
    t(send(p[1], b, 1, 0));
    close(p[1]);

    say("-- waiting\n");
    tcp_pair(p);
    l = (struct linger){ 1, 5 };
    t(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, sizeof l));
    t(send(p[0], "bytes", 5, 0));
    long t0 = now_ms();
    t(close(p[0]));
    v(now_ms() - t0 < 1000);
    t(recv(p[1], b, 16, 0));
    t(recv(p[1], b, 16, 0));
    close(p[1]);

    say("-- a connection that is reset before it is accepted\n");
    int s = server();
    int c = client(s);
    l = (struct linger){ 1, 0 };
    must(setsockopt(c, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    close(c);
    nap(20);
    say_poll("server", s);
    fcntl(s, F_SETFL, O_NONBLOCK);
    int a = accept(s, 0, 0);
    say("accept: %s\n", a >= 0 ? "a socket" : ename(errno));
    if (a >= 0) {
        t(recv(a, b, 1, 0));
        close(a);
    }
    say("-- connections die with the socket that listens\n");
    c = client(s);
    close(s);
    await(c, POLLERR | POLLHUP);
    say_poll("client", c);
    t(recv(c, b, 1, 0));
    close(c);
    say("-- connect to nothing dissolves\n");
    tcp_pair(p);
    struct sockaddr u = { .sa_family = AF_UNSPEC };
    t(connect(p[0], &u, sizeof u));
    names("dissolved", p[0]);
    await(p[1], POLLERR);
    t(recv(p[1], b, 1, 0));
    s = server();
    t(connect4(p[0], "127.0.0.1", port_of(s)));
    close(p[0]);
    close(p[1]);
    close(s);
    return 0;
}

/* tcp(7): states as TCP_INFO tells them, TCP_MAXSEG, names after closing, an accept queue that is full, TCP_DEFER_ACCEPT, inherited options. */
#include "../guest.h"
#include "inet.h"

static int state(int s)
{
    struct tcp_info i;
    socklen_t n = sizeof i;
    memset(&i, 0, sizeof i);
    return getsockopt(s, SOL_TCP, TCP_INFO, &i, &n) < 0 ? -errno : i.tcpi_state;
}

int main(void)
{
    fresh();
    signal(SIGPIPE, SIG_IGN);
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    v(state(s));
    must(bind4(s, "127.0.0.1", 0));
    t(set(s, SOL_SOCKET, SO_KEEPALIVE, 1));
    t(set(s, SOL_TCP, TCP_NODELAY, 1));
    t(set(s, SOL_TCP, TCP_KEEPIDLE, 77));
    t(set(s, SOL_SOCKET, SO_RCVBUF, 50000));
    t(set(s, SOL_IP, IP_TTL, 33));
    struct timeval tv = { 9, 0 };
    t(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    must(listen(s, 1));
    v(state(s));
    int c = client(s);
    int d = must(accept(s, 0, 0));
    v(state(c));
    v(state(d));
    t(opt(d, SOL_SOCKET, SO_KEEPALIVE));
    t(opt(d, SOL_TCP, TCP_NODELAY));
    t(opt(d, SOL_TCP, TCP_KEEPIDLE));
    t(opt(d, SOL_SOCKET, SO_RCVBUF));
    t(opt(d, SOL_IP, IP_TTL));
    socklen_t n = sizeof tv;
    t(getsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, &n));
    v(tv.tv_sec);
    t(opt(d, SOL_SOCKET, SO_ACCEPTCONN));
    v(opt(c, SOL_TCP, TCP_MAXSEG) > 30000);
    /* The C library knows the first part of the structure only. */
    union { struct tcp_info i; uint64_t words[31]; } all;
#define i all.i
    n = sizeof all;
    t(send(c, "12345", 5, 0));
    nap(10);
    t(getsockopt(c, SOL_TCP, TCP_INFO, &all, &n));
    v(n >= 232);
    say("options %d wscale %d %d\n", i.tcpi_options & 7, i.tcpi_snd_wscale > 0, i.tcpi_rcv_wscale > 0);
    v(all.words[15]);
    v(i.tcpi_unacked);
    v(i.tcpi_pmtu);
    n = 8;
    t(getsockopt(c, SOL_TCP, TCP_INFO, &i, &n));
    v(n);
    t(shutdown(c, SHUT_WR));
    nap(100);
    v(state(c));
    v(state(d));
    close(d);
    nap(10);
    v(state(c));
    names("closed", c);
    close(c);
    say("-- a full queue\n");
    int a = client(s), b = client(s);
    int e = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect4(e, "127.0.0.1", port_of(s));
    nap(30);
    v(state(e));
    n = sizeof i;
    t(getsockopt(s, SOL_TCP, TCP_INFO, &i, &n));
    say("waiting %u of %u\n", i.tcpi_unacked, i.tcpi_sacked);
    close(must(accept(s, 0, 0)));
    close(must(accept(s, 0, 0)));
    close(a);
    close(b);
    close(e);
    close(s);
    say("-- both open\n");
    int x = must(socket(AF_INET, SOCK_STREAM, 0));
    must(bind4(x, "127.0.0.1", 0));
    t(connect4(x, "127.0.0.1", port_of(x)));
    v(state(x));
    t(send(x, "me", 2, 0));
    char buf[4];
    t(recv(x, buf, 4, 0));
    close(x);
    return 0;
}

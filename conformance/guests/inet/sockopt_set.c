/* setsockopt(2): which values each option takes, what it makes of them, and the errors of others. */
#include "../guest.h"
#include "inet.h"

static void try(const char *what, int s, int level, int name, const int *values, int n)
{
    for (int i = 0; i < n; i++) {
        int r = set(s, level, name, values[i]);
        if (r < 0) say("%s = %d: %s\n", what, values[i], ename(errno));
        else say("%s = %d: now %d\n", what, values[i], opt(s, level, name));
    }
    unsigned char byte = 1;
    int r = setsockopt(s, level, name, &byte, 1);
    say("%s byte: %s\n", what, r < 0 ? ename(errno) : "ok");
    r = setsockopt(s, level, name, 0, 4);
    say("%s null: %s\n", what, r < 0 ? ename(errno) : "ok");
    r = setsockopt(s, level, name, &byte, 0);
    say("%s empty: %s\n", what, r < 0 ? ename(errno) : "ok");
}
#define T(s, level, name, ...) try(#name, s, level, name, (int[]){ __VA_ARGS__ }, COUNT(((int[]){ __VA_ARGS__ })))

int main(void)
{
    fresh();
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    int u = must(socket(AF_INET, SOCK_DGRAM, 0));
    int s6 = must(socket(AF_INET6, SOCK_STREAM, 0));
    int u6 = must(socket(AF_INET6, SOCK_DGRAM, 0));
    say("-- tcp\n");
    T(s, SOL_TCP, TCP_NODELAY, 1, 0, 5, -1);
    T(s, SOL_TCP, TCP_MAXSEG, 0, 40, 87, 88, 536, 32767, 32768, -1);
    T(s, SOL_TCP, TCP_CORK, 1, 0, 3);
    T(s, SOL_TCP, TCP_KEEPIDLE, 0, 1, 60, 32767, 32768, -1);
    T(s, SOL_TCP, TCP_KEEPINTVL, 0, 1, 32767, 32768);
    T(s, SOL_TCP, TCP_KEEPCNT, 0, 1, 127, 128);
    T(s, SOL_TCP, TCP_SYNCNT, 0, 1, 127, 128);
    T(s, SOL_TCP, TCP_LINGER2, -5, 0, 10, 60, 121, 1000);
    T(s, SOL_TCP, TCP_DEFER_ACCEPT, 0, 1, 10, -1);
    T(s, SOL_TCP, TCP_WINDOW_CLAMP, 0, 100, 5000);
    T(s, SOL_TCP, TCP_QUICKACK, 0, 1, 2);
    T(s, SOL_TCP, TCP_USER_TIMEOUT, 0, 1000, -1);
    T(s, SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, 1, 2);
    T(s, SOL_TCP, TCP_NOTSENT_LOWAT, 0, 1000, -1);
    T(s, SOL_TCP, TCP_FASTOPEN_CONNECT, 2);
    T(s, SOL_TCP, TCP_INQ, 0, 1, 2);
    T(s, SOL_TCP, TCP_REPAIR, 5);
    T(s, SOL_TCP, 99, 1);
    T(u, SOL_TCP, TCP_NODELAY, 1);
    say("-- ip\n");
    T(s, SOL_IP, IP_TOS, 0, 0x10, 0xff, 0xe0, 3);
    T(u, SOL_IP, IP_TOS, 0, 0x10, 0xff, 3);
    T(s, SOL_IP, IP_TTL, 0, 1, 255, 256, -1);
    T(s, SOL_IP, IP_MTU_DISCOVER, 0, 1, 2, 3, 4, 5, 6, -1);
    T(s, SOL_IP, IP_RECVERR, 1, 0, 7);
    T(u, SOL_IP, IP_PKTINFO, 1, 0, 7);
    T(u, SOL_IP, IP_RECVTTL, 1, 0, 7);
    T(u, SOL_IP, IP_RECVTOS, 1, 0, 7);
    T(u, SOL_IP, IP_RECVOPTS, 1, 0);
    T(u, SOL_IP, IP_RETOPTS, 1, 0);
    T(u, SOL_IP, IP_RECVORIGDSTADDR, 1, 0);
    T(u, SOL_IP, IP_FREEBIND, 1, 0, 5);
    T(u, SOL_IP, IP_TRANSPARENT, 1, 0);
    T(u, SOL_IP, IP_MINTTL, 0, 255, 256, -1);
    T(u, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1, 0);
    T(u, SOL_IP, IP_MULTICAST_TTL, -1, 0, 255, 256);
    T(u, SOL_IP, IP_MULTICAST_LOOP, 0, 1, 7);
    T(u, SOL_IP, IP_MULTICAST_ALL, 0, 1, 7);
    T(u, SOL_IP, IP_UNICAST_IF, 0, 1);
    T(u, SOL_IP, IP_HDRINCL, 1);
    T(u, SOL_IP, IP_NODEFRAG, 1);
    T(u, SOL_IP, IP_CHECKSUM, 1, 0);
    T(s, SOL_IP, IP_MULTICAST_TTL, 1);
    T(s, SOL_IP, IP_MULTICAST_LOOP, 1);
    T(s, SOL_IP, 250, 1);
    say("-- ipv6\n");
    T(s, SOL_IPV6, IPV6_V6ONLY, 1);
    T(s6, SOL_IPV6, IPV6_V6ONLY, 1, 0, 7);
    T(s6, SOL_IPV6, IPV6_UNICAST_HOPS, -2, -1, 0, 255, 256);
    T(u6, SOL_IPV6, IPV6_MULTICAST_HOPS, -2, -1, 0, 255, 256);
    T(s6, SOL_IPV6, IPV6_MULTICAST_HOPS, 1);
    T(u6, SOL_IPV6, IPV6_MULTICAST_LOOP, 0, 1, 2);
    T(u6, SOL_IPV6, IPV6_MULTICAST_IF, 0, 1, 9999);
    T(u6, SOL_IPV6, IPV6_RECVPKTINFO, 1, 0, 7);
    T(u6, SOL_IPV6, IPV6_RECVHOPLIMIT, 1, 0);
    T(u6, SOL_IPV6, IPV6_RECVTCLASS, 1, 0);
    T(u6, SOL_IPV6, IPV6_RECVERR, 1, 0, 2);
    T(u6, SOL_IPV6, IPV6_TCLASS, -2, -1, 0, 255, 256);
    T(u6, SOL_IPV6, IPV6_MTU, 0, 1000, 1280);
    T(u6, SOL_IPV6, IPV6_MTU_DISCOVER, 0, 1, 2, 3, 5, 6);
    T(u6, SOL_IPV6, IPV6_DONTFRAG, 1, 0);
    T(u6, SOL_IPV6, IPV6_AUTOFLOWLABEL, 1, 0);
    T(u6, SOL_IPV6, IPV6_FREEBIND, 1, 0);
    T(u6, SOL_IPV6, IPV6_ADDR_PREFERENCES, 1, 2, 3);
    T(u6, SOL_IPV6, 250, 1);
    T(u6, SOL_IP, IP_TTL, 9);
    say("-- socket\n");
    T(s, SOL_SOCKET, SO_KEEPALIVE, 1, 0, 7);
    T(s, SOL_SOCKET, SO_REUSEADDR, 1, 0, 7);
    T(s, SOL_SOCKET, SO_REUSEPORT, 1, 0, 7);
    T(s, SOL_SOCKET, SO_BROADCAST, 1, 0);
    T(s, SOL_SOCKET, SO_OOBINLINE, 1, 0);
    T(s, SOL_SOCKET, SO_ZEROCOPY, 1, 0, 2);
    T(s, SOL_SOCKET, SO_PRIORITY, 0, 6);
    T(s, SOL_SOCKET, SO_TIMESTAMP, 1, 0);
    T(u, SOL_SOCKET, SO_TIMESTAMPNS, 1, 0);
    T(s, SOL_SOCKET, SO_SNDBUF, 0, 1000, 100000, 1 << 30);
    T(s, SOL_SOCKET, SO_RCVBUF, 0, 1000, 100000, 1 << 30);
    T(s, SOL_SOCKET, SO_RCVLOWAT, 0, 5, -1);
    T(s, SOL_SOCKET, SO_SNDLOWAT, 5);
    T(s, SOL_SOCKET, SO_TYPE, 1);
    T(s, SOL_SOCKET, SO_ERROR, 1);
    T(s, SOL_SOCKET, SO_PEEK_OFF, 1, 0, -1);
    T(u, SOL_SOCKET, SO_PEEK_OFF, 1, 0, -1);
    T(s, SOL_SOCKET, SO_PASSCRED, 1);
    T(s, SOL_SOCKET, SO_TXREHASH, -1, 0, 1, 2);
    T(u, SOL_SOCKET, SO_NO_CHECK, 1, 0);
    T(u, SOL_SOCKET, SO_INCOMING_CPU, 0);
    say("-- udp\n");
    T(u, SOL_UDP, UDP_CORK, 1, 0, 7);
    T(u, SOL_UDP, UDP_SEGMENT, 0, 1000, 65535, 65536, -1);
    T(u, SOL_UDP, UDP_GRO, 1, 0);
    T(u, SOL_UDP, 101, 1, 0);
    T(u, SOL_UDP, 102, 1, 0);
    T(u, SOL_UDP, 7, 1);
    T(s, SOL_UDP, UDP_CORK, 1);
    T(s, 999, 1, 1);
    char cc[20] = "";
    socklen_t n = 20;
    t(setsockopt(s, SOL_TCP, TCP_CONGESTION, "reno", 4));
    t(getsockopt(s, SOL_TCP, TCP_CONGESTION, cc, &n));
    say("%d %s\n", (int)n, cc);
    t(setsockopt(s, SOL_TCP, TCP_CONGESTION, "cubic", 5));
    n = 3;
    t(getsockopt(s, SOL_TCP, TCP_CONGESTION, cc, &n));
    v(n);
    t(setsockopt(s, SOL_TCP, TCP_CONGESTION, "nothing", 7));
    t(setsockopt(s, SOL_TCP, TCP_CONGESTION, "", 0));
    n = 1;
    int x = 0;
    t(getsockopt(s, SOL_IP, IP_TTL, &x, &n));
    say("ttl byte %d %d\n", x, (int)n);
    n = 2;
    t(getsockopt(s, SOL_TCP, TCP_NODELAY, &x, &n));
    v(n);
    n = -1;
    t(getsockopt(s, SOL_IP, IP_TTL, &x, &n));
    return 0;
}

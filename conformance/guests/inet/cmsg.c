/* ip(7), ipv6(7): ancillary data of datagrams, both ways: IP_PKTINFO, IP_TTL, IP_TOS, IP_ORIGDSTADDR, their IPv6 kin, time stamps, what is refused. */
#include "../guest.h"
#include "inet.h"

static char cbuf[512];

static void receive(const char *what, int s, size_t room)
{
    char b[64];
    struct sockaddr_storage from;
    struct iovec iov = { b, sizeof b };
    struct msghdr m = { &from, sizeof from, &iov, 1, cbuf, room, 0 };
    ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);
    if (n < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %ld bytes, flags %x, control %ld\n", what, (long)n, m.msg_flags, (long)m.msg_controllen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        void *d = CMSG_DATA(c);
        char ip[64], ip2[64];
        say("  level %d type %d length %ld", c->cmsg_level, c->cmsg_type, (long)c->cmsg_len);
        if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *i = d;
            say(" index %d dst %s addr %s", i->ipi_ifindex, inet_ntop(AF_INET, &i->ipi_spec_dst, ip, 64), inet_ntop(AF_INET, &i->ipi_addr, ip2, 64));
        } else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *i = d;
            say(" index %d addr %s", i->ipi6_ifindex, inet_ntop(AF_INET6, &i->ipi6_addr, ip, 64));
        } else if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) say(" tos %d", *(unsigned char *)d);
        else if (c->cmsg_level == SOL_SOCKET) {
            struct timeval now;
            gettimeofday(&now, 0);
            long *l = d;
            say(" recent %d", labs(l[0] - now.tv_sec) < 5);
        } else if (c->cmsg_len >= CMSG_LEN(16)) {
            say(" ");
            say_sockaddr("address", d, c->cmsg_len - CMSG_LEN(0));
            continue;
        } else say(" value %d", *(int *)d);
        say("\n");
    }
}

static ssize_t send_cmsg(int s, const void *to, socklen_t tolen, int level, int type, const void *data, size_t size)
{
    char cb[128];
    memset(cb, 0, sizeof cb);
    struct iovec iov = { "msg", 3 };
    struct msghdr m = { (void *)to, tolen, &iov, 1, cb, CMSG_SPACE(size), 0 };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    return sendmsg(s, &m, 0);
}

int main(void)
{
    fresh();
    int a = must(socket(AF_INET, SOCK_DGRAM, 0)), b = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(bind4(a, "0.0.0.0", 0));
    int port = port_of(a);
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("nothing asked", a, 512);
    t(set(a, SOL_IP, IP_PKTINFO, 1));
    t(set(a, SOL_IP, IP_RECVTTL, 1));
    t(set(a, SOL_IP, IP_RECVTOS, 1));
    t(set(a, SOL_IP, IP_RECVORIGDSTADDR, 1));
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("all", a, 512);
    to4(b, "x", 1, 0, "127.1.2.3", port);
    receive("other address", a, 512);
    set(b, SOL_IP, IP_TTL, 5);
    set(b, SOL_IP, IP_TOS, 0x28);
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("ttl 5 tos 28", a, 512);
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("little room", a, 40);
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("less", a, 20);
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("none", a, 0);
    int off[] = { IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVORIGDSTADDR };
    for (int i = 0; i < 4; i++) set(a, SOL_IP, off[i], 0);
    t(set(a, SOL_SOCKET, SO_TIMESTAMP, 1));
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("time", a, 512);
    t(set(a, SOL_SOCKET, SO_TIMESTAMPNS, 1));
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("nanoseconds", a, 512);
    t(set(a, SOL_SOCKET, SO_TIMESTAMPNS, 0));
    to4(b, "x", 1, 0, "127.0.0.1", port);
    receive("off", a, 512);
    t(set(a, SOL_SOCKET, SO_TIMESTAMP, 0));

    say("-- sending\n");
    struct sockaddr_in to = in4("127.0.0.1", port);
    set(a, SOL_IP, IP_RECVTTL, 1);
    set(a, SOL_IP, IP_RECVTOS, 1);
    set(a, SOL_IP, IP_PKTINFO, 1);
    int x = 77;
    t(send_cmsg(b, &to, sizeof to, SOL_IP, IP_TTL, &x, 4));
    receive("ttl", a, 512);
    x = 0;
    t(send_cmsg(b, &to, sizeof to, SOL_IP, IP_TTL, &x, 4));
    x = 0x10;
    t(send_cmsg(b, &to, sizeof to, SOL_IP, IP_TOS, &x, 4));
    receive("tos", a, 512);
    struct in_pktinfo pi = { 0 };
    inet_pton(AF_INET, "127.0.0.9", &pi.ipi_spec_dst);
    t(send_cmsg(b, &to, sizeof to, SOL_IP, IP_PKTINFO, &pi, sizeof pi));
    struct sockaddr_in from;
    socklen_t fl = sizeof from;
    char buf[8];
    t(recvfrom(a, buf, 8, MSG_DONTWAIT, (void *)&from, &fl));
    say_sockaddr("from", &from, fl);
    inet_pton(AF_INET, "8.8.8.8", &pi.ipi_spec_dst);
    t(send_cmsg(b, &to, sizeof to, SOL_IP, IP_PKTINFO, &pi, sizeof pi));
    t(send_cmsg(b, &to, sizeof to, SOL_IP, IP_PKTINFO, &pi, 4));
    t(send_cmsg(b, &to, sizeof to, SOL_IP, 99, &pi, 4));
    t(send_cmsg(b, &to, sizeof to, SOL_SOCKET, SCM_RIGHTS, &a, 4));
    t(send_cmsg(b, &to, sizeof to, SOL_SOCKET, 99, &a, 4));
    t(send_cmsg(b, &to, sizeof to, 999, 1, &a, 4));

    say("-- ipv6\n");
    int c = must(socket(AF_INET6, SOCK_DGRAM, 0)), d = must(socket(AF_INET6, SOCK_DGRAM, 0));
    must(bind6(c, "::", 0));
    port = port_of(c);
    t(set(c, SOL_IPV6, IPV6_RECVPKTINFO, 1));
    t(set(c, SOL_IPV6, IPV6_RECVHOPLIMIT, 1));
    t(set(c, SOL_IPV6, IPV6_RECVTCLASS, 1));
    struct sockaddr_in6 to6 = in6("::1", port);
    t(sendto(d, "six", 3, 0, (void *)&to6, sizeof to6));
    receive("six", c, 512);
    x = 33;
    t(send_cmsg(d, &to6, sizeof to6, SOL_IPV6, IPV6_HOPLIMIT, &x, 4));
    receive("hops", c, 512);
    x = 0x48;
    t(send_cmsg(d, &to6, sizeof to6, SOL_IPV6, IPV6_TCLASS, &x, 4));
    receive("class", c, 512);
    x = 300;
    t(send_cmsg(d, &to6, sizeof to6, SOL_IPV6, IPV6_HOPLIMIT, &x, 4));
    t(send_cmsg(d, &to6, sizeof to6, SOL_IPV6, 99, &x, 4));
    struct in6_pktinfo p6 = { .ipi6_ifindex = 9999 };
    t(send_cmsg(d, &to6, sizeof to6, SOL_IPV6, IPV6_PKTINFO, &p6, sizeof p6));
    p6.ipi6_ifindex = 0;
    inet_pton(AF_INET6, "2001:db8::1", &p6.ipi6_addr);
    t(send_cmsg(d, &to6, sizeof to6, SOL_IPV6, IPV6_PKTINFO, &p6, sizeof p6));
    return 0;
}

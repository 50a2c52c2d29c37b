// SO_ATTACH_REUSEPORT_CBPF, SO_TIMESTAMPING of what is received, IPV6_HDRINCL.
#include "guest.h"
#include "inet.h"
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <sys/ioctl.h>

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

static int attach(int s, struct sock_filter *code, int n, int length)
{
    struct sock_fprog p = { n, code };
    return setsockopt(s, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &p, length);
}

static struct sock_filter by_byte[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_A, 0) };
static struct sock_filter second[] = { BPF_STMT(BPF_RET | BPF_K, 1) };

static void datagrams(int family)
{
    int s[3], port = 0, none = must(socket(family, SOCK_DGRAM, 0));
    say("-- %s\n", family == AF_INET ? "IPv4" : "IPv6");
    t(attach(none, by_byte, 2, sizeof(struct sock_fprog)));
    t(set(none, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
    for (int i = 0; i < 3; i++) {
        s[i] = must(socket(family, SOCK_DGRAM, 0));
        must(set(s[i], SOL_SOCKET, SO_REUSEPORT, 1));
        if (i == 0) {
            t(attach(s[0], by_byte, 2, 8));
            t(attach(s[0], by_byte, 0, sizeof(struct sock_fprog)));
            t(attach(s[0], 0, 2, sizeof(struct sock_fprog)));
            t(set(s[0], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
            t(attach(s[0], by_byte, 2, sizeof(struct sock_fprog)));
        }
        must(family == AF_INET ? bind4(s[i], "127.0.0.1", port) : bind6(s[i], "::1", port));
        port = port_of(s[i]);
    }
    char b[8];
    for (int i = 0; i < 3; i++) {
        b[0] = i, b[1] = 'a' + i;
        must(family == AF_INET ? connect4(none, "127.0.0.1", port) : connect6(none, "::1", port));
        must(send(none, b, 2, 0));
    }
    for (int i = 0; i < 3; i++)
        while (recv(s[i], b, 8, MSG_DONTWAIT) > 0) say("socket %d has %c\n", i, b[1]);
    /* Whoever attaches one does so for all. */
    t(attach(s[2], second, 1, sizeof(struct sock_fprog)));
    b[0] = 0, b[1] = 'x';
    must(send(none, b, 2, 0));
    for (int i = 0; i < 3; i++)
        while (recv(s[i], b, 8, MSG_DONTWAIT) > 0) say("socket %d has %c\n", i, b[1]);
    t(set(s[1], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
    t(set(s[0], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
    for (int i = 0; i < 3; i++) close(s[i]);
    close(none);
}

static void streams(void)
{
    int l[2], port = 0;
    for (int i = 0; i < 2; i++) {
        l[i] = must(socket(AF_INET, SOCK_STREAM, 0));
        must(set(l[i], SOL_SOCKET, SO_REUSEPORT, 1));
        must(bind4(l[i], "127.0.0.1", port));
        must(listen(l[i], 4));
        port = port_of(l[i]);
    }
    t(attach(l[0], second, 1, sizeof(struct sock_fprog)));
    for (int i = 0; i < 3; i++) must(connect4(must(socket(AF_INET, SOCK_STREAM, 0)), "127.0.0.1", port));
    for (int i = 0; i < 2; i++) {
        int n = 0;
        fcntl(l[i], F_SETFL, O_NONBLOCK);
        while (accept(l[i], 0, 0) >= 0) n++;
        say("listener %d has %d\n", i, n);
    }
}

/* The host begins to stamp a moment after it was asked to. */
static void received(int from, int s, const char *what, int controls)
{
    char b[16], c[512];
    struct iovec v = { b, sizeof b };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
    int r = recvmsg(s, &m, 0);
    for (int i = 0; i < 1000 && controls && m.msg_controllen < controls * 64; i++) {
        usleep(1000);
        must(send(from, "-", 1, 0));
        m.msg_controllen = sizeof c;
        r = recvmsg(s, &m, 0);
    }
    say("%s: %d", what, r);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        long *l = (void *)CMSG_DATA(h);
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        say(" level %d type %d length %d near %d zeros %d", h->cmsg_level, h->cmsg_type, (int)h->cmsg_len, l[0] <= now.tv_sec && l[0] > now.tv_sec - 100,
            h->cmsg_len < 64 || !(l[2] | l[3] | l[4] | l[5]));
    }
    say("\n");
}

static void stamps(void)
{
    int s = must(socket(AF_INET, SOCK_DGRAM, 0)), v[2];
    socklen_t n = 8;
    must(bind4(s, "127.0.0.1", 0));
    int c = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(connect4(c, "127.0.0.1", port_of(s)));
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING, 1 << 30));
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_OPT_ID_TCP));
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_OPT_STATS));
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE));
    must(send(c, "a", 1, 0));
    received(c, s, "made, not told", 0);
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
    t(getsockopt(s, SOL_SOCKET, SO_TIMESTAMPING, v, &n));
    say("%d: %d %d\n", n, v[0], v[1]);
    must(send(c, "b", 1, 0));
    received(c, s, "told", 1);
    t(set(s, SOL_SOCKET, SO_TIMESTAMP, 1));
    must(send(c, "c", 1, 0));
    received(c, s, "both", 1);
    t(set(s, SOL_SOCKET, SO_TIMESTAMP, 0));
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING_NEW, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
    must(send(c, "d", 1, 0));
    received(c, s, "by its new name", 1);
    t(set(s, SOL_SOCKET, SO_TIMESTAMPING, 0));
    must(send(c, "e", 1, 0));
    received(c, s, "off", 0);
}

static void header6(void)
{
    int s = must(socket(AF_INET6, SOCK_RAW, 200)), in = must(socket(AF_INET6, SOCK_RAW, 200)), v, d = must(socket(AF_INET6, SOCK_DGRAM, 0));
    socklen_t n = 4;
    t(getsockopt(s, SOL_IPV6, IPV6_HDRINCL, &v, &n));
    v(v);
    t(set(s, SOL_IPV6, IPV6_HDRINCL, 5));
    t(getsockopt(s, SOL_IPV6, IPV6_HDRINCL, &v, &n));
    v(v);
    t(set(d, SOL_IPV6, IPV6_HDRINCL, 1));
    t(getsockopt(d, SOL_IPV6, IPV6_HDRINCL, &v, &n));
    struct { struct ip6_hdr h; char text[4]; } p = { .text = "abc" };
    p.h.ip6_flow = htonl(6 << 28), p.h.ip6_plen = htons(4), p.h.ip6_nxt = 200, p.h.ip6_hlim = 77;
    p.h.ip6_src = p.h.ip6_dst = in6addr_loopback;
    struct sockaddr_in6 to = in6("::1", 0);
    t(sendto(s, &p, sizeof p, 0, (void *)&to, sizeof to));
    t(sendto(s, &p, 20, 0, (void *)&to, sizeof to));
    char b[64];
    must(set(in, SOL_IPV6, IPV6_RECVHOPLIMIT, 1));
    t(sendto(s, &p, sizeof p, 0, (void *)&to, sizeof to));
    int got = recv(in, b, sizeof b, MSG_DONTWAIT);
    say("%d %.3s\n", got, b);
    char c[64];
    struct iovec io = { b, sizeof b };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
    t(recvmsg(in, &m, MSG_DONTWAIT));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h) say("hop limit %d\n", *(int *)CMSG_DATA(h));
    int all = must(socket(AF_INET6, SOCK_RAW, IPPROTO_RAW));
    t(getsockopt(all, SOL_IPV6, IPV6_HDRINCL, &v, &n));
    v(v);
    t(set(all, SOL_IPV6, IPV6_HDRINCL, 0));
    t(getsockopt(all, SOL_IPV6, IPV6_HDRINCL, &v, &n));
    v(v);
}

int main(void)
{
    fresh();
    must(unshare(CLONE_NEWNET));
    struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    must(ioctl(must(socket(AF_INET, SOCK_DGRAM, 0)), SIOCSIFFLAGS, &up));
    datagrams(AF_INET);
    datagrams(AF_INET6);
    streams();
    stamps();
    header6();
    return 0;
}

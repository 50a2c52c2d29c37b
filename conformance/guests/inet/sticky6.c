/* RFC 3542, sections 4 and 6: extension headers and the interface for all that an IPv6 socket sends. */
#include "../guest.h"
#include "inet.h"
#include <sched.h>

static void show_option(int s, int name)
{
    unsigned char b[64];
    memset(b, 0xee, sizeof b);
    socklen_t n = sizeof b;
    long r = getsockopt(s, SOL_IPV6, name, b, &n);
    if (r < 0) say("  option %d: %s\n", name, ename(errno));
    else say("  option %d: %u bytes, %02x %02x %02x\n", name, n, b[0], b[1], b[2]);
}

static void receive(int r)
{
    char b[64], c[256];
    struct iovec i = { b, sizeof b };
    struct msghdr m = { .msg_iov = &i, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
    await(r, POLLIN);
    ssize_t n = recvmsg(r, &m, MSG_DONTWAIT);
    if (n < 0) {
        say("  received %s\n", ename(errno));
        return;
    }
    say("  received %ld:", (long)n);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        unsigned char *d = CMSG_DATA(h);
        if (h->cmsg_type == IPV6_HOPOPTS || h->cmsg_type == IPV6_DSTOPTS || h->cmsg_type == IPV6_2292HOPOPTS || h->cmsg_type == IPV6_2292DSTOPTS)
            say(" type %d length %d [%02x %02x %02x %02x]", h->cmsg_type, (int)(h->cmsg_len - CMSG_LEN(0)), d[1], d[2], d[3], d[4]);
        else say(" type %d", h->cmsg_type);
    }
    say("\n");
}

int main(void)
{
    fresh();
    must(unshare(CLONE_NEWNET));
    int l = must(socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    must(ioctl(l, SIOCSIFFLAGS, &up));
    int r = must(socket(AF_INET6, SOCK_DGRAM, 0)), s = must(socket(AF_INET6, SOCK_DGRAM, 0));
    must(bind6(r, "::1", 0));
    int port = port_of(r);
    must(set(r, SOL_IPV6, IPV6_RECVHOPOPTS, 1));
    must(set(r, SOL_IPV6, IPV6_RECVDSTOPTS, 1));
    /* Padding, and an option to skip when unknown. */
    unsigned char hop[8] = { 0, 0, 1, 4 }, dst[16] = { 0, 1, 0x1e, 12, 'o', 'p', 't' }, pad[16] = { 0, 1, 1, 12 }, bad[8] = { 0, 3, 1, 4 };
    show_option(s, IPV6_HOPOPTS);
    t(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, hop, 8));
    t(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, bad, 8));
    t(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, hop, 7));
    t(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, hop, 4));
    t(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, 0, 8));
    show_option(s, IPV6_HOPOPTS);
    struct sockaddr_in6 to = in6("::1", port);
    t(sendto(s, "one", 3, 0, (void *)&to, sizeof to));
    receive(r);
    t(setsockopt(s, SOL_IPV6, IPV6_DSTOPTS, dst, 16));
    t(setsockopt(s, SOL_IPV6, IPV6_RTHDRDSTOPTS, dst, 16));
    show_option(s, IPV6_DSTOPTS);
    show_option(s, IPV6_RTHDRDSTOPTS);
    t(sendto(s, "both", 4, 0, (void *)&to, sizeof to));
    receive(r);
    t(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, 0, 0));
    show_option(s, IPV6_HOPOPTS);
    t(sendto(s, "dst", 3, 0, (void *)&to, sizeof to));
    receive(r);
    say("-- more padding than aligning takes\n");
    t(setsockopt(s, SOL_IPV6, IPV6_DSTOPTS, pad, 16));
    t(sendto(s, "pad", 3, 0, (void *)&to, sizeof to));
    nap(20);
    receive(r);
    t(setsockopt(s, SOL_IPV6, IPV6_DSTOPTS, 0, 0));
    say("-- by their older names\n");
    must(set(r, SOL_IPV6, IPV6_RECVHOPOPTS, 0));
    must(set(r, SOL_IPV6, IPV6_2292HOPOPTS, 1));
    must(set(r, SOL_IPV6, IPV6_2292DSTOPTS, 1));
    must(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, hop, 8));
    must(setsockopt(s, SOL_IPV6, IPV6_DSTOPTS, dst, 16));
    t(sendto(s, "old", 3, 0, (void *)&to, sizeof to));
    receive(r);
    must(setsockopt(s, SOL_IPV6, IPV6_HOPOPTS, 0, 0));
    must(setsockopt(s, SOL_IPV6, IPV6_DSTOPTS, 0, 0));
    unsigned char rth[8] = { 0, 0, 0, 0 };
    t(setsockopt(s, SOL_IPV6, IPV6_RTHDR, rth, 8));
    t(setsockopt(s, SOL_IPV6, IPV6_RTHDR, 0, 0));
    show_option(s, IPV6_RTHDR);
    say("-- the interface\n");
    struct in6_pktinfo p = { .ipi6_addr = IN6ADDR_LOOPBACK_INIT, .ipi6_ifindex = if_nametoindex("lo") };
    t(setsockopt(s, SOL_IPV6, IPV6_PKTINFO, &p, sizeof p));
    t(setsockopt(s, SOL_IPV6, IPV6_PKTINFO, &p, sizeof p - 1));
    t(setsockopt(s, SOL_IPV6, IPV6_PKTINFO, 0, 0));
    t(sendto(s, "by lo", 5, 0, (void *)&to, sizeof to));
    receive(r);
    p.ipi6_ifindex = 9999;
    t(setsockopt(s, SOL_IPV6, IPV6_PKTINFO, &p, sizeof p));
    t(sendto(s, "by none", 7, 0, (void *)&to, sizeof to));
    must(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
    t(setsockopt(s, SOL_IPV6, IPV6_PKTINFO, &p, sizeof p));
}

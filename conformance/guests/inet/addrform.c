// IPV6_ADDRFORM: a socket of IPv6 connected to a mapped address becomes one of IPv4 (ipv6(7)).
#include "guest.h"
#include "inet.h"
#include <sched.h>
#include <sys/ioctl.h>

static void addrform(int type)
{
    int l = must(socket(AF_INET, type, 0)), s = must(socket(AF_INET6, type, 0)), domain;
    socklen_t n = 4;
    must(bind4(l, "127.0.0.1", 0));
    if (type == SOCK_STREAM) must(listen(l, 1));
    t(set(s, SOL_IPV6, IPV6_ADDRFORM, AF_INET));
    t(set(s, SOL_IPV6, IPV6_ADDRFORM, AF_INET6));
    must(connect6(s, "::ffff:127.0.0.1", port_of(l)));
    struct sockaddr_storage a;
    n = sizeof a;
    must(getpeername(s, (void *)&a, &n));
    say("family %d length %d\n", a.ss_family, n);
    t(set(s, SOL_IPV6, IPV6_ADDRFORM, AF_INET));
    n = sizeof a;
    must(getpeername(s, (void *)&a, &n));
    say("family %d length %d\n", a.ss_family, n);
    n = sizeof a;
    must(getsockname(s, (void *)&a, &n));
    say("family %d length %d\n", a.ss_family, n);
    n = 4;
    t(getsockopt(s, SOL_SOCKET, SO_DOMAIN, &domain, &n));
    v(domain);
    t(set(s, SOL_IPV6, IPV6_ADDRFORM, AF_INET));
    t(set(s, SOL_IP, IP_TTL, 9));
    must(send(s, "hi", 2, 0));
    char b[8];
    int r = type == SOCK_STREAM ? must(accept(l, 0, 0)) : l;
    v(recv(r, b, 8, 0));
    int six = must(socket(AF_INET6, type, 0));
    if (type == SOCK_DGRAM) {
        must(connect6(six, "::1", 9));
        t(set(six, SOL_IPV6, IPV6_ADDRFORM, AF_INET));
    }
    close(l), close(s), close(six);
}

int main(void)
{
    fresh();
    must(unshare(CLONE_NEWNET));
    struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    must(ioctl(must(socket(AF_INET, SOCK_DGRAM, 0)), SIOCSIFFLAGS, &up));
    if (set(must(socket(AF_INET6, SOCK_STREAM, 0)), SOL_IPV6, IPV6_ADDRFORM, AF_INET) < 0 && errno == ENOPROTOOPT)
        skip("this release of Linux has no IPV6_ADDRFORM");
    addrform(SOCK_STREAM);
    addrform(SOCK_DGRAM);
    return 0;
}

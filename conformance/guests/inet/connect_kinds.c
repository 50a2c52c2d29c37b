/* connect(2) of the sockets that deal in messages: UDP, raw and ping ones take the same way (ip4_datagram_connect). */
#include "../guest.h"
#include "inet.h"
#include <sched.h>

static void ends(int s)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    long r = getpeername(s, (void *)&a, &n);
    if (r < 0) say("    peer: %s\n", ename(errno));
    else say_sockaddr("    peer", &a, n);
    n = sizeof a;
    getsockname(s, (void *)&a, &n);
    /* Ports that were chosen are as they come. */
    if (a.ss_family == AF_INET) say("    local: %s, port %s\n", ((struct sockaddr_in *)&a)->sin_addr.s_addr ? "set" : "any",
        ((struct sockaddr_in *)&a)->sin_port ? "set" : "0");
    else say("    local: %s, port %s\n", IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&a)->sin6_addr) ? "any" : "set",
        ((struct sockaddr_in6 *)&a)->sin6_port ? "set" : "0");
}

static void kind(const char *what, int type, int protocol)
{
    static const struct { const char *name, *address; int port; } to[] = {
        { "loopback, port 7", "127.0.0.1", 7 }, { "loopback, port 0", "127.0.0.1", 0 }, { "any", "0.0.0.0", 7 },
        { "limited broadcast", "255.255.255.255", 7 }, { "the loopback's broadcast", "127.255.255.255", 7 },
        { "no route", "198.51.100.1", 7 }, { "a group", "224.0.0.200", 7 },
    };
    say("-- %s\n", what);
    for (int i = 0; i < COUNT(to); i++) {
        int s = must(socket(AF_INET, type, protocol));
        struct sockaddr_in a = in4(to[i].address, to[i].port);
        long r = connect(s, (void *)&a, sizeof a);
        say("  %s: %s\n", to[i].name, ename(r < 0 ? errno : 0));
        ends(s);
        struct sockaddr none = { .sa_family = AF_UNSPEC };
        r = connect(s, &none, sizeof none);
        say("  disconnected: %s\n", ename(r < 0 ? errno : 0));
        ends(s);
        close(s);
    }
}

/* A network of its own, with nothing but the loopback, in which everyone may ping. */
static void loopback_only(void)
{
    must(unshare(CLONE_NEWNET));
    int s = must(socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    must(ioctl(s, SIOCSIFFLAGS, &r));
    close(s);
    int f = must(open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY));
    must(write(f, "0 2147483647", 12));
    close(f);
}

int main(void)
{
    fresh();
    loopback_only();
    kind("udp", SOCK_DGRAM, 0);
    kind("raw", SOCK_RAW, IPPROTO_ICMP);
    kind("ping", SOCK_DGRAM, IPPROTO_ICMP);
    say("-- a raw one does not receive again once it was disconnected\n");
    int r = must(socket(AF_INET, SOCK_RAW, 200)), other = must(socket(AF_INET, SOCK_RAW, 200));
    struct sockaddr_in lo = in4("127.0.0.1", 0);
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    char b[64];
    t(sendto(other, "one", 3, 0, (void *)&lo, sizeof lo));
    t(recv(r, b, sizeof b, MSG_DONTWAIT));
    t(connect(r, &none, sizeof none));
    t(sendto(other, "two", 3, 0, (void *)&lo, sizeof lo));
    t(recv(r, b, sizeof b, MSG_DONTWAIT));
    t(recv(other, b, sizeof b, MSG_DONTWAIT));
    t(sendto(r, "three", 5, 0, (void *)&lo, sizeof lo));
    t(recv(other, b, sizeof b, MSG_DONTWAIT));
    t(recv(other, b, sizeof b, MSG_DONTWAIT));
    int six[][2] = { { SOCK_DGRAM, 0 }, { SOCK_RAW, IPPROTO_ICMPV6 }, { SOCK_DGRAM, IPPROTO_ICMPV6 } };
    for (int i = 0; i < COUNT(six); i++) {
        int s = must(socket(AF_INET6, six[i][0], six[i][1]));
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(7), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        say("-- IPv6 %d %d\n", six[i][0], six[i][1]);
        t(connect(s, (void *)&a, sizeof a));
        ends(s);
        inet_pton(AF_INET6, "fe80::1", &a.sin6_addr);
        t(connect(s, (void *)&a, sizeof a));
        a.sin6_port = 0;
        a.sin6_addr = in6addr_loopback;
        t(connect(s, (void *)&a, sizeof a));
        ends(s);
        close(s);
    }
}

/* ip(7), ipv6(7): groups on the loopback interface: joining, sending, leaving, who hears, what is refused. */
#include "../guest.h"
#include "inet.h"

static int join(int s, int opt, const char *group, const char *iface)
{
    struct ip_mreq m;
    inet_pton(AF_INET, group, &m.imr_multiaddr);
    inet_pton(AF_INET, iface, &m.imr_interface);
    return setsockopt(s, SOL_IP, opt, &m, sizeof m);
}

int main(void)
{
    fresh();
    char b[16];
    int a = must(socket(AF_INET, SOCK_DGRAM, 0)), s = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(bind4(a, "0.0.0.0", 0));
    int port = port_of(a);
    t(join(a, IP_ADD_MEMBERSHIP, "239.1.2.3", "127.0.0.1"));
    t(join(a, IP_ADD_MEMBERSHIP, "239.1.2.3", "127.0.0.1"));
    t(join(a, IP_ADD_MEMBERSHIP, "10.1.2.3", "127.0.0.1"));
    t(join(a, IP_ADD_MEMBERSHIP, "239.1.2.3", "9.9.9.9"));
    struct in_addr lo;
    inet_pton(AF_INET, "127.0.0.1", &lo);
    t(setsockopt(s, SOL_IP, IP_MULTICAST_IF, &lo, sizeof lo));
    t(to4(s, "group", 5, 0, "239.1.2.3", port));
    v(await(a, POLLIN));
    t(recv(a, b, 16, MSG_DONTWAIT));
    t(to4(s, "other", 5, 0, "239.9.9.9", port));
    nap(5);
    t(recv(a, b, 16, MSG_DONTWAIT));
    t(set(s, SOL_IP, IP_MULTICAST_LOOP, 0));
    t(to4(s, "unheard", 7, 0, "239.1.2.3", port));
    nap(5);
    t(recv(a, b, 16, MSG_DONTWAIT));
    t(set(s, SOL_IP, IP_MULTICAST_LOOP, 1));
    t(join(a, IP_DROP_MEMBERSHIP, "239.1.2.3", "127.0.0.1"));
    t(join(a, IP_DROP_MEMBERSHIP, "239.1.2.3", "127.0.0.1"));
    t(to4(s, "gone", 4, 0, "239.1.2.3", port));
    nap(5);
    t(recv(a, b, 16, MSG_DONTWAIT));
    int tcp = must(socket(AF_INET, SOCK_STREAM, 0));
    t(join(tcp, IP_ADD_MEMBERSHIP, "239.1.2.3", "127.0.0.1"));
    say("-- sources\n");
    struct ip_mreq_source ms;
    inet_pton(AF_INET, "239.4.4.4", &ms.imr_multiaddr);
    inet_pton(AF_INET, "127.0.0.1", &ms.imr_interface);
    inet_pton(AF_INET, "127.0.0.5", &ms.imr_sourceaddr);
    t(setsockopt(a, SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, &ms, sizeof ms));
    t(to4(s, "not from .5", 11, 0, "239.4.4.4", port));
    int five = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(bind4(five, "127.0.0.5", 0));
    t(setsockopt(five, SOL_IP, IP_MULTICAST_IF, &lo, sizeof lo));
    t(to4(five, "from .5", 7, 0, "239.4.4.4", port));
    v(await(a, POLLIN));
    t(recv(a, b, 16, MSG_DONTWAIT));
    t(recv(a, b, 16, MSG_DONTWAIT));
    say("-- ipv6\n");
    int c = must(socket(AF_INET6, SOCK_DGRAM, 0));
    must(bind6(c, "::", 0));
    struct ipv6_mreq m6 = { .ipv6mr_interface = 1 };
    inet_pton(AF_INET6, "ff02::1234", &m6.ipv6mr_multiaddr);
    t(setsockopt(c, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof m6));
    t(setsockopt(c, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof m6));
    /* Sending needs a route, which the loopback of most machines lacks. */
    t(setsockopt(c, SOL_IPV6, IPV6_DROP_MEMBERSHIP, &m6, sizeof m6));
    t(setsockopt(c, SOL_IPV6, IPV6_DROP_MEMBERSHIP, &m6, sizeof m6));
    m6.ipv6mr_interface = 9999;
    t(setsockopt(c, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof m6));
    return 0;
}

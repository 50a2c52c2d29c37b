/* ip(7), RFC 3678: memberships with sources, by each of their options, of both families, and read back. */
#include "../guest.h"
#include "inet.h"
#include <sched.h>

static int lo;

static void loopback_only(void)
{
    must(unshare(CLONE_NEWNET));
    int s = must(socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_MULTICAST };
    must(ioctl(s, SIOCSIFFLAGS, &r));
    close(s);
    lo = if_nametoindex("lo");
}

static struct sockaddr_storage address(int family, const char *text)
{
    struct sockaddr_storage a;
    memset(&a, 0, sizeof a);
    a.ss_family = family;
    inet_pton(family, text, family == AF_INET ? (void *)&((struct sockaddr_in *)&a)->sin_addr : (void *)&((struct sockaddr_in6 *)&a)->sin6_addr);
    return a;
}

static const char *text(const struct sockaddr_storage *a)
{
    static char b[64];
    if (a->ss_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)a)->sin_addr, b, sizeof b);
    else if (a->ss_family == AF_INET6) inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a)->sin6_addr, b, sizeof b);
    else snprintf(b, sizeof b, "family %d", a->ss_family);
    return b;
}

static long source(int s, int level, int name, int family, const char *group, const char *from, int index)
{
    struct group_source_req r;
    memset(&r, 0, sizeof r);
    r.gsr_interface = index;
    r.gsr_group = address(family, group);
    r.gsr_source = address(family, from);
    return setsockopt(s, level, name, &r, sizeof r);
}

static long filter(int s, int level, int family, const char *group, int mode, int n, const char **from, int index)
{
    char room[GROUP_FILTER_SIZE(80)];
    struct group_filter *f = (void *)room;
    memset(room, 0, sizeof room);
    f->gf_interface = index;
    f->gf_group = address(family, group);
    f->gf_fmode = mode;
    f->gf_numsrc = n;
    for (int i = 0; i < n && i < 80; i++) f->gf_slist[i] = address(family, from[i % 3]);
    return setsockopt(s, level, MCAST_MSFILTER, f, GROUP_FILTER_SIZE(n));
}

static void sources(int s, int level, int family, const char *group, int room)
{
    char bytes[GROUP_FILTER_SIZE(20)];
    struct group_filter *f = (void *)bytes;
    memset(bytes, 0, sizeof bytes);
    f->gf_interface = lo;
    f->gf_group = address(family, group);
    f->gf_numsrc = room;
    socklen_t n = GROUP_FILTER_SIZE(room);
    if (getsockopt(s, level, MCAST_MSFILTER, f, &n) < 0) {
        say("  filter of %s: %s\n", group, ename(errno));
        return;
    }
    say("  filter of %s: mode %u, %u sources, length %u\n", group, f->gf_fmode, f->gf_numsrc, n);
    for (unsigned i = 0; i < f->gf_numsrc && i < (unsigned)room; i++) say("    %s\n", text(&f->gf_slist[i]));
}

static void family(int af, int level, const char *group, const char *other, const char **from)
{
    int s = must(socket(af, SOCK_DGRAM, 0));
    struct group_req r = { .gr_interface = lo, .gr_group = address(af, group) };
    say("-- %s\n", af == AF_INET ? "IPv4" : "IPv6");
    sources(s, level, af, group, 4);
    t(source(s, level, MCAST_BLOCK_SOURCE, af, group, from[0], lo));
    t(setsockopt(s, level, MCAST_JOIN_GROUP, &r, sizeof r));
    t(setsockopt(s, level, MCAST_JOIN_GROUP, &r, sizeof r - 1));
    sources(s, level, af, group, 4);
    t(source(s, level, MCAST_BLOCK_SOURCE, af, group, from[0], lo));
    t(source(s, level, MCAST_BLOCK_SOURCE, af, group, from[0], lo));
    t(source(s, level, MCAST_BLOCK_SOURCE, af, group, from[1], lo));
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, af, group, from[1], lo));
    sources(s, level, af, group, 4);
    sources(s, level, af, group, 1);
    sources(s, level, af, group, 0);
    t(source(s, level, MCAST_UNBLOCK_SOURCE, af, group, from[2], lo));
    t(source(s, level, MCAST_UNBLOCK_SOURCE, af, group, from[0], lo));
    t(source(s, level, MCAST_UNBLOCK_SOURCE, af, group, from[1], lo));
    sources(s, level, af, group, 4);
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, af, group, from[2], lo));
    sources(s, level, af, group, 4);
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, af, other, from[0], lo));
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, af, other, from[1], lo));
    sources(s, level, af, other, 4);
    t(source(s, level, MCAST_LEAVE_SOURCE_GROUP, af, other, from[0], lo));
    t(source(s, level, MCAST_LEAVE_SOURCE_GROUP, af, other, from[1], lo));
    t(source(s, level, MCAST_LEAVE_SOURCE_GROUP, af, other, from[1], lo));
    sources(s, level, af, other, 4);
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, af, from[0], from[1], lo));
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, af, other, from[1], 9999));
    t(source(s, level, MCAST_JOIN_SOURCE_GROUP, AF_UNIX, other, from[1], lo));
    say("  whole filters\n");
    t(filter(s, level, af, group, MCAST_INCLUDE, 2, from, lo));
    sources(s, level, af, group, 4);
    t(filter(s, level, af, group, MCAST_EXCLUDE, 3, from, lo));
    sources(s, level, af, group, 4);
    t(filter(s, level, af, group, 7, 3, from, lo));
    t(filter(s, level, af, group, MCAST_EXCLUDE, 11, from, lo));
    t(filter(s, level, af, group, MCAST_EXCLUDE, 65, from, lo));
    t(filter(s, level, af, other, MCAST_EXCLUDE, 1, from, lo));
    t(filter(s, level, af, group, MCAST_EXCLUDE, 1, from, 9999));
    t(filter(s, level, af, from[0], MCAST_EXCLUDE, 1, from, lo));
    t(filter(s, level, AF_UNIX, from[0], MCAST_EXCLUDE, 1, from, lo));
    t(filter(s, level, af, group, MCAST_EXCLUDE, 0, from, lo));
    sources(s, level, af, group, 4);
    t(filter(s, level, af, group, MCAST_INCLUDE, 0, from, lo));
    sources(s, level, af, group, 4);
    t(setsockopt(s, level, MCAST_MSFILTER, &r, 100));
    socklen_t n = 100;
    t(getsockopt(s, level, MCAST_MSFILTER, &r, &n));
    close(s);
}

static void heard(void)
{
    say("-- who is heard\n");
    char b[16];
    int a = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(bind4(a, "0.0.0.0", 0));
    const char *from[] = { "127.0.0.5", "127.0.0.6", "127.0.0.7" };
    struct group_req r = { .gr_interface = lo, .gr_group = address(AF_INET, "239.1.1.1") };
    must(setsockopt(a, SOL_IP, MCAST_JOIN_GROUP, &r, sizeof r));
    for (int mode = MCAST_EXCLUDE; mode <= MCAST_INCLUDE; mode++) {
        must(filter(a, SOL_IP, AF_INET, "239.1.1.1", mode, 2, from, lo));
        for (int i = 0; i < 3; i++) {
            int s = must(socket(AF_INET, SOCK_DGRAM, 0));
            must(bind4(s, from[i], 0));
            struct in_addr l = { htonl(INADDR_LOOPBACK) };
            must(setsockopt(s, SOL_IP, IP_MULTICAST_IF, &l, sizeof l));
            must(to4(s, from[i] + 8, 1, 0, "239.1.1.1", port_of(a)));
            close(s);
        }
        for (ssize_t n; (n = recv(a, b, sizeof b, MSG_DONTWAIT)) >= 0;) say("  mode %d: heard .%.*s\n", mode, (int)n, b);
    }
    struct { struct ip_msfilter f; struct in_addr more[3]; } short_one;
    memset(&short_one, 0, sizeof short_one);
    short_one.f.imsf_multiaddr.s_addr = inet_addr("239.1.1.1");
    short_one.f.imsf_interface.s_addr = inet_addr("127.0.0.1");
    short_one.f.imsf_numsrc = 3;
    socklen_t n = sizeof short_one;
    t(getsockopt(a, SOL_IP, IP_MSFILTER, &short_one, &n));
    say("  short: mode %u, %u sources, length %u, %08x\n", short_one.f.imsf_fmode, short_one.f.imsf_numsrc, n, ntohl(short_one.f.imsf_slist[0].s_addr));
    short_one.f.imsf_fmode = MCAST_EXCLUDE;
    t(setsockopt(a, SOL_IP, IP_MSFILTER, &short_one, IP_MSFILTER_SIZE(2)));
    sources(a, SOL_IP, AF_INET, "239.1.1.1", 4);
    t(setsockopt(a, SOL_IP, IP_MSFILTER, &short_one, IP_MSFILTER_SIZE(1)));
    t(setsockopt(a, SOL_IP, IP_MSFILTER, &short_one, 15));
    n = 15;
    t(getsockopt(a, SOL_IP, IP_MSFILTER, &short_one, &n));
    t(setsockopt(a, SOL_IPV6, MCAST_MSFILTER, &short_one, sizeof short_one));
}

int main(void)
{
    fresh();
    loopback_only();
    const char *four[] = { "127.0.0.5", "127.0.0.6", "127.0.0.7" }, *six[] = { "::5", "::6", "::7" };
    family(AF_INET, SOL_IP, "239.1.2.3", "239.1.2.4", four);
    family(AF_INET6, SOL_IPV6, "ff02::1:23", "ff02::1:24", six);
    heard();
}

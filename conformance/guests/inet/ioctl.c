/* netdevice(7): ioctls about the loopback interface, and their errors; if_nameindex(3), getifaddrs(3). */
#include "../guest.h"
#include "inet.h"
#include <ifaddrs.h>
#include <net/if_arp.h>

static struct ifreq r;
static int get(int s, unsigned long cmd, const char *name)
{
    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, name);
    return ioctl(s, cmd, &r);
}

int main(void)
{
    fresh();
    int s = must(socket(AF_INET, SOCK_DGRAM, 0));
    t(get(s, SIOCGIFINDEX, "lo"));
    v(r.ifr_ifindex);
    t(get(s, SIOCGIFFLAGS, "lo"));
    say("flags %x\n", (unsigned short)r.ifr_flags);
    t(get(s, SIOCGIFMTU, "lo"));
    v(r.ifr_mtu);
    t(get(s, SIOCGIFADDR, "lo"));
    say_sockaddr("address", &r.ifr_addr, 16);
    t(get(s, SIOCGIFNETMASK, "lo"));
    say_sockaddr("mask", &r.ifr_addr, 16);
    t(get(s, SIOCGIFBRDADDR, "lo"));
    say_sockaddr("broadcast", &r.ifr_addr, 16);
    t(get(s, SIOCGIFDSTADDR, "lo"));
    say_sockaddr("peer", &r.ifr_addr, 16);
    t(get(s, SIOCGIFHWADDR, "lo"));
    say("type %d\n", r.ifr_hwaddr.sa_family);
    t(get(s, SIOCGIFMETRIC, "lo"));
    v(r.ifr_metric);
    t(get(s, SIOCGIFTXQLEN, "lo"));
    v(r.ifr_qlen);
    t(get(s, SIOCGIFINDEX, "none"));
    t(get(s, SIOCGIFADDR, "none"));
    t(get(s, SIOCGIFFLAGS, ""));
    memset(&r, 0, sizeof r);
    r.ifr_ifindex = 1;
    t(ioctl(s, SIOCGIFNAME, &r));
    say("%s\n", r.ifr_name);
    r.ifr_ifindex = 9999;
    t(ioctl(s, SIOCGIFNAME, &r));
    struct ifreq list[8];
    struct ifconf c = { sizeof list, { (void *)list } };
    t(ioctl(s, SIOCGIFCONF, &c));
    for (int i = 0; i < c.ifc_len / (int)sizeof list[0]; i++)
        if (!strcmp(list[i].ifr_name, "lo")) say_sockaddr("lo", &list[i].ifr_addr, 16);
    c.ifc_len = 10;
    t(ioctl(s, SIOCGIFCONF, &c));
    v(c.ifc_len);
    t(ioctl(s, SIOCGIFADDR, (void *)8));
    t(ioctl(s, 0x8999, &r));
    t(if_nametoindex("lo"));
    t(if_nametoindex("nope"));
    struct ifaddrs *all;
    must(getifaddrs(&all));
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (strcmp(i->ifa_name, "lo")) continue;
        say("%s flags %x family %d\n", i->ifa_name, i->ifa_flags, i->ifa_addr ? i->ifa_addr->sa_family : -1);
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
            say_sockaddr("  address", i->ifa_addr, 16);
            say_sockaddr("  mask", i->ifa_netmask, 16);
        }
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6) {
            say_sockaddr("  address", i->ifa_addr, 28);
            say_sockaddr("  mask", i->ifa_netmask, 28);
        }
    }
    freeifaddrs(all);
    if (fork() == 0) {
        must(setuid(1000));
        strcpy(r.ifr_name, "lo");
        r.ifr_mtu = 1500;
        t(ioctl(s, SIOCSIFMTU, &r));
        t(ioctl(s, SIOCSIFFLAGS, &r));
        _exit(0);
    }
    wait(0);
    int u = must(socket(AF_UNIX, SOCK_DGRAM, 0));
    t(get(u, SIOCGIFINDEX, "lo"));
    v(r.ifr_ifindex);
    int n = must(socket(AF_NETLINK, SOCK_RAW, 0));
    t(get(n, SIOCGIFMTU, "lo"));
    return 0;
}

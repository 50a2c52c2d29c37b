/* getsockopt(2): the value and size of every option of every level on fresh sockets of each kind. */
#include "../guest.h"
#include "inet.h"

static int left_out(int level, int name)
{
    if (level == SOL_SOCKET)
        /* Cookies differ, and so do things of the machine. */
        return name == 56 || name == 57 || name == 71 || name == 31 || name == 55 || name >= 75;
    if (level == IPPROTO_TCP) return name == TCP_INFO || name == 26 || name == TCP_CONGESTION || name >= 38 || name == TCP_ULP || name == 24
        || name == TCP_MAXSEG || name == 33;
    if (level == SOL_IP) return name >= 64 || name == 51 || name == 14 || name == 16 || name == 17;
    if (level == SOL_IPV6) return (name >= 64 && name < 66) || name == 68 || name == 69 || name == 24 || name == 34 || name == 35;
    return 0;
}

static void all(const char *kind, int s)
{
    static const struct { const char *name; int level, max; } levels[] = {
        { "SOCKET", SOL_SOCKET, 76 }, { "IP", SOL_IP, 53 }, { "IPV6", SOL_IPV6, 79 }, { "TCP", SOL_TCP, 38 }, { "UDP", SOL_UDP, 105 },
        { "RAW", SOL_RAW, 3 }, { "PACKET", SOL_PACKET, 3 }, { "NETLINK", SOL_NETLINK, 3 }, { "none", 999, 2 },
    };
    for (int l = 0; l < COUNT(levels); l++) {
        say("-- %s %s\n", kind, levels[l].name);
        for (int i = 0; i <= levels[l].max; i++) {
            if (left_out(levels[l].level, i)) continue;
            unsigned char b[256];
            memset(b, 0xee, sizeof b);
            socklen_t n = 64;
            if (getsockopt(s, levels[l].level, i, b, &n) < 0) {
                if (errno != ENOPROTOOPT) say("%d: %s\n", i, ename(errno));
                continue;
            }
            char o[200] = "";
            for (int k = 0; k < (int)n && k < 32; k++) sprintf(o + strlen(o), "%02x", b[k]);
            say("%d: [%d] %s\n", i, (int)n, o);
        }
    }
    close(s);
}

int main(void)
{
    fresh();
    all("tcp", must(socket(AF_INET, SOCK_STREAM, 0)));
    all("udp", must(socket(AF_INET, SOCK_DGRAM, 0)));
    all("tcp6", must(socket(AF_INET6, SOCK_STREAM, 0)));
    all("udp6", must(socket(AF_INET6, SOCK_DGRAM, 0)));
    return 0;
}

/* socket(2): families, types and protocols that exist, the errors of those that do not. */
#include "../guest.h"
#include "inet.h"

int main(void)
{
    fresh();
    static const int families[] = { AF_INET, AF_INET6 };
    static const int protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW, 255, 256, 262, -1, 99, 1000 };
    for (int f = 0; f < 2; f++)
        for (int type = 0; type <= 11; type++)
            for (int p = 0; p < COUNT(protocols); p++) {
                /* MPTCP, UDP-Lite and SCTP are modules of the machine, SOCK_PACKET is another family's and obsolete. */
                if (protocols[p] == 262 || type == SOCK_DCCP || type == SOCK_SEQPACKET || type == SOCK_PACKET) continue;
                int s = socket(families[f], type, protocols[p]);
                int e = errno;
                if (type == SOCK_DGRAM && (protocols[p] == IPPROTO_ICMP || protocols[p] == IPPROTO_ICMPV6)) {
                    /* Who may ping is a setting. */
                    if (s >= 0) close(s);
                    continue;
                }
                if (s < 0) {
                    say("%d %d %d: %s\n", families[f], type, protocols[p], ename(e));
                    continue;
                }
                say("%d %d %d: type %d domain %d protocol %d\n", families[f], type, protocols[p], opt(s, SOL_SOCKET, SO_TYPE),
                    opt(s, SOL_SOCKET, SO_DOMAIN), opt(s, SOL_SOCKET, SO_PROTOCOL));
                close(s);
            }
    t(socket(AF_INET, SOCK_STREAM | 0x100, 0));
    t(socket(99, SOCK_STREAM, 0));
    t(socket(-1, SOCK_STREAM, 0));
    t(socket(AF_UNSPEC, SOCK_STREAM, 0));
    int sv[2];
    t(socketpair(AF_INET, SOCK_STREAM, 0, sv));
    t(socketpair(AF_INET, SOCK_DGRAM, 0, sv));
    t(socketpair(AF_INET6, SOCK_STREAM, 0, sv));
    t(socketpair(AF_NETLINK, SOCK_RAW, 0, sv));
    t(socket(AF_NETLINK, SOCK_STREAM, 0));
    ok(socket(AF_NETLINK, SOCK_DGRAM, 0));
    t(socket(AF_NETLINK, SOCK_RAW, 99));
    ok(socket(AF_PACKET, SOCK_RAW, htons(3)));
    ok(socket(AF_PACKET, SOCK_DGRAM, 0));
    t(socket(AF_PACKET, SOCK_STREAM, 0));
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    struct stat st;
    t(fstat(s, &st));
    v(S_ISSOCK(st.st_mode));
    v(st.st_mode & 07777);
    t(lseek(s, 0, SEEK_SET));
    t(pread(s, &st, 1, 0));
    t(ftruncate(s, 0));
    t(fsync(s));
    char link[64] = "", path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", s);
    readlink(path, link, 63);
    v(strncmp(link, "socket:[", 8));
    return 0;
}

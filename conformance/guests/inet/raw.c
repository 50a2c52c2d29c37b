/* raw(7), icmp(7), packet(7): ping by both kinds of socket, headers of one's own, filters, frames of the loopback. */
#include "../guest.h"
#include "inet.h"
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

static unsigned short sum(const void *p, int n)
{
    const unsigned short *w = p;
    unsigned long t = 0;
    for (; n > 1; n -= 2) t += *w++;
    if (n) t += *(unsigned char *)w;
    while (t >> 16) t = (t & 0xffff) + (t >> 16);
    return ~t;
}

int main(void)
{
    fresh();
    unsigned char b[2048];
    struct { struct icmphdr h; char data[8]; } q = { { .type = ICMP_ECHO, .un.echo = { htons(0x1234), htons(1) } }, "payload" };
    q.h.checksum = sum(&q, sizeof q);
    struct sockaddr_in lo = in4("127.0.0.1", 0), from;
    socklen_t fl = sizeof from;
    int s = must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    t(sendto(s, &q, sizeof q, 0, (void *)&lo, sizeof lo));
    for (int i = 0; i < 2; i++) {
        ssize_t n = recvfrom(s, b, sizeof b, 0, (void *)&from, &fl);
        struct iphdr *ip = (void *)b;
        struct icmphdr *h = (void *)(b + ip->ihl * 4);
        say("%ld bytes, ttl %d protocol %d tos %d type %d seq %d data %s sums %d %d\n", (long)n, ip->ttl, ip->protocol, ip->tos, h->type,
            ntohs(h->un.echo.sequence), (char *)(h + 1), sum(b, ip->ihl * 4), sum(h, n - ip->ihl * 4));
    }
    say_sockaddr("from", &from, fl);
    struct icmp_filter f = { ~(1U << ICMP_ECHOREPLY) };
    t(setsockopt(s, SOL_RAW, ICMP_FILTER, &f, sizeof f));
    t(sendto(s, &q, sizeof q, 0, (void *)&lo, sizeof lo));
    ssize_t n = recv(s, b, sizeof b, 0);
    say("filtered: type %d\n", b[(b[0] & 15) * 4]);
    t(recv(s, b, sizeof b, MSG_DONTWAIT));
    t(opt(s, SOL_IP, IP_HDRINCL));
    t(connect(s, (void *)&lo, sizeof lo));
    t(send(s, &q, sizeof q, 0));
    t(recv(s, b, sizeof b, 0));
    t(listen(s, 1));
    close(s);
    say("-- headers of one's own\n");
    s = must(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
    t(opt(s, SOL_IP, IP_HDRINCL));
    int r = must(socket(AF_INET, SOCK_RAW, 200));
    struct { struct iphdr ip; char data[4]; } own;
    memset(&own, 0, sizeof own);
    own.ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 9, .protocol = 200, .saddr = htonl(0x7f000007), .daddr = lo.sin_addr.s_addr };
    memcpy(own.data, "own", 4);
    t(sendto(s, &own, sizeof own, 0, (void *)&lo, sizeof lo));
    n = recvfrom(r, b, sizeof b, 0, (void *)&from, &fl);
    struct iphdr *ip = (void *)b;
    say("%ld ttl %d length %d sum %d data %s\n", (long)n, ip->ttl, ntohs(ip->tot_len), sum(b, 20), b + 20);
    say_sockaddr("from", &from, fl);
    t(recv(s, b, sizeof b, MSG_DONTWAIT));
    close(s);
    close(r);
    say("-- bytes behind a datagram: shown to raw readers, not to UDP's\n");
    s = must(socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
    r = must(socket(AF_INET, SOCK_DGRAM, 0));
    t(bind(s, (void *)&lo, sizeof lo));
    t(bind(r, (void *)&lo, sizeof lo));
    fl = sizeof from;
    t(getsockname(r, (void *)&from, &fl));
    struct { struct udphdr u; char data[8]; } longer = { { .source = htons(9), .dest = from.sin_port, .len = htons(12) }, "in|out" };
    t(sendto(s, &longer, sizeof longer, 0, (void *)&lo, sizeof lo));
    n = recv(s, b, sizeof b, 0);
    say("raw: %ld bytes, data %s\n", (long)n, b + 28);
    n = recv(r, b, sizeof b, 0);
    say("udp: %ld bytes, data %.*s\n", (long)n, (int)n, b);
    close(s);
    close(r);
    say("-- packets\n");
    s = must(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)));
    struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1 };
    t(bind(s, (void *)&ll, sizeof ll));
    socklen_t l = sizeof ll;
    t(getsockname(s, (void *)&ll, &l));
    say("index %d protocol %x type %d halen %d length %d\n", ll.sll_ifindex, ntohs(ll.sll_protocol), ll.sll_hatype, ll.sll_halen, l);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 42), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6d61726b, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog prog = { COUNT(code), code };
    t(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog));
    int u[2];
    udp_pair(u);
    send(u[0], "other", 5, 0);
    send(u[0], "mark", 4, 0);
    if (await(s, POLLIN)) {
        l = sizeof ll;
        n = recvfrom(s, b, sizeof b, 0, (void *)&ll, &l);
        say("%ld bytes, ether type %02x%02x, packet type %d, data %.4s\n", (long)n, b[12], b[13], ll.sll_pkttype, b + 42);
    }
    t(recv(s, b, sizeof b, MSG_DONTWAIT));
    t(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, 0, 4));
    code[1].jt = 200;
    t(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog));
    prog.len = 0;
    t(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog));
    t(connect(s, (void *)&ll, sizeof ll));
    t(shutdown(s, SHUT_RD));
    close(s);
    s = must(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)));
    ll = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1 };
    t(bind(s, (void *)&ll, sizeof ll));
    while (recv(s, b, sizeof b, MSG_DONTWAIT) > 0) {}
    send(u[0], "both ways", 9, 0);
    for (int i = 0; i < 2 && await(s, POLLIN); i++) {
        l = sizeof ll;
        n = recvfrom(s, b, sizeof b, 0, (void *)&ll, &l);
        say("%ld bytes, version %d, packet type %d protocol %x\n", (long)n, b[0] >> 4, ll.sll_pkttype, ntohs(ll.sll_protocol));
    }
    t(bind(s, (void *)&ll, 4));
    ll.sll_ifindex = 9999;
    t(bind(s, (void *)&ll, sizeof ll));
    return 0;
}

/* ip(7), IP_RECVERR: errors that came back, in the queue and at the next call; connect(2) and sendto(2) without a way. */
#include "../guest.h"
#include "inet.h"

static void errqueue(const char *what, int s)
{
    char b[64], c[256];
    struct sockaddr_storage to;
    struct iovec iov = { b, sizeof b };
    struct msghdr m = { &to, sizeof to, &iov, 1, c, sizeof c, 0 };
    ssize_t n = recvmsg(s, &m, MSG_ERRQUEUE);
    if (n < 0) { say("%s: %s\n", what, ename(errno)); return; }
    show(what, b, n);
    say("  flags %x\n", m.msg_flags);
    say_sockaddr("  to", &to, m.msg_namelen);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        struct sock_extended_err *e = (void *)CMSG_DATA(h);
        if ((h->cmsg_level == SOL_IP && h->cmsg_type == IP_RECVERR) || (h->cmsg_level == SOL_IPV6 && h->cmsg_type == IPV6_RECVERR)) {
            say("  %s origin %d type %d code %d info %u length %ld\n", ename(e->ee_errno), e->ee_origin, e->ee_type, e->ee_code, e->ee_info, (long)h->cmsg_len);
            struct sockaddr *o = SO_EE_OFFENDER(e);
            if (o->sa_family) say_sockaddr("  offender", o, o->sa_family == AF_INET ? 16 : 28);
        } else say("  level %d type %d\n", h->cmsg_level, h->cmsg_type);
    }
}

int main(void)
{
    fresh();
    int dead = dead_port();
    char b[8];
    int s = must(socket(AF_INET, SOCK_DGRAM, 0));
    errqueue("empty", s);
    t(set(s, SOL_IP, IP_RECVERR, 1));
    t(to4(s, "lost", 4, 0, "127.0.0.1", dead));
    nap(5);
    say_poll("an error", s);
    t(recv(s, b, 8, MSG_DONTWAIT));
    say_poll("told", s);
    errqueue("queue", s);
    say_poll("taken", s);
    errqueue("again", s);
    t(to4(s, "one", 3, 0, "127.0.0.1", dead));
    t(to4(s, "two", 3, 0, "127.0.0.1", dead));
    nap(5);
    t(to4(s, "three", 5, 0, "127.0.0.1", dead));
    errqueue("first", s);
    errqueue("second", s);
    so_error(s);
    t(set(s, SOL_IP, IP_RECVERR, 0));
    errqueue("off", s);
    say("-- ipv6\n");
    int s6 = must(socket(AF_INET6, SOCK_DGRAM, 0));
    t(set(s6, SOL_IPV6, IPV6_RECVERR, 1));
    struct sockaddr_in6 a = in6("::1", dead);
    t(sendto(s6, "lost", 4, 0, (void *)&a, sizeof a));
    nap(5);
    errqueue("queue", s6);
    say("-- too long\n");
    s = must(socket(AF_INET, SOCK_DGRAM, 0));
    must(connect4(s, "127.0.0.1", dead));
    t(opt(s, SOL_IP, IP_MTU));
    t(set(s, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO));
    t(set(s, SOL_IP, IP_RECVERR, 1));
    static char big[70000];
    t(send(s, big, 65507, 0));
    nap(5);
    opt(s, SOL_SOCKET, SO_ERROR);
    t(send(s, big, 65508, 0));
    say("-- tcp\n");
    int c = must(socket(AF_INET, SOCK_STREAM, 0));
    t(set(c, SOL_IP, IP_RECVERR, 1));
    t(connect4(c, "127.0.0.1", dead));
    errqueue("tcp", c);
    close(c);
    int p[2];
    tcp_pair(p);
    t(recv(p[0], b, 1, MSG_ERRQUEUE));
    t(set(p[0], SOL_SOCKET, SO_ZEROCOPY, 1));
    t(send(p[0], "zero copy", 9, MSG_ZEROCOPY));
    t(recv(p[1], b, 8, 0));
    nap(10);
    v((poll_now(p[0], 0) & POLLERR) != 0);
    t(send(p[0], "one more", 8, MSG_ZEROCOPY));
    nap(10);
    errqueue("sent", p[0]);
    errqueue("all", p[0]);
    return 0;
}

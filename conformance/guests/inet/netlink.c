/* netlink(7), rtnetlink(7): names, acknowledgements, errors, dumps of what the loopback has, refused changes. */
#include "../guest.h"
#include "inet.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
static char buf[65536];
static int nl;

static void request(int type, int flags, const void *body, int size)
{
    struct { struct nlmsghdr h; char b[256]; } q;
    memset(&q, 0, sizeof q);
    q.h.nlmsg_len = NLMSG_LENGTH(size);
    q.h.nlmsg_type = type;
    q.h.nlmsg_flags = flags;
    q.h.nlmsg_seq = 7;
    memcpy(q.b, body, size);
    if (send(nl, &q, q.h.nlmsg_len, 0) < 0) say("send: %s\n", ename(errno));
}

static void answers(const char *what)
{
    for (;;) {
        struct sockaddr_nl from;
        socklen_t fl = sizeof from;
        ssize_t n = recvfrom(nl, buf, sizeof buf, MSG_DONTWAIT, (void *)&from, &fl);
        if (n < 0) { say("%s: %s\n", what, ename(errno)); return; }
        for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
            if (h->nlmsg_type == NLMSG_DONE) { say("%s: done, seq %d from %u\n", what, h->nlmsg_seq, from.nl_pid); return; }
            if (h->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr *e = NLMSG_DATA(h);
                say("%s: error %s, flags %x, length %d, of %d\n", what, ename(-e->error), h->nlmsg_flags & 0x100, (int)h->nlmsg_len, e->msg.nlmsg_type);
                return;
            }
            if (h->nlmsg_type == RTM_NEWLINK) {
                struct ifinfomsg *i = NLMSG_DATA(h);
                if (i->ifi_index == 1) say("%s: link 1 type %d flags %x multi %d\n", what, i->ifi_type, i->ifi_flags, h->nlmsg_flags & NLM_F_MULTI);
            } else if (h->nlmsg_type == RTM_NEWADDR) {
                struct ifaddrmsg *a = NLMSG_DATA(h);
                if (a->ifa_index == 1) say("%s: family %d /%d scope %d flags %x\n", what, a->ifa_family, a->ifa_prefixlen, a->ifa_scope, a->ifa_flags);
            } else if (h->nlmsg_type == RTM_NEWROUTE) {
                struct rtmsg *r = NLMSG_DATA(h);
                int oif = 0, len = RTM_PAYLOAD(h);
                for (struct rtattr *a = RTM_RTA(r); RTA_OK(a, len); a = RTA_NEXT(a, len)) if (a->rta_type == RTA_OIF) oif = *(int *)RTA_DATA(a);
                if (oif == 1 && r->rtm_family == AF_INET) say("%s: route /%d table %d type %d scope %d protocol %d\n", what, r->rtm_dst_len, r->rtm_table, r->rtm_type, r->rtm_scope, r->rtm_protocol);
            } else say("%s: message %d\n", what, h->nlmsg_type);
        }
    }
}

int main(void)
{
    fresh();
    nl = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct sockaddr_nl a = { .nl_family = AF_NETLINK };
    socklen_t l = sizeof a;
    t(getsockname(nl, (void *)&a, &l));
    say("family %d pid %u groups %u length %d\n", a.nl_family, a.nl_pid, a.nl_groups, l);
    t(bind(nl, (void *)&a, sizeof a));
    t(getsockname(nl, (void *)&a, &l));
    v(a.nl_pid == (unsigned)getpid());
    t(bind(nl, (void *)&a, sizeof a));
    a.nl_pid++;
    t(bind(nl, (void *)&a, sizeof a));
    t(bind(nl, (void *)&a, 8));
    a.nl_family = AF_INET;
    t(bind(nl, (void *)&a, sizeof a));
    int other = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    a = (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = getpid() };
    t(bind(other, (void *)&a, sizeof a));
    a.nl_pid = 0;
    t(bind(other, (void *)&a, sizeof a));
    t(getsockname(other, (void *)&a, &l));
    v(a.nl_pid != (unsigned)getpid());
    close(other);
    t(getpeername(nl, (void *)&a, &l));
    say("peer %u\n", a.nl_pid);
    say_poll("idle", nl);
    struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
    request(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &i, sizeof i);
    say_poll("answered", nl);
    answers("links");
    struct ifaddrmsg am = { .ifa_family = AF_INET };
    request(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &am, sizeof am);
    answers("addresses");
    struct rtmsg rm = { .rtm_family = AF_INET };
    request(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &rm, sizeof rm);
    answers("routes");
    i.ifi_index = 1;
    request(RTM_GETLINK, NLM_F_REQUEST, &i, sizeof i);
    answers("link 1");
    request(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, &i, sizeof i);
    answers("link 1 with ack");
    i.ifi_index = 9999;
    request(RTM_GETLINK, NLM_F_REQUEST, &i, sizeof i);
    answers("no link");
    int one = 1;
    t(setsockopt(nl, SOL_NETLINK, NETLINK_CAP_ACK, &one, 4));
    request(RTM_GETLINK, NLM_F_REQUEST, &i, sizeof i);
    answers("no link, capped");
    request(RTM_DELLINK, NLM_F_REQUEST, &i, sizeof i);
    answers("delete none");
    request(127, NLM_F_REQUEST, &i, sizeof i);
    answers("unknown");
    request(500, NLM_F_REQUEST, &i, sizeof i);
    answers("far unknown");
    request(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, &i, 0);
    answers("noop");
    request(RTM_GETLINK, 0, &i, sizeof i);
    answers("no request");
    request(RTM_GETLINK, NLM_F_ACK, &i, sizeof i);
    answers("no request, ack");
    t(send(nl, "short", 5, 0));
    answers("short");
    t(setsockopt(nl, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &one, 4));
    int zero = 0, many = 1000;
    t(setsockopt(nl, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &zero, 4));
    t(setsockopt(nl, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &many, 4));
    t(setsockopt(nl, SOL_NETLINK, NETLINK_PKTINFO, &one, 2));
    t(setsockopt(nl, SOL_NETLINK, 99, &one, 4));
    t(setsockopt(nl, SOL_NETLINK, NETLINK_PKTINFO, &one, 4));
    t(opt(nl, SOL_NETLINK, NETLINK_PKTINFO));
    t(opt(nl, SOL_NETLINK, NETLINK_EXT_ACK));
    t(shutdown(nl, SHUT_RD));
    t(listen(nl, 1));
    if (fork() == 0) {
        must(setuid(1000));
        nl = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
        struct ifaddrmsg x = { .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1 };
        request(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK, &x, sizeof x);
        answers("not root");
        struct sockaddr_nl g = { .nl_family = AF_NETLINK, .nl_groups = 1 };
        t(bind(nl, (void *)&g, sizeof g));
        _exit(0);
    }
    wait(0);
    return 0;
}

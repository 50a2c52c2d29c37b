/* Generic netlink TASKSTATS: the family's number, statistics of a thread and of a process, those that end told to who registered for processors, errors. */
#include "../guest.h"
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <linux/acct.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static int s;
static int family;
static char buf[8192];

static int tell(int type, int cmd, int attr, const void *data, int len)
{
    struct { struct nlmsghdr h; struct genlmsghdr g; char a[256]; } m = { .h = { 0, type, NLM_F_REQUEST, 1, 0 }, .g = { cmd, 1, 0 } };
    int size = sizeof m.h + sizeof m.g;
    if (attr) {
        struct nlattr *a = (void *)m.a;
        a->nla_type = attr;
        a->nla_len = NLA_HDRLEN + len;
        memcpy(m.a + NLA_HDRLEN, data, len);
        size += NLA_ALIGN(a->nla_len);
    }
    m.h.nlmsg_len = size;
    return send(s, &m, size, 0);
}
static int hear(int ms)
{
    struct pollfd pf = { s, POLLIN, 0 };
    if (poll(&pf, 1, ms) <= 0) return 0;
    return recv(s, buf, sizeof buf, 0);
}
static struct nlattr *find(char *at, int len, int type)
{
    for (char *end = at + len; at + NLA_HDRLEN <= end;) {
        struct nlattr *a = (void *)at;
        if (a->nla_len < NLA_HDRLEN) break;
        if ((a->nla_type & NLA_TYPE_MASK) == type) return a;
        at += NLA_ALIGN(a->nla_len);
    }
    return 0;
}
#define DATA(a) ((char *)(a) + NLA_HDRLEN)

/* The statistics in the last message, of a thread or a process; 0: there are none, and the error is told. */
static struct taskstats *stats(int aggregate, int kind, unsigned *id)
{
    struct nlmsghdr *h = (void *)buf;
    if (h->nlmsg_type == NLMSG_ERROR) { say("  error %s\n", ename(-((struct nlmsgerr *)NLMSG_DATA(h))->error)); return 0; }
    struct nlattr *all = find(buf + NLMSG_HDRLEN + GENL_HDRLEN, h->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, aggregate);
    if (!all) { return 0; }
    struct nlattr *p = find(DATA(all), all->nla_len - NLA_HDRLEN, kind);
    struct nlattr *t = find(DATA(all), all->nla_len - NLA_HDRLEN, TASKSTATS_TYPE_STATS);
    if (!p || !t) { say("  incomplete\n"); return 0; }
    *id = *(unsigned *)DATA(p);
    static struct taskstats copy[2];
    struct taskstats *c = &copy[kind == TASKSTATS_TYPE_TGID];
    memset(c, 0, sizeof *c);
    memcpy(c, DATA(t), t->nla_len - NLA_HDRLEN < (int)sizeof *c ? t->nla_len - NLA_HDRLEN : (int)sizeof *c);
    return c;
}
static void ask(const char *what, int attr, unsigned value)
{
    say("%s\n", what);
    tell(family, TASKSTATS_CMD_GET, attr, &value, 4);
    if (hear(10000) <= 0) { say("  nothing\n"); return; }
    unsigned id;
    struct taskstats *t = stats(TASKSTATS_TYPE_AGGR_PID, TASKSTATS_TYPE_PID, &id);
    if (t) say("  pid %d version known %d comm %s uid %u gid %u nice %d sched %d parent %d flags %#x elapsed %d cpu %d memory %d exe %d tgid %d\n",
        id == value, t->version >= 14, t->ac_comm, t->ac_uid, t->ac_gid, (signed char)t->ac_nice, t->ac_sched, t->ac_ppid == (unsigned)getppid(), t->ac_flag & (AFORK | AXSIG | AGROUP),
        t->ac_etime > 0, t->ac_utime + t->ac_stime < 100000000, t->hiwater_rss > 100 && t->hiwater_vm > 1000, t->ac_exe_inode != 0, t->ac_tgid == (unsigned)getpid());
    else if (((struct nlmsghdr *)buf)->nlmsg_type != NLMSG_ERROR && (t = stats(TASKSTATS_TYPE_AGGR_TGID, TASKSTATS_TYPE_TGID, &id)))
        say("  tgid %d version known %d comm '%s' elapsed %d\n", id == value, t->version >= 14, t->ac_comm, t->ac_etime > 0);
}
static void error(const char *what) { say("%s\n", what); unsigned id; if (hear(10000) <= 0) say("  nothing\n"); else stats(0, 0, &id); }

/* What is told of the thread or process `pid` that ended; others are passed over. */
static void ended(unsigned pid)
{
    for (;;) {
        if (hear(10000) <= 0) { say("  nothing\n"); return; }
        unsigned id, group;
        struct taskstats *t = stats(TASKSTATS_TYPE_AGGR_PID, TASKSTATS_TYPE_PID, &id);
        if (!t || (id != pid && t->ac_tgid != pid)) continue;
        say("  %s code %#x flags %#x comm %s\n", id == pid ? "it" : "a thread of it", t->ac_exitcode, t->ac_flag & (AFORK | AXSIG | AGROUP), t->ac_comm);
        struct taskstats *g = stats(TASKSTATS_TYPE_AGGR_TGID, TASKSTATS_TYPE_TGID, &group);
        if (g) say("  with its process %d\n", group == pid);
        if (t->ac_flag & AGROUP) return;
    }
}
static void *thread(void *x) { prctl(PR_SET_NAME, "thread"); return x; }

int main(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (s < 0) skip("no generic netlink");
    /* What the rest of the machine does is told, too. */
    int room = 16 << 20;
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    struct sockaddr_nl a = { .nl_family = AF_NETLINK };
    must(bind(s, (void *)&a, sizeof a));
    tell(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, "TASKSTATS", 10);
    hear(10000);
    struct nlmsghdr *h = (void *)buf;
    struct nlattr *id = h->nlmsg_type == NLMSG_ERROR ? 0 : find(buf + NLMSG_HDRLEN + GENL_HDRLEN, h->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);
    if (!id) skip("no TASKSTATS");
    family = *(unsigned short *)DATA(id);
    struct nlattr *version = find(buf + NLMSG_HDRLEN + GENL_HDRLEN, h->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, CTRL_ATTR_VERSION);
    v(family > GENL_ID_CTRL);
    v(*(unsigned *)DATA(version));
    prctl(PR_SET_NAME, "stats");
    nap(20);
    ask("ourselves", TASKSTATS_CMD_ATTR_PID, getpid());
    ask("our process", TASKSTATS_CMD_ATTR_TGID, getpid());
    ask("nobody", TASKSTATS_CMD_ATTR_PID, 0x3ffffff);
    ask("nobody's process", TASKSTATS_CMD_ATTR_TGID, 0x3ffffff);
    tell(family, TASKSTATS_CMD_GET, 0, 0, 0); error("nothing asked");
    tell(family, 77, 0, 0, 0); error("no command");
    tell(family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, "x", 2); error("no list");
    tell(family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, "3-1", 4); error("backwards");
    tell(family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, "0-100000", 9); error("too many");

    char list[32];
    snprintf(list, sizeof list, "0-%ld", sysconf(_SC_NPROCESSORS_ONLN) - 1);
    tell(family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, list, strlen(list) + 1);
    say("a process ends\n");
    pid_t c = fork();
    if (c == 0) { prctl(PR_SET_NAME, "child"); _exit(7); }
    waitpid(c, 0, 0);
    ended(c);
    say("killed\n");
    c = fork();
    if (c == 0) { prctl(PR_SET_NAME, "child"); raise(SIGKILL); }
    waitpid(c, 0, 0);
    ended(c);
    say("one with a thread\n");
    c = fork();
    if (c == 0) { prctl(PR_SET_NAME, "child"); pthread_t t; pthread_create(&t, 0, thread, 0); pthread_join(t, 0); exit(0); }
    waitpid(c, 0, 0);
    ended(c);
    tell(family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK, list, strlen(list) + 1);
    say("without rights\n");
    c = spawn({
        s = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
        struct sockaddr_nl b = { .nl_family = AF_NETLINK };
        must(bind(s, (void *)&b, sizeof b));
        must(setuid(1000));
        ask("  as somebody", TASKSTATS_CMD_ATTR_PID, getpid());
    });
    reap(c, "child");
    return 0;
}

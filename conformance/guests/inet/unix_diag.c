/* sock_diag(7) of Unix sockets: what ss -x asks for, of one socket and of all. */
#include "../guest.h"
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/un.h>

static int nl, named[8];
static ino_t inodes[8];

static ino_t inode_of(int fd)
{
    struct stat st;
    fstat(fd, &st);
    return st.st_ino;
}

/* Which of ours an inode number is; -1: none. */
static int which(ino_t ino)
{
    for (int i = 0; i < COUNT(inodes); i++)
        if (inodes[i] && inodes[i] == ino) return i;
    return -1;
}

static void describe(struct nlmsghdr *h)
{
    struct unix_diag_msg *m = NLMSG_DATA(h);
    say("socket %d: family %d type %d state %d\n", which(m->udiag_ino), m->udiag_family, m->udiag_type, m->udiag_state);
    struct nlattr *a = (void *)(m + 1);
    for (int left = h->nlmsg_len - NLMSG_LENGTH(sizeof *m); left >= (int)sizeof *a;) {
        unsigned *w = (void *)(a + 1);
        int size = a->nla_len - sizeof *a;
        struct stat st;
        switch (a->nla_type) {
        case UNIX_DIAG_NAME: {
            const char *name = (void *)w, *base = memrchr(name, '/', size);
            int skip = base ? base + 1 - name : 0;
            say("  name %s%.*s\n", *name ? "" : "@", size - skip - !*name, name + skip + !*name);
            break;
        }
        case UNIX_DIAG_VFS: stat("diag.sock", &st); say("  inode in the tree %s, device %d\n", w[0] == (unsigned)st.st_ino ? "right" : "wrong", w[1] != 0); break;
        case UNIX_DIAG_PEER: say("  peer %d\n", which(w[0])); break;
        case UNIX_DIAG_ICONS: for (int i = 0; i < size / 4; i++) say("  waits: %d\n", which(w[i])); break;
        case UNIX_DIAG_RQLEN: say("  lengths %u, %s\n", w[0], m->udiag_state == 10 ? (w[1] == 3 ? "3" : "?") : w[1] ? "some" : "none"); break;
        case UNIX_DIAG_SHUTDOWN: say("  shutdown %d\n", *(unsigned char *)w); break;
        case UNIX_DIAG_UID: say("  uid %s\n", w[0] == getuid() ? "mine" : "not mine"); break;
        default: say("  attribute %d\n", a->nla_type);
        }
        left -= NLA_ALIGN(a->nla_len);
        a = (void *)((char *)a + NLA_ALIGN(a->nla_len));
    }
}

static void ask(const char *what, ino_t ino, int flags, unsigned states, unsigned cookie)
{
    struct { struct nlmsghdr h; struct unix_diag_req r; } q = {
        .h = {.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | flags},
        .r = {.sdiag_family = AF_UNIX, .udiag_states = states, .udiag_ino = ino, .udiag_cookie = {cookie, cookie},
              .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID},
    };
    static char buf[1 << 16];
    int found = 0;
    say("%s\n", what);
    if (send(nl, &q, sizeof q, 0) < 0) say("send: %s\n", ename(errno));
    for (;;) {
        ssize_t n = recv(nl, buf, sizeof buf, 0);
        if (n < 0) { say("recv: %s\n", ename(errno)); return; }
        for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
            if (h->nlmsg_type == NLMSG_DONE) { say("done, %d of ours\n", found); return; }
            if (h->nlmsg_type == NLMSG_ERROR) { say("error %s\n", ename(-((struct nlmsgerr *)NLMSG_DATA(h))->error)); return; }
            if (flags & NLM_F_DUMP) found += which(((struct unix_diag_msg *)NLMSG_DATA(h))->udiag_ino) >= 0;
            else { describe(h); return; }
        }
    }
}

int main(void)
{
    struct sockaddr_un path = {AF_UNIX, "diag.sock"}, abstract = {AF_UNIX, "\0unix-diag-guest"};
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 16;
    nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
    unlink("diag.sock");
    named[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(named[0], (void *)&path, sizeof path);
    listen(named[0], 3);
    for (int i = 1; i <= 2; i++) {
        named[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        connect(named[i], (void *)&path, sizeof path);
    }
    named[3] = accept(named[0], 0, 0);
    send(named[1], "hello", 5, 0);
    named[4] = socket(AF_UNIX, SOCK_DGRAM, 0);
    bind(named[4], (void *)&abstract, length);
    named[5] = socket(AF_UNIX, SOCK_DGRAM, 0);
    connect(named[5], (void *)&abstract, length);
    send(named[5], "first", 5, 0);
    send(named[5], "second", 6, 0);
    shutdown(named[2], SHUT_WR);
    named[6] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    for (int i = 0; i <= 6; i++) inodes[i] = inode_of(named[i]);
    for (int i = 0; i <= 6; i++) ask("one", inodes[i], 0, -1, -1);
    ask("another cookie", inodes[0], 0, -1, 12345);
    ask("no such", 0x7ffffff0, 0, -1, -1);
    ask("none", 0, 0, -1, -1);
    ask("all", 0, NLM_F_DUMP, -1, 0);
    ask("listeners", 0, NLM_F_DUMP, 1 << 10, 0);
    ask("connected", 0, NLM_F_DUMP, 1 << 1, 0);
    unlink("diag.sock");
    return 0;
}

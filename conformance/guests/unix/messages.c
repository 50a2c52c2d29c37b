/* recvmsg(2), sendmsg(2), recvmmsg(2), sendmmsg(2): vectors, flags, msg_flags, truncation, MSG_WAITALL, MSG_PEEK with SO_PEEK_OFF, MSG_NOSIGNAL,
 * SO_RCVTIMEO, control messages refused, credentials claimed. */
#include "../guest.h"
#include "unix.h"

static struct msghdr mh;
static struct iovec io[4];
static char b1[16], b2[16];
static struct msghdr *two(int a, int b)
{
    memset(b1, '.', 16);
    memset(b2, '.', 16);
    io[0] = (struct iovec){ b1, a };
    io[1] = (struct iovec){ b2, b };
    mh = (struct msghdr){ .msg_iov = io, .msg_iovlen = 2 };
    return &mh;
}
static void creds(const char *what, int s, pid_t pid, uid_t uid)
{
    union { char c[CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr h; } c;
    memset(&c, 0, sizeof c);
    struct ucred u = { pid, uid, getgid() };
    io[0] = (struct iovec){ "c", 1 };
    mh = (struct msghdr){ .msg_iov = io, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
    struct cmsghdr *h = CMSG_FIRSTHDR(&mh);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_CREDENTIALS;
    h->cmsg_len = CMSG_LEN(sizeof u);
    memcpy(CMSG_DATA(h), &u, sizeof u);
    long r = sendmsg(s, &mh, 0);
    say("%s: %s\n", what, r < 0 ? ename(errno) : "sent");
}
static void who(int s)
{
    union { char c[CMSG_SPACE(sizeof(struct ucred)) + 64]; struct cmsghdr h; } c;
    io[0] = (struct iovec){ b1, 16 };
    mh = (struct msghdr){ .msg_iov = io, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
    long n = recvmsg(s, &mh, MSG_DONTWAIT);
    struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&mh) : 0;
    if (!h) { say("  no credentials (%s)\n", n < 0 ? ename(errno) : "data"); return; }
    struct ucred *u = (void *)CMSG_DATA(h);
    say("  pid %s uid %d gid %d\n", u->pid == getpid() ? "mine" : u->pid == getppid() ? "parent's" : u->pid == 0 ? "0" : "other", u->uid, u->gid);
}

int main(void)
{
    fresh();
    xmkdtemp();
    signal(SIGPIPE, SIG_IGN);
    int s[2], d[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, d));
    io[0] = (struct iovec){ "abc", 3 };
    io[1] = (struct iovec){ 0, 0 };
    io[2] = (struct iovec){ "defgh", 5 };
    mh = (struct msghdr){ .msg_iov = io, .msg_iovlen = 3 };
    t(sendmsg(s[0], &mh, 0));
    t(sendmsg(d[0], &mh, 0));
    t(recvmsg(s[1], two(2, 4), 0));
    show("first", b1, 4);
    show("second", b2, 6);
    t(recvmsg(s[1], two(2, 4), MSG_PEEK));
    t(recvmsg(s[1], two(2, 4), 0));
    t(recvmsg(d[1], two(2, 3), MSG_TRUNC | MSG_PEEK));
    say("flags %#x\n", mh.msg_flags);
    t(recvmsg(d[1], two(2, 3), 0));
    say("flags %#x\n", mh.msg_flags);
    t(recvmsg(d[1], two(2, 3), MSG_DONTWAIT));
    mh = (struct msghdr){ .msg_iov = io, .msg_iovlen = 0 };
    t(sendmsg(d[0], &mh, 0));
    t(recvmsg(d[1], two(2, 3), MSG_DONTWAIT));
    mh.msg_iovlen = 1025;
    t(sendmsg(s[0], &mh, 0));
    t(recvmsg(s[1], &mh, 0));
    mh = (struct msghdr){ .msg_iov = (void *)8, .msg_iovlen = 1 };
    t(sendmsg(s[0], &mh, 0));

    say("-- MSG_WAITALL\n");
    pid_t p = spawn({ write(s[0], "12", 2); settle(getppid()); write(s[0], "345", 3); settle(getppid()); write(s[0], "67", 2); });
    t(recvmsg(s[1], two(3, 4), MSG_WAITALL));
    show("first", b1, 3);
    show("second", b2, 4);
    reap(p, "writer");
    p = spawn({ close(s[1]); write(s[0], "xy", 2); shutdown(s[0], SHUT_WR); });
    reap(p, "writer");
    t(recvmsg(s[1], two(3, 4), MSG_WAITALL));
    t(recvmsg(s[1], two(3, 4), MSG_WAITALL));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    struct timeval tv = { 0, 30000 };
    t(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    write(s[0], "ab", 2);
    t(recv(s[1], b1, 16, MSG_WAITALL));
    t(recv(s[1], b1, 16, 0));
    tv = (struct timeval){ 0, 0 };
    setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    say("-- peeking at an offset\n");
    int off = 0;
    socklen_t len = sizeof off;
    t(getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len));
    v(off);
    off = 2;
    t(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off));
    write(s[0], "0123456789", 10);
    t(recv(s[1], b1, 3, MSG_PEEK));
    show("peek", b1, 3);
    t(recv(s[1], b1, 3, MSG_PEEK));
    show("peek on", b1, 3);
    t(recv(s[1], b1, 4, 0));
    show("read", b1, 4);
    getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len);
    v(off);
    t(recv(s[1], b1, 16, 0));

    say("-- several messages in one call\n");
    struct mmsghdr mm[4];
    struct iovec mio[4];
    char mb[4][8];
    for (int i = 0; i < 4; i++) { snprintf(mb[i], 8, "msg%d", i); mio[i] = (struct iovec){ mb[i], 4 + i }; mm[i] = (struct mmsghdr){ { .msg_iov = &mio[i], .msg_iovlen = 1 }, 99 }; }
    t(sendmmsg(d[0], mm, 4, 0));
    say("lengths %u %u %u %u\n", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len, mm[3].msg_len);
    for (int i = 0; i < 4; i++) { memset(mb[i], 0, 8); mio[i].iov_len = 5; mm[i].msg_len = 99; }
    t(recvmmsg(d[1], mm, 3, 0, 0));
    for (int i = 0; i < 3; i++) say("  %.5s length %u flags %#x\n", mb[i], mm[i].msg_len, mm[i].msg_hdr.msg_flags);
    t(recvmmsg(d[1], mm, 4, MSG_DONTWAIT, 0));
    t(recvmmsg(d[1], mm, 4, MSG_DONTWAIT, 0));
    send(d[0], "one", 3, 0);
    t(recvmmsg(d[1], mm, 4, MSG_WAITFORONE, 0));
    struct timespec ts = { 0, 10000000 };
    for (int i = 0; i < 2; i++) send(d[0], "two", 3, 0);
    t(recvmmsg(d[1], mm, 2, 0, &ts));
    t(sendmmsg(d[0], mm, 0, 0));
    mio[1].iov_base = (void *)8;
    t(sendmmsg(d[0], mm, 3, 0));
    t(recvmmsg(d[1], mm, 1, MSG_DONTWAIT, &(struct timespec){ 0, 1000000000 }));
    while (recv(d[1], b1, 16, MSG_DONTWAIT) > 0) {}

    say("-- credentials\n");
    int on_ = 1;
    setsockopt(d[1], SOL_SOCKET, SO_PASSCRED, &on_, sizeof on_);
    creds("own", d[0], getpid(), 0);
    who(d[1]);
    creds("root claims another user", d[0], getpid(), 1234);
    who(d[1]);
    send(d[0], "plain", 5, 0);
    who(d[1]);
    p = spawn({
        setuid(1000);
        creds("user claims root", d[0], getpid(), 0);
        creds("user claims another process", d[0], getppid(), 1000);
        creds("user's own", d[0], getpid(), 1000);
    });
    reap(p, "user");
    who(d[1]);
    who(d[1]);
    on_ = 0;
    setsockopt(d[1], SOL_SOCKET, SO_PASSCRED, &on_, sizeof on_);
    creds("not asked for", d[0], getpid(), 0);
    who(d[1]);
    char junk[64] = { 0 };
    struct cmsghdr *h = (void *)junk;
    h->cmsg_len = 5;
    io[0] = (struct iovec){ "x", 1 };
    mh = (struct msghdr){ .msg_iov = io, .msg_iovlen = 1, .msg_control = junk, .msg_controllen = 32 };
    t(sendmsg(d[0], &mh, 0));
    h->cmsg_len = 20;
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = 99;
    t(sendmsg(d[0], &mh, 0));
    h->cmsg_level = 77;
    t(sendmsg(d[0], &mh, 0));
    mh.msg_controllen = 3;
    t(sendmsg(d[0], &mh, 0));
    return 0;
}

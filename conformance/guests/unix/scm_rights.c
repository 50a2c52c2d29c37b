/* unix(7): SCM_RIGHTS passes open file descriptions (offset and flags shared), close-on-exec on request, truncation of
 * the control buffer, several fds in one message, SCM_CREDENTIALS, messages with rights break a stream read. */
#include "../guest.h"
#include <sys/socket.h>

static int sv[2];
static long send_fds(int s, const char *text, int n, int *fds)
{
    char c[CMSG_SPACE(sizeof(int) * 300)];
    memset(c, 0, sizeof c);
    struct iovec io = { (void *)text, strlen(text) };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = c, .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(h), fds, sizeof(int) * n);
    return sendmsg(s, &m, 0);
}
static int recv_fds(int s, int space, int flags, int *out)
{
    char c[1024], b[64];
    struct iovec io = { b, sizeof b };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = c, .msg_controllen = space };
    memset(c, 0, sizeof c);
    ssize_t n = recvmsg(s, &m, flags);
    if (n < 0) { say("  recvmsg: %s\n", ename(errno)); return -1; }
    int k = 0;
    say("  %ld bytes \"%.*s\", flags %#x, control %ld", (long)n, (int)n, b, m.msg_flags, (long)m.msg_controllen);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        if (h->cmsg_type == SCM_RIGHTS) {
            k = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            say(", %d fds:", k);
            for (int i = 0; i < k; i++) { out[i] = ((int *)CMSG_DATA(h))[i]; say(" %d", out[i]); }
        } else if (h->cmsg_type == SCM_CREDENTIALS) {
            struct ucred *u = (void *)CMSG_DATA(h);
            say(", credentials pid mine %d uid %d gid %d", u->pid == getpid(), u->uid, u->gid);
        } else say(", type %d", h->cmsg_type);
    }
    say("\n");
    return k;
}

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "abcdefghij");
    int fd = must(open("f", O_RDWR)), got[300], p[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    must(pipe(p));
    t(send_fds(sv[0], "one", 1, &fd));
    recv_fds(sv[1], 1024, 0, got);
    char b[16] = { 0 };
    t(read(got[0], b, 3));
    t(lseek(fd, 0, SEEK_CUR));
    t(fcntl(got[0], F_SETFL, O_APPEND));
    say("append seen through the original %d, cloexec %d\n", !!(fcntl(fd, F_GETFL) & O_APPEND), fcntl(got[0], F_GETFD));
    close(got[0]);
    send_fds(sv[0], "two", 2, p);
    recv_fds(sv[1], 1024, MSG_CMSG_CLOEXEC, got);
    v(fcntl(got[1], F_GETFD));
    t(write(got[1], "pipe", 4));
    slurp("through the pipe", p[0]);
    close(got[0]);
    close(got[1]);

    say("-- in flight only\n");
    send_fds(sv[0], "w", 1, &p[1]);
    close(p[1]);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    slurp("still a writer", p[0]);
    recv_fds(sv[1], 0, 0, got);
    slurp("discarded: no writer left", p[0]);
    must(pipe(p));
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    send_fds(sv[0], "w", 1, &p[1]);
    close(p[1]);
    read(sv[1], b, 5);
    slurp("read(2) drops it too", p[0]);

    say("-- boundaries\n");
    write(sv[0], "plain", 5);
    send_fds(sv[0], "RIGHTS", 1, &fd);
    write(sv[0], "after", 5);
    recv_fds(sv[1], 1024, 0, got);
    recv_fds(sv[1], 1024, 0, got);
    recv_fds(sv[1], 1024, MSG_DONTWAIT, got);

    say("-- truncated control\n");
    int four[4] = { fd, fd, fd, fd };
    send_fds(sv[0], "4", 4, four);
    recv_fds(sv[1], CMSG_SPACE(8), 0, got);
    send_fds(sv[0], "4", 4, four);
    recv_fds(sv[1], CMSG_LEN(4), 0, got);
    send_fds(sv[0], "4", 4, four);
    recv_fds(sv[1], 8, 0, got);
    send_fds(sv[0], "pk", 1, &fd);
    recv_fds(sv[1], 1024, MSG_PEEK, got);
    recv_fds(sv[1], 1024, 0, got);

    say("-- errors\n");
    int many[300];
    for (int i = 0; i < 300; i++) many[i] = fd;
    t(send_fds(sv[0], "m", 253, many));
    recv_fds(sv[1], 0, 0, got);
    t(send_fds(sv[0], "m", 254, many));
    many[1] = 999;
    t(send_fds(sv[0], "m", 2, many));
    many[1] = -1;
    t(send_fds(sv[0], "m", 2, many));
    t(send_fds(sv[0], "", 1, many));
    t(recv(sv[1], b, 1, MSG_DONTWAIT));

    say("-- credentials\n");
    int on_ = 1;
    setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on_, sizeof on_);
    write(sv[0], "c", 1);
    recv_fds(sv[1], 1024, 0, got);
    send_fds(sv[0], "both", 1, &fd);
    recv_fds(sv[1], 1024, 0, got);
    return 0;
}

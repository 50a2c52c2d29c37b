/* seccomp_unotify(2): a supervisor receives calls, answers them, lets them pass, adds descriptors; polling, interruption, ends. */
#include "bpf.h"

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %ld %s\n", what, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

static int sockets[2];
/* What the child saw: printed when both are done, so that the order of lines is one. */
static char (*seen)[64];

static void send_fd(int s, int fd)
{
    char c = 0, ctl[CMSG_SPACE(sizeof fd)] = { 0 };
    struct iovec iov = { &c, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl };
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(h), &fd, sizeof fd);
    sendmsg(s, &m, 0);
}

static int recv_fd(int s)
{
    char c, ctl[CMSG_SPACE(sizeof(int))];
    struct iovec iov = { &c, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl };
    recvmsg(s, &m, 0);
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static int revents(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    return p.revents;
}

static struct seccomp_notif receive(int fd)
{
    struct seccomp_notif n;
    memset(&n, 0, sizeof n);
    TRY("receive", ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n));
    return n;
}

static void answer(int fd, uint64_t id, int error, int64_t val, unsigned flags)
{
    struct seccomp_notif_resp r = { .id = id, .error = error, .val = val, .flags = flags };
    TRY("answer", ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r));
}

static void on_usr1(int s) { sprintf(seen[7], "  %s in the child\n", signame(s)); }

int main(void)
{
    fresh();
    seen = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    pid_t p = spawn({
        nnp();
        struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
        sigaction(SIGUSR1, &sa, 0);
        long fd = INSTALL(SECCOMP_FILTER_FLAG_NEW_LISTENER, ON(SYS_getppid, SECCOMP_RET_USER_NOTIF));
        say("listener %d cloexec %d\n", fd >= 0, fcntl(fd, F_GETFD));
        char link[64], name[64] = { 0 };
        snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
        readlink(link, name, sizeof name - 1);
        say("%s\n", name);
        TRY("second listener", INSTALL(SECCOMP_FILTER_FLAG_NEW_LISTENER, ON(SYS_getppid, SECCOMP_RET_USER_NOTIF)));
        send_fd(sockets[1], fd);
        close(fd);
        for (int i = 0; i < 6; i++) {
            errno = 0;
            long r = syscall(SYS_getppid, 1, 2, 3, 4, 5, 6);
            sprintf(seen[i], "  call %d: %ld %s\n", i, i == 2 ? r > 0 : r, r < 0 ? ename(errno) : "0");
        }
        char b[8] = { 0 };
        long got = read(20, b, 5);
        sprintf(seen[6], "  descriptor read %ld '%s' cloexec %d\n", got, b, fcntl(20, F_GETFD));
        syscall(SYS_getppid);
        say("not reached\n");
    });
    int fd = recv_fd(sockets[0]);
    struct seccomp_notif n;
    memset(&n, 0, sizeof n);
    n.flags = 1;
    TRY("receive into garbage", ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n));
    n = receive(fd);
    say("pid %d nr %d arch %x args %llu %llu %llu flags %x\n", n.pid == p, n.data.nr == SYS_getppid, n.data.arch,
        n.data.args[0], n.data.args[2], n.data.args[5], n.flags);
    say("poll %x\n", revents(fd));
    TRY("valid", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id));
    uint64_t wrong = n.id + 1;
    TRY("wrong id", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &wrong));
    answer(fd, wrong, 0, 1, 0);
    answer(fd, n.id, 0, 1, 2);
    answer(fd, n.id, 0, 1, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    answer(fd, n.id, 0, 0x123456789abll, 0);
    n = receive(fd);
    answer(fd, n.id, -EXDEV, 0, 0);
    n = receive(fd);
    answer(fd, n.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    /* a signal interrupts; the call is made again */
    n = receive(fd);
    kill(p, SIGUSR1);
    struct seccomp_notif m = receive(fd);
    say("another id %d\n", m.id != n.id);
    answer(fd, n.id, 0, 1, 0);
    answer(fd, m.id, 0, 33, 0);
    /* descriptors */
    n = receive(fd);
    int pp[2];
    pipe(pp);
    write(pp[1], "hello", 5);
    struct seccomp_notif_addfd add = { .id = n.id, .srcfd = 999 };
    TRY("addfd, bad descriptor", ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add));
    add.srcfd = pp[0];
    add.newfd = 20;
    TRY("addfd, number without flag", ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add));
    add.flags = SECCOMP_ADDFD_FLAG_SETFD;
    add.newfd_flags = 1;
    TRY("addfd, unknown flag", ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add));
    add.newfd_flags = O_CLOEXEC;
    TRY("addfd", ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add));
    answer(fd, n.id, 0, 44, 0);
    n = receive(fd);
    add = (struct seccomp_notif_addfd){ .id = n.id, .srcfd = pp[1], .flags = SECCOMP_ADDFD_FLAG_SEND };
    long sent = ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    say("addfd and send %d\n", sent >= 0);
    n = receive(fd);
    kill(p, SIGKILL);
    int st;
    waitpid(p, &st, 0);
    for (int i = 0; i < 8; i++) say("%s", seen[i]);
    say("killed while waiting: %s\n", signame(WTERMSIG(st)));
    say("poll %x\n", revents(fd));
    TRY("valid", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id));
    memset(&n, 0, sizeof n);
    TRY("receive, nobody left", ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n));
    close(fd);

    /* the listener goes */
    p = spawn({
        nnp();
        long l = INSTALL(SECCOMP_FILTER_FLAG_NEW_LISTENER, ON(SYS_getppid, SECCOMP_RET_USER_NOTIF));
        send_fd(sockets[1], l);
        close(l);
        char c;
        read(sockets[1], &c, 1);
        TRY("  no listener", syscall(SYS_getppid));
        TRY("  no listener", syscall(SYS_getppid));
    });
    fd = recv_fd(sockets[0]);
    write(sockets[0], "x", 1);
    n = receive(fd);
    close(fd);
    waitpid(p, 0, 0);
    return 0;
}

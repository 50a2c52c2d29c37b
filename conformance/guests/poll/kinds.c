/* poll(2), epoll(7), select(2) on every kind of file: what is ready when nothing has happened, after data, after the other end has gone; which kinds epoll refuses. */
#include "../guest.h"
#include <mqueue.h>
#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static void kind(const char *name, int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDBAND | POLLWRBAND | POLLRDNORM | POLLWRNORM, 0 };
    int r = poll(&p, 1, 0);
    fd_set rs, ws, es;
    FD_ZERO(&rs);
    FD_ZERO(&ws);
    FD_ZERO(&es);
    int s = -1;
    if (fd >= 0) { FD_SET(fd, &rs); FD_SET(fd, &ws); FD_SET(fd, &es); s = select(fd + 1, &rs, &ws, &es, &(struct timeval){ 0, 0 }); }
    int ep = epoll_create1(0);
    struct epoll_event e = { EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP, { 0 } };
    int er = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), en = er ? errno : 0;
    int ew = er ? 0 : epoll_wait(ep, &e, 1, 0);
    close(ep);
    say("%s: poll %d %#x, select ", name, r, p.revents);
    if (s < 0) say("%s", ename(EBADF));
    else say("%d%d%d", !!FD_ISSET(fd, &rs), !!FD_ISSET(fd, &ws), !!FD_ISSET(fd, &es));
    if (er) say(", epoll %s\n", ename(en));
    else say(", epoll %d %#x\n", ew, ew > 0 ? e.events : 0);
}

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "data");
    mkfifo("fifo", 0600);
    int p[2], s[2], d[2], m, t_;
    char b[16];
    kind("regular file", open("f", O_RDWR));
    kind("empty file, write-only", open("g", O_WRONLY | O_CREAT, 0600));
    kind("directory", open(".", O_RDONLY));
    kind("O_PATH", open("f", O_PATH));
    close(dup2(0, 127)); /* select(2) looks no further than the table has grown, which depends on the parent */
    kind("closed", 99);
    kind("/dev/null", open("/dev/null", O_RDWR));
    kind("/dev/zero", open("/dev/zero", O_RDWR));
    kind("/proc/version", open("/proc/version", O_RDONLY));
    kind("/proc/self/mounts", open("/proc/self/mounts", O_RDONLY));
    must(pipe(p));
    kind("pipe, read end", p[0]);
    kind("pipe, write end", p[1]);
    write(p[1], "x", 1);
    kind("with data", p[0]);
    close(p[1]);
    kind("writer gone", p[0]);
    read(p[0], b, 1);
    kind("and empty", p[0]);
    must(pipe(p));
    close(p[0]);
    kind("reader gone", p[1]);
    int ff = open("fifo", O_RDWR | O_NONBLOCK);
    kind("fifo, both ways", ff);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    kind("stream pair", s[0]);
    write(s[1], "x", 1);
    kind("with data", s[0]);
    shutdown(s[1], SHUT_WR);
    kind("peer shut for writing", s[0]);
    kind("the peer itself", s[1]);
    close(s[1]);
    kind("peer closed", s[0]);
    kind("fresh socket", socket(AF_UNIX, SOCK_STREAM, 0));
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, d));
    kind("datagram pair", d[0]);
    close(d[1]);
    kind("peer closed", d[0]);
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr sa = { AF_UNIX, { 0 } };
    bind(l, &sa, 2);
    listen(l, 1);
    kind("listening", l);
    struct sockaddr_storage ss;
    socklen_t sl = sizeof ss;
    getsockname(l, (void *)&ss, &sl);
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(c, (void *)&ss, sl);
    kind("with a connection", l);
    kind("connected", c);
    kind("eventfd 0", eventfd(0, 0));
    kind("eventfd 1", eventfd(1, 0));
    int e = eventfd(0, 0);
    write(e, &(uint64_t){ ~0ULL - 1 }, 8);
    kind("eventfd full", e);
    int tf = timerfd_create(CLOCK_MONOTONIC, 0);
    kind("timerfd", tf);
    timerfd_settime(tf, TFD_TIMER_ABSTIME, &(struct itimerspec){ .it_value = { 1, 0 } }, 0);
    nap(5);
    kind("expired", tf);
    sigset_t set = sigs(SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    int sf = signalfd(-1, &set, 0);
    kind("signalfd", sf);
    raise(SIGUSR1);
    kind("with a signal", sf);
    int in = inotify_init();
    kind("inotify", in);
    inotify_add_watch(in, ".", IN_CREATE);
    put("h", "");
    kind("with an event", in);
    int ep = epoll_create1(0);
    kind("epoll", ep);
    epoll_ctl(ep, EPOLL_CTL_ADD, tf, &(struct epoll_event){ EPOLLIN, { 0 } });
    kind("epoll with a ready one", ep);
    pid_t k = spawn(for (;;) pause());
    int pf = syscall(SYS_pidfd_open, k, 0);
    kind("pidfd", pf);
    kill(k, SIGKILL);
    settle_in(k, k, "Z");
    kind("of a zombie", pf);
    waitpid(k, 0, 0);
    kind("of one waited for", pf);
    must(openpty(&m, &t_, 0, 0, 0));
    kind("terminal, master", m);
    kind("terminal, slave", t_);
    write(t_, "out", 3);
    struct pollfd w = { m, POLLIN, 0 };
    poll(&w, 1, 2000);
    kind("master with output", m);
    close(t_);
    read(m, b, 3);
    kind("slave closed", m);
    char name[32];
    snprintf(name, 32, "/guest-%d", getpid());
    struct mq_attr at = { .mq_maxmsg = 1, .mq_msgsize = 8 };
    mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &at);
    mq_unlink(name);
    kind("message queue", q);
    mq_send(q, "m", 1, 0);
    kind("message queue, full", q);
    kind("memfd", syscall(SYS_memfd_create, "m", 0));
    return 0;
}

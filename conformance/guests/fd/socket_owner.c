/* FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP on sockets of every family and on what is no socket; SIGIO and the
 * siginfo of a chosen signal (F_SETSIG, F_SETOWN_EX) when data arrive, room is made, or the peer goes. */
#include "../guest.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define FIOSETOWN 0x8901
#define SIOCSPGRP 0x8902
#define FIOGETOWN 0x8903
#define SIOCGPGRP 0x8904

static sigset_t chosen;

static void hear(const char *what, int fd)
{
    siginfo_t si;
    struct timespec some = { 2, 0 }, none = { 0, 0 };
    int s = sigtimedwait(&chosen, &si, &some);
    if (s < 0) {
        say("  %s: nothing\n", what);
        return;
    }
    int more = 0;
    say("  %s: %s code %d band %#lx, its descriptor %d\n", what, s == SIGIO ? "SIGIO" : "chosen", si.si_code,
        s == SIGIO ? 0L : (long)si.si_band, s == SIGIO ? 1 : si.si_fd == fd);
    while (sigtimedwait(&chosen, &si, &none) > 0) more++;
    if (more > 3) say("  and many more\n");
}

static void quiet(const char *what)
{
    siginfo_t si;
    struct timespec some = { 0, 20000000 };
    if (sigtimedwait(&chosen, &si, &some) > 0) say("  %s: unexpected\n", what);
}

static void numbers(int fd)
{
    int n = 1;
    t(ioctl(fd, FIOGETOWN, &n));
    v(n);
    n = getpid();
    t(ioctl(fd, FIOSETOWN, &n));
    n = 0;
    t(ioctl(fd, SIOCGPGRP, &n));
    v(n == getpid());
    v(fcntl(fd, F_GETOWN) == getpid());
    n = -getpgrp();
    t(ioctl(fd, SIOCSPGRP, &n));
    n = 0;
    t(ioctl(fd, FIOGETOWN, &n));
    v(n == -getpgrp());
    n = 1 << 22;
    t(ioctl(fd, FIOSETOWN, &n));
    n = -(1 << 22);
    t(ioctl(fd, SIOCSPGRP, &n));
    n = (int)0x80000000;
    t(ioctl(fd, FIOSETOWN, &n));
    t(ioctl(fd, FIOSETOWN, 8));
    t(ioctl(fd, SIOCSPGRP, 0));
    t(ioctl(fd, FIOGETOWN, 8));
    t(ioctl(fd, SIOCGPGRP, 0));
    n = 0;
    t(ioctl(fd, FIOGETOWN, &n));
    v(n == -getpgrp());
    n = 0;
    t(ioctl(fd, SIOCSPGRP, &n));
    t(ioctl(fd, SIOCGPGRP, &n));
    v(n);
}

static void arm(int fd, int sig)
{
    struct f_owner_ex me = { F_OWNER_TID, (pid_t)syscall(SYS_gettid) };
    int yes = 1;
    must(fcntl(fd, F_SETOWN_EX, &me));
    must(fcntl(fd, F_SETSIG, sig));
    must(ioctl(fd, FIOASYNC, &yes));
}

static void pair(const char *name, int domain, int type)
{
    int s[2];
    char b[16];
    say("-- %s\n", name);
    must(socketpair(domain, type, 0, s));
    numbers(s[0]);
    quiet("before");
    arm(s[0], SIGRTMIN + 3);
    quiet("armed");
    must(write(s[1], "a", 1));
    hear("data", s[0]);
    must(read(s[0], b, 16));
    quiet("read");
    must(fcntl(s[0], F_SETSIG, 0));
    must(write(s[1], "a", 1));
    hear("data", s[0]);
    must(fcntl(s[0], F_SETSIG, SIGRTMIN + 3));
    close(s[1]);
    hear("the peer goes", s[0]);
    close(s[0]);
}

static void datagrams(const char *name, int domain)
{
    struct sockaddr_storage a = { .ss_family = domain };
    socklen_t len = domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (domain == AF_INET) ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
    say("-- datagrams, %s\n", name);
    int r = socket(domain, SOCK_DGRAM, 0), w = socket(domain, SOCK_DGRAM, 0);
    must(bind(r, (struct sockaddr *)&a, len));
    must(getsockname(r, (struct sockaddr *)&a, &len));
    numbers(r);
    arm(r, SIGRTMIN + 3);
    must(sendto(w, "a", 1, 0, (struct sockaddr *)&a, len));
    hear("data", r);
    must(fcntl(r, F_SETSIG, 0));
    must(sendto(w, "a", 1, 0, (struct sockaddr *)&a, len));
    hear("data", r);
    close(r);
    close(w);
}

static void tcp(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    say("-- TCP\n");
    int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(l, (struct sockaddr *)&a, len));
    must(listen(l, 4));
    must(getsockname(l, (struct sockaddr *)&a, &len));
    numbers(l);
    arm(l, SIGRTMIN + 3);
    must(connect(c, (struct sockaddr *)&a, len));
    hear("a connection", l);
    int s = must(accept(l, 0, 0));
    v(fcntl(s, F_GETOWN) == 0);
    v((fcntl(s, F_GETFL) & O_ASYNC) == 0);
    numbers(s);
    arm(s, SIGRTMIN + 3);
    must(write(c, "a", 1));
    hear("data", s);
    close(c);
    hear("the peer goes", s);
    close(s);
    close(l);
}

static void noSocket(const char *name, int fd)
{
    int n = getpid();
    say("-- %s\n", name);
    t(ioctl(fd, FIOSETOWN, &n));
    t(ioctl(fd, FIOGETOWN, &n));
    t(ioctl(fd, SIOCSPGRP, &n));
    t(ioctl(fd, SIOCGPGRP, &n));
    close(fd);
}

int main(void)
{
    fresh();
    sigemptyset(&chosen);
    sigaddset(&chosen, SIGIO);
    sigaddset(&chosen, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &chosen, 0);
    pair("a stream pair", AF_UNIX, SOCK_STREAM);
    pair("a datagram pair", AF_UNIX, SOCK_DGRAM);
    pair("a packet pair", AF_UNIX, SOCK_SEQPACKET);
    datagrams("IPv4", AF_INET);
    datagrams("IPv6", AF_INET6);
    tcp();
    say("-- netlink\n");
    int n = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    numbers(n);
    close(n);
    int p[2];
    must(pipe(p));
    noSocket("a pipe", p[0]);
    noSocket("an eventfd", eventfd(0, 0));
    noSocket("a timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
    noSocket("a file", open("f", O_RDWR | O_CREAT, 0600));
    noSocket("a directory", open(".", O_RDONLY));
    noSocket("/dev/null", open("/dev/null", O_RDWR));
    t(ioctl(p[1], FIOSETOWN, 8));
    return 0;
}

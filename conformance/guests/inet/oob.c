/* tcp(7): urgent data: MSG_OOB, SIOCATMARK, POLLPRI, SO_OOBINLINE, SIGURG. */
#include "../guest.h"
#include "inet.h"

static volatile int urgent;
static void handler(int s) { urgent++; }

static int mark(int s)
{
    int x = -1;
    return ioctl(s, SIOCATMARK, &x) < 0 ? -errno : x;
}

int main(void)
{
    fresh();
    int p[2];
    char b[64];
    tcp_pair(p);
    t(recv(p[0], b, 1, MSG_OOB));
    t(mark(p[0]));
    on(SIGURG, handler, 0);
    t(fcntl(p[0], F_SETOWN, getpid()));
    t(send(p[1], "ab!", 3, MSG_OOB));
    v(await(p[0], POLLPRI));
    say_poll("urgent", p[0]);
    v(urgent);
    t(recv(p[0], b, 1, MSG_OOB | MSG_PEEK));
    show("peeked", b, 1);
    t(recv(p[0], b, 1, MSG_OOB));
    show("urgent", b, 1);
    t(recv(p[0], b, 1, MSG_OOB));
    say_poll("after", p[0]);
    t(mark(p[0]));
    t(recv(p[0], b, 64, 0));
    t(mark(p[0]));
    t(send(p[1], "cd", 2, 0));
    await(p[0], POLLIN);
    t(recv(p[0], b, 64, 0));
    t(mark(p[0]));
    say("-- in line\n");
    t(set(p[0], SOL_SOCKET, SO_OOBINLINE, 1));
    t(send(p[1], "x", 1, 0));
    t(send(p[1], "y!", 2, MSG_OOB));
    t(send(p[1], "z", 1, 0));
    await(p[0], POLLPRI);
    nap(10);
    t(recv(p[0], b, 1, MSG_OOB));
    ssize_t n = recv(p[0], b, 64, 0);
    show("up to the mark", b, n);
    t(mark(p[0]));
    n = recv(p[0], b, 64, 0);
    show("from it", b, n);
    say("-- two\n");
    close(p[0]);
    close(p[1]);
    tcp_pair(p);
    send(p[1], "1", 1, MSG_OOB);
    nap(10);
    send(p[1], "2", 1, MSG_OOB);
    nap(10);
    t(recv(p[0], b, 64, MSG_OOB));
    show("the last", b, 1);
    n = recv(p[0], b, 64, MSG_DONTWAIT);
    say("left: %ld\n", (long)n);
    int ep = epoll_create1(0);
    struct epoll_event e = { EPOLLPRI, { 0 } };
    epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
    t(epoll_wait(ep, &e, 1, 0));
    send(p[1], "3", 1, MSG_OOB);
    t(epoll_wait(ep, &e, 1, 1000));
    v(e.events == EPOLLPRI);
    fd_set x;
    FD_ZERO(&x);
    FD_SET(p[0], &x);
    struct timeval tv = { 1, 0 };
    t(select(p[0] + 1, 0, 0, &x, &tv));
    return 0;
}

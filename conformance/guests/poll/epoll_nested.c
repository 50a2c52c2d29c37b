/* epoll(7): epoll in epoll, loops refused, depth; EPOLLEXCLUSIVE; poll and select on an epoll descriptor; fork and dup of it; EPOLLRDHUP; add
 * while another waits; many descriptors. */
#include "../guest.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static long add(int ep, int fd, uint32_t ev, uint64_t data)
{
    struct epoll_event e = { .events = ev, .data.u64 = data };
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}
static void w(const char *what, int ep)
{
    struct epoll_event e[8];
    int n = epoll_wait(ep, e, 8, 0);
    say("  %s: %d", what, n);
    for (int i = 0; i < n; i++) say(" %d:%#x", (int)e[i].data.u64, e[i].events);
    say("\n");
}
static int ep0, ev0;
static void *waiter(void *a)
{
    struct epoll_event e;
    int n = epoll_wait(ep0, &e, 1, 4000);
    say("  waiting thread: %d %d\n", n, n == 1 ? (int)e.data.u64 : -1);
    return a;
}

int main(void)
{
    fresh();
    int a = epoll_create1(0), b = epoll_create1(0), c = epoll_create1(0), e = eventfd(0, EFD_NONBLOCK);
    uint64_t one = 1, x;
    t(add(b, e, EPOLLIN, 1));
    t(add(a, b, EPOLLIN, 2));
    t(add(b, a, EPOLLIN, 3));
    t(add(c, a, EPOLLIN, 4));
    t(add(b, c, EPOLLIN, 5));
    w("quiet", c);
    write(e, &one, 8);
    w("outer", c);
    w("middle", a);
    w("inner", b);
    struct pollfd pf = { c, POLLIN | POLLOUT, 0 };
    t(poll(&pf, 1, 0));
    v(pf.revents);
    fd_set rs;
    FD_ZERO(&rs);
    FD_SET(c, &rs);
    t(select(c + 1, &rs, 0, 0, &(struct timeval){ 0, 0 }));
    read(e, &x, 8);
    w("drained", c);
    int chain[8], depth = 0;
    chain[0] = e;
    for (int i = 1; i < 8; i++) { chain[i] = epoll_create1(0); if (add(chain[i], chain[i - 1], EPOLLIN, i) < 0) break; depth = i; }
    say("chain depth %d, then %s\n", depth, ename(errno));
    t(read(a, &x, 8));
    t(write(a, &x, 8));
    t(lseek(a, 0, SEEK_SET));

    say("-- edge-triggered inner\n");
    int ia = epoll_create1(0), oa = epoll_create1(0);
    add(ia, e, EPOLLIN, 1);
    add(oa, ia, EPOLLIN | EPOLLET, 2);
    write(e, &one, 8);
    w("outer", oa);
    w("outer again", oa);
    write(e, &one, 8);
    w("a new event", oa);
    read(e, &x, 8);

    say("-- exclusive\n");
    int x1 = epoll_create1(0), x2 = epoll_create1(0);
    t(add(x1, e, EPOLLIN | EPOLLEXCLUSIVE, 1));
    t(add(x2, e, EPOLLIN | EPOLLEXCLUSIVE, 2));
    struct epoll_event ev = { EPOLLIN, { .u64 = 1 } };
    t(epoll_ctl(x1, EPOLL_CTL_MOD, e, &ev));
    t(add(x1, b, EPOLLIN | EPOLLEXCLUSIVE, 1));
    t(add(x1, eventfd(0, 0), EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
    ev.events = EPOLLIN | EPOLLEXCLUSIVE;
    t(epoll_ctl(x2, EPOLL_CTL_MOD, e, &ev));
    t(add(x2, eventfd(0, 0), EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE, 1));
    t(epoll_ctl(x1, EPOLL_CTL_DEL, e, 0));
    t(epoll_ctl(x2, EPOLL_CTL_DEL, e, 0));

    say("-- sockets\n");
    int s[2], se = epoll_create1(0);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    t(add(se, s[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1));
    w("new", se);
    w("again", se);
    write(s[1], "x", 1);
    w("data", se);
    shutdown(s[1], SHUT_WR);
    w("peer shut", se);
    close(s[1]);
    w("peer closed", se);
    w("again", se);

    say("-- the same file by two descriptors, fork, close\n");
    int d = dup(e), de = epoll_create1(0);
    t(add(de, e, EPOLLIN, 1));
    t(add(de, d, EPOLLIN, 2));
    write(e, &one, 8);
    w("both", de);
    close(d);
    w("the dup is gone from the table, its entry too as its file lives", de);
    pid_t p = spawn({ w("child", de); close(e); });
    reap(p, "child");
    w("parent", de);
    int d2 = dup(de);
    close(de);
    w("through a dup", d2);
    read(e, &x, 8);

    say("-- added while another thread waits\n");
    ep0 = epoll_create1(0);
    ev0 = eventfd(1, 0);
    pthread_t th;
    pthread_create(&th, 0, waiter, 0);
    nap(20);
    add(ep0, ev0, EPOLLIN, 77);
    pthread_join(th, 0);

    say("-- three hundred\n");
    int big = epoll_create1(0), fds[300];
    for (int i = 0; i < 300; i++) { fds[i] = eventfd(0, EFD_NONBLOCK); add(big, fds[i], EPOLLIN | (i % 2 ? EPOLLET : 0), i); }
    for (int i = 0; i < 300; i += 3) write(fds[i], &one, 8);
    static struct epoll_event es[400];
    int n = epoll_wait(big, es, 400, 0);
    long sum = 0;
    for (int i = 0; i < n; i++) sum += es[i].data.u64;
    say("ready %d, sum %ld\n", n, sum);
    n = epoll_wait(big, es, 400, 0);
    say("level ones remain %d\n", n);
    n = epoll_wait(big, es, 7, 0);
    say("asked for seven: %d\n", n);
    return 0;
}

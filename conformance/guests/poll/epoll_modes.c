/* epoll(7): level, edge and one-shot modes, EPOLL_CTL_* rules, data, the ready order, dup and close of watched files. */
#include "../guest.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep;
static void w(const char *what)
{
    struct epoll_event ev[8];
    int n = epoll_wait(ep, ev, 8, 0);
    char out[256] = "";
    for (int i = 0; i < n; i++) snprintf(out + strlen(out), 64, " %d:%#x", (int)ev[i].data.u64, ev[i].events);
    say("  %s: %d%s\n", what, n, out);
}
static long ctl(int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = { .events = events, .data.u64 = data };
    return epoll_ctl(ep, op, fd, &e);
}

int main(void)
{
    fresh();
    xmkdtemp();
    int p[2], q[2];
    char b[16];
    must(pipe2(p, O_NONBLOCK));
    must(pipe2(q, O_NONBLOCK));
    t(epoll_create(0));
    t(epoll_create(-1));
    t(epoll_create1(1));
    ep = t(epoll_create1(EPOLL_CLOEXEC));
    t(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
    t(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
    t(ctl(EPOLL_CTL_MOD, q[0], EPOLLIN, 1));
    t(ctl(EPOLL_CTL_DEL, q[0], 0, 0));
    t(ctl(EPOLL_CTL_ADD, ep, EPOLLIN, 1));
    t(ctl(EPOLL_CTL_ADD, 99, EPOLLIN, 1));
    t(ctl(7, p[0], EPOLLIN, 1));
    t(epoll_ctl(p[0], EPOLL_CTL_ADD, q[0], &(struct epoll_event){ 0 }));
    t(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, q[0], 1));
    t(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0));
    t(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
    put("f", "x");
    int file = open("f", O_RDWR), dir = open(".", O_RDONLY);
    t(ctl(EPOLL_CTL_ADD, file, EPOLLIN, 1));
    t(ctl(EPOLL_CTL_ADD, dir, EPOLLIN, 1));

    say("level\n");
    w("empty");
    write(p[1], "abc", 3);
    w("data");
    w("again");
    read(p[0], b, 1);
    w("one read");
    read(p[0], b, 9);
    w("drained");

    say("edge\n");
    t(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
    write(p[1], "abc", 3);
    w("data");
    w("again");
    read(p[0], b, 1);
    w("one read");
    write(p[1], "d", 1);
    w("more data");
    w("again");
    read(p[0], b, 9);
    write(p[1], "e", 1);
    read(p[0], b, 9);
    w("written and drained");
    write(p[1], "e", 1);
    t(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
    w("MOD arms it");
    w("again");

    say("one-shot\n");
    t(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 3));
    w("first");
    w("second");
    write(p[1], "f", 1);
    w("new data");
    t(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 4));
    w("armed");
    close(p[1]);
    w("hangup while disarmed");
    t(ctl(EPOLL_CTL_MOD, p[0], EPOLLONESHOT, 4));
    w("hangup needs no mask");

    say("two files\n");
    t(ctl(EPOLL_CTL_DEL, p[0], 0, 0));
    t(ctl(EPOLL_CTL_ADD, q[1], EPOLLOUT, 5));
    t(ctl(EPOLL_CTL_ADD, q[0], EPOLLIN, 6));
    w("writable");
    write(q[1], "x", 1);
    w("both");
    struct epoll_event one;
    for (int i = 0; i < 4; i++) { epoll_wait(ep, &one, 1, 0); say("  round robin: %d\n", (int)one.data.u64); }
    int d = dup(q[0]);
    close(q[0]);
    w("closed, a dup is left");
    close(d);
    w("dup closed: the writer sees the error");
    t(epoll_wait(ep, &one, 0, 0));
    t(syscall(SYS_epoll_wait, ep, &one, -1, 0));
    t(syscall(SYS_epoll_wait, ep, 1, 1, 0));
    t(epoll_wait(q[1], &one, 1, 0));
    t(epoll_wait(99, &one, 1, 0));
    close(q[1]);
    w("all closed");
    t(ctl(EPOLL_CTL_DEL, q[1], 0, 0));
    int e = eventfd(3, 0);
    t(ctl(EPOLL_CTL_ADD, e, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI, ~0ULL));
    w("eventfd");
    return 0;
}

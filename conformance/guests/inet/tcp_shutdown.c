/* shutdown(2), poll(2), epoll(7): the halves of a connection, and what is reported of each state. */
#include "../guest.h"
#include "inet.h"

static void show_epoll(const char *what, int fd)
{
    int ep = must(epoll_create1(0));
    struct epoll_event e = { EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI, { 0 } }, r;
    must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    int n = epoll_wait(ep, &r, 1, 0);
    say("%s: epoll %s\n", what, n == 1 ? events_text(r.events) : "nothing");
    close(ep);
}

int main(void)
{
    fresh();
    signal(SIGPIPE, SIG_IGN);
    int p[2];
    char b[16];
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    show_epoll("fresh", s);
    say_poll("fresh", s);
    t(shutdown(s, SHUT_WR));
    t(listen(s, 3));
    show_epoll("listening", s);
    say_poll("listening", s);
    t(recv(s, b, 1, 0));
    t(send(s, b, 1, 0));
    t(shutdown(s, SHUT_WR));
    t(shutdown(s, SHUT_RD));
    say_poll("shut down", s);
    t(accept(s, 0, 0));
    t(shutdown(s, 3));
    close(s);

    say("-- SHUT_WR\n");
    tcp_pair(p);
    show_epoll("connected", p[0]);
    say_poll("connected", p[0]);
    t(send(p[1], "data", 4, 0));
    await(p[0], POLLIN);
    say_poll("readable", p[0]);
    t(shutdown(p[0], SHUT_WR));
    t(shutdown(p[0], SHUT_WR));
    await(p[1], POLLRDHUP);
    say_poll("this half", p[0]);
    say_poll("that half", p[1]);
    show_epoll("that half", p[1]);
    t(send(p[0], "x", 1, 0));
    t(send(p[0], "x", 1, MSG_NOSIGNAL));
    t(recv(p[1], b, 16, 0));
    t(recv(p[1], b, 16, 0));
    t(send(p[1], "more", 4, 0));
    t(recv(p[0], b, 16, 0));
    t(shutdown(p[1], SHUT_WR));
    await(p[0], POLLHUP);
    say_poll("both", p[0]);
    say_poll("both, other side", p[1]);
    show_epoll("both", p[0]);
    t(recv(p[0], b, 16, 0));
    t(shutdown(p[0], SHUT_RDWR));
    names("closed", p[0]);
    close(p[0]);
    close(p[1]);

    say("-- SHUT_RD\n");
    tcp_pair(p);
    t(shutdown(p[0], SHUT_RD));
    say_poll("this half", p[0]);
    t(recv(p[0], b, 16, 0));
    t(send(p[1], "late", 4, 0));
    nap(20);
    say_poll("late data", p[0]);
    t(recv(p[0], b, 16, 0));
    t(recv(p[0], b, 16, 0));
    t(send(p[0], "still", 5, 0));
    t(recv(p[1], b, 16, 0));
    close(p[0]);
    close(p[1]);

    say("-- SHUT_RDWR\n");
    tcp_pair(p);
    t(shutdown(p[0], SHUT_RDWR));
    say_poll("here", p[0]);
    await(p[1], POLLRDHUP);
    say_poll("there", p[1]);
    t(recv(p[0], b, 1, 0));
    t(send(p[0], b, 1, 0));
    t(recv(p[1], b, 1, 0));
    close(p[1]);
    nap(20);
    say_poll("both gone", p[0]);
    close(p[0]);

    say("-- close\n");
    tcp_pair(p);
    close(p[1]);
    await(p[0], POLLRDHUP);
    say_poll("peer closed", p[0]);
    t(send(p[0], "x", 1, 0));
    await(p[0], POLLHUP);
    say_poll("reset", p[0]);
    t(recv(p[0], b, 1, 0));
    t(recv(p[0], b, 1, 0));
    t(send(p[0], "x", 1, 0));
    so_error(p[0]);
    t(shutdown(p[0], SHUT_WR));
    names("reset", p[0]);
    close(p[0]);

    say("-- close with unread bytes\n");
    tcp_pair(p);
    t(send(p[0], "unread", 6, 0));
    await(p[1], POLLIN);
    close(p[1]);
    await(p[0], POLLERR);
    say_poll("reset", p[0]);
    show_epoll("reset", p[0]);
    t(send(p[0], "x", 1, 0));
    t(send(p[0], "x", 1, 0));
    t(recv(p[0], b, 1, 0));
    close(p[0]);

    say("-- SIGPIPE\n");
    signal(SIGPIPE, SIG_DFL);
    pid_t c = spawn({ tcp_pair(p); shutdown(p[0], SHUT_WR); write(p[0], "x", 1); });
    reap(c, "writer");
    return 0;
}

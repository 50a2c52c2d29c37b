/* tcp(7), connect(2), accept(2): sockets that do not block: a connection in progress, one refused, nothing to accept, nothing to read, no room. */
#include "../guest.h"
#include "inet.h"

int main(void)
{
    fresh();
    signal(SIGPIPE, SIG_IGN);
    int s = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    t(fcntl(s, F_GETFD));
    v((fcntl(s, F_GETFL) & O_NONBLOCK) != 0);
    must(bind4(s, "127.0.0.1", 0));
    must(listen(s, 4));
    t(accept(s, 0, 0));
    say_poll("listening", s);
    int c = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    say_poll("fresh", c);
    char b[16];
    t(recv(c, b, 1, 0));
    t(send(c, b, 1, 0));
    t(connect4(c, "127.0.0.1", port_of(s)));
    v(await(c, POLLOUT) & POLLOUT);
    so_error(c);
    t(connect4(c, "127.0.0.1", port_of(s)));
    t(connect4(c, "127.0.0.1", port_of(s)));
    v(await(s, POLLIN));
    say_poll("to accept", s);
    int d = must(accept(s, 0, 0));
    v((fcntl(d, F_GETFL) & O_NONBLOCK) != 0);
    close(d);
    v(await(c, POLLIN | POLLRDHUP));
    say_poll("peer closed", c);
    t(recv(c, b, 1, 0));
    close(c);

    c = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    int e = connect4(c, "127.0.0.1", port_of(s));
    say("connect %d %s\n", e, ename(errno));
    d = -1;
    if (await(s, POLLIN)) d = must(accept4(s, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC));
    t(fcntl(d, F_GETFD));
    v((fcntl(d, F_GETFL) & O_NONBLOCK) != 0);
    t(accept4(s, 0, 0, 0x80));
    t(recv(d, b, 1, 0));
    t(read(d, b, 1));
    t(read(d, b, 0));
    t(recv(d, b, 0, 0));
    static char big[1 << 20];
    long total = 0, n;
    while ((n = send(c, big, sizeof big, 0)) > 0) total += n;
    say("full after some %d: %s\n", total > 10000, ename(errno));
    v((poll_now(c, 0) & POLLOUT) != 0);
    while (total > 0 && (n = recv(d, big, sizeof big, 0)) != 0) {
        if (n > 0) total -= n;
        else await(d, POLLIN);
    }
    v(total);
    v(await(c, POLLOUT));
    close(c);
    close(d);

    say("-- refused\n");
    int dead = dead_port();
    c = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    e = connect4(c, "127.0.0.1", dead);
    say("connect %d %s\n", e, ename(errno));
    await(c, POLLOUT);
    say_poll("refused", c);
    so_error(c);
    so_error(c);
    say_poll("asked", c);
    t(send(c, b, 1, 0));
    t(recv(c, b, 1, 0));
    t(connect4(c, "127.0.0.1", port_of(s)));
    await(c, POLLOUT);
    so_error(c);
    close(c);
    c = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect4(c, "127.0.0.1", dead);
    await(c, POLLOUT);
    t(connect4(c, "127.0.0.1", dead));
    close(c);
    c = must(socket(AF_INET, SOCK_STREAM, 0));
    t(connect4(c, "127.0.0.1", dead));
    so_error(c);
    say_poll("refused, blocking", c);
    t(connect4(c, "127.0.0.1", dead));
    t(recv(c, b, 1, 0));
    t(connect4(c, "127.0.0.1", port_of(s)));
    close(c);
    return 0;
}

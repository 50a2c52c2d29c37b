/* tcp(7): a connection on the loopback: names, bytes both ways, more than one buffer full, the end. */
#include "../guest.h"
#include "inet.h"

static void echo(int s)
{
    int c = must(accept(s, 0, 0));
    char b[4096];
    ssize_t n;
    long sum = 0;
    while ((n = read(c, b, sizeof b)) > 0) {
        sum += n;
        for (ssize_t off = 0; off < n;) off += must(write(c, b + off, n - off));
    }
    close(c);
    _exit(sum == 3000005 && n == 0 ? 0 : 1);
}

int main(void)
{
    fresh();
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    names("fresh", s);
    t(bind4(s, "127.0.0.1", 0));
    names("bound", s);
    t(listen(s, 5));
    t(opt(s, SOL_SOCKET, SO_ACCEPTCONN));
    pid_t p = spawn({ echo(s); });
    int c = must(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    t(connect4(c, "127.0.0.1", port_of(s)));
    names("client", c);
    t(connect4(c, "127.0.0.1", port_of(s)));
    t(write(c, "hello", 5));
    char b[65536];
    t(recv(c, b, 5, MSG_WAITALL));
    show("echo", b, 5);
    long sent = 0, got = 0;
    unsigned seed = 1, want = 1, bad = 0;
    while (got < 3000000) {
        struct pollfd f = { c, POLLIN | (sent < 3000000 ? POLLOUT : 0), 0 };
        if (poll(&f, 1, 5000) <= 0) die("poll");
        if (f.revents & POLLOUT) {
            int n = 3000000 - sent < 10000 ? 3000000 - sent : 10000;
            unsigned was = seed;
            for (int i = 0; i < n; i++) b[i] = (seed = seed * 1103515245 + 12345) >> 16;
            ssize_t w = send(c, b, n, MSG_DONTWAIT);
            if (w < 0 && errno != EAGAIN) die("send");
            if (w < 0) w = 0;
            seed = was;
            for (int i = 0; i < w; i++) seed = seed * 1103515245 + 12345;
            sent += w;
        }
        if (f.revents & POLLIN) {
            ssize_t n = read(c, b, sizeof b);
            if (n <= 0) die("read");
            for (int i = 0; i < n; i++)
                if ((char)((want = want * 1103515245 + 12345) >> 16) != b[i]) bad++;
            got += n;
        }
    }
    say("sent %ld got %ld bad %u\n", sent, got, bad);
    t(shutdown(c, SHUT_WR));
    t(read(c, b, sizeof b));
    reap(p, "server");
    close(c);
    /* The listening socket is the parent's still. */
    c = must(socket(AF_INET, SOCK_STREAM, 0));
    t(connect4(c, "127.0.0.1", port_of(s)));
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    int d = must(accept(s, (void *)&a, &n));
    say_sockaddr("accepted from", &a, n);
    v(ntohs(a.sin_port) == port_of(c));
    v(port_of(d) == port_of(s));
    names("accepted", d);
    n = 3;
    t(getpeername(d, (void *)&a, &n));
    v(n);
    t(write(c, "", 0));
    t(writev(c, (struct iovec[]){ { "ab", 2 }, { "", 0 }, { "cde", 3 } }, 3));
    char x[2], y[8];
    t(readv(d, (struct iovec[]){ { x, 2 }, { y, 8 } }, 2));
    show("y", y, 3);
    close(d);
    t(read(c, b, 1));
    close(c);
    close(s);
    return 0;
}

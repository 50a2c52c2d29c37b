/* bind(2), listen(2): addresses and ports that are taken, SO_REUSEADDR, SO_REUSEPORT, implicit ports, TIME_WAIT, privileges. */
#include "../guest.h"
#include "inet.h"

static int s4(int type, int reuse)
{
    int s = must(socket(AF_INET, type, 0));
    if (reuse) must(set(s, SOL_SOCKET, reuse, 1));
    return s;
}

static void pairs(int type)
{
    static const struct { int opt; const char *name; } o[] = { { 0, "plain" }, { SO_REUSEADDR, "reuseaddr" }, { SO_REUSEPORT, "reuseport" } };
    static const char *const ip[] = { "127.0.0.1", "0.0.0.0", "127.0.0.2" };
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int l = 0; l < (type == SOCK_STREAM ? 2 : 1); l++) {
                char line[100] = "";
                for (int k = 0; k < 9; k++) {
                    int a = s4(type, o[i].opt), b = s4(type, o[j].opt);
                    must(bind4(a, ip[k / 3], 0));
                    if (l) must(listen(a, 1));
                    int r = bind4(b, ip[k % 3], port_of(a));
                    int e = errno;
                    int q = r == 0 && type == SOCK_STREAM ? listen(b, 1) : 0;
                    sprintf(line + strlen(line), " %s", r ? ename(e) : q ? "then" : "ok");
                    if (q) sprintf(line + strlen(line), "-%s", ename(errno));
                    close(a);
                    close(b);
                }
                say("%s%s, %s:%s\n", o[i].name, l ? " listening" : "", o[j].name, line);
            }
}

int main(void)
{
    fresh();
    say("-- tcp\n");
    pairs(SOCK_STREAM);
    say("-- udp\n");
    pairs(SOCK_DGRAM);
    say("-- others\n");
    int s = s4(SOCK_STREAM, 0);
    t(listen(s, 1));
    names("listening without bind", s);
    v(port_of(s) != 0);
    t(bind4(s, "127.0.0.1", 0));
    t(listen(s, 100));
    t(connect4(s, "127.0.0.1", port_of(s)));
    close(s);
    s = s4(SOCK_STREAM, 0);
    t(bind4(s, "127.0.0.1", 0));
    t(bind4(s, "127.0.0.1", 0));
    t(bind4(s, "127.0.0.1", port_of(s)));
    close(s);
    s = s4(SOCK_STREAM, 0);
    t(bind4(s, "8.8.8.8", 0));
    t(bind4(s, "224.0.0.1", 0));
    t(bind4(s, "127.9.9.9", 0));
    close(s);
    s = s4(SOCK_STREAM, 0);
    t(set(s, SOL_IP, IP_FREEBIND, 1));
    t(bind4(s, "8.8.8.8", 0));
    close(s);
    s = s4(SOCK_DGRAM, 0);
    t(bind4(s, "224.0.0.1", 0));
    close(s);
    struct sockaddr_in a = in4("127.0.0.1", 0);
    s = s4(SOCK_STREAM, 0);
    a.sin_family = AF_UNSPEC;
    t(bind(s, (void *)&a, sizeof a));
    a.sin_addr.s_addr = 0;
    t(bind(s, (void *)&a, sizeof a));
    close(s);
    s = s4(SOCK_STREAM, 0);
    a.sin_family = AF_INET;
    t(bind(s, (void *)&a, 15));
    t(bind(s, (void *)&a, 128));
    close(s);
    t(bind(s, (void *)&a, 16));
    t(bind(0, (void *)&a, 16));
    s = s4(SOCK_STREAM, 0);
    t(bind(s, (void *)&a, 129));
    t(bind(s, (void *)8, 16));
    /* A connection's port can be used for listening again when it asked for that. */
    int l = s4(SOCK_STREAM, SO_REUSEADDR);
    must(bind4(l, "127.0.0.1", 0));
    must(listen(l, 1));
    int port = port_of(l);
    int c = client(l);
    int d = must(accept(l, 0, 0));
    close(l);
    l = s4(SOCK_STREAM, 0);
    t(bind4(l, "127.0.0.1", port));
    close(l);
    l = s4(SOCK_STREAM, SO_REUSEADDR);
    t(bind4(l, "127.0.0.1", port));
    t(listen(l, 1));
    close(l);
    close(d);
    nap(5);
    close(c);
    nap(5);
    l = s4(SOCK_STREAM, 0);
    t(bind4(l, "127.0.0.1", port));
    close(l);
    l = s4(SOCK_STREAM, SO_REUSEADDR);
    t(bind4(l, "127.0.0.1", port));
    t(listen(l, 10));
    c = s4(SOCK_STREAM, 0);
    t(bind4(c, "127.0.0.1", 0));
    t(connect4(c, "127.0.0.1", port));
    names("bound before", c);
    c = s4(SOCK_STREAM, 0);
    t(bind4(c, "0.0.0.0", 0));
    t(connect4(c, "127.0.0.1", port));
    names("bound to any", c);
    c = s4(SOCK_STREAM, 0);
    t(connect4(c, "0.0.0.0", port));
    names("to any", c);
    c = s4(SOCK_STREAM, 0);
    t(bind4(c, "127.0.0.3", 0));
    t(connect4(c, "127.0.0.1", port));
    names("from .3", c);
    c = s4(SOCK_STREAM, 0);
    t(connect4(c, "127.0.0.1", 0));
    c = s4(SOCK_STREAM, 0);
    t(connect4(c, "224.0.0.1", 80));
    t(connect4(c, "255.255.255.255", 80));
    /* SO_REUSEPORT: one of the two gets it. */
    int x = s4(SOCK_DGRAM, SO_REUSEPORT), y = s4(SOCK_DGRAM, SO_REUSEPORT);
    must(bind4(x, "127.0.0.1", 0));
    must(bind4(y, "127.0.0.1", port_of(x)));
    int nx = 0, ny = 0;
    char b[4];
    for (int i = 0; i < 64; i++) {
        int w = s4(SOCK_DGRAM, 0);
        to4(w, "x", 1, 0, "127.0.0.1", port_of(x));
        close(w);
    }
    while (recv(x, b, 4, MSG_DONTWAIT) > 0) nx++;
    while (recv(y, b, 4, MSG_DONTWAIT) > 0) ny++;
    v(nx + ny);
    v(nx > 5 && ny > 5);
    if (fork() == 0) {
        must(setuid(1000));
        s = s4(SOCK_STREAM, 0);
        t(bind4(s, "127.0.0.1", 80));
        t(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
        t(socket(AF_PACKET, SOCK_RAW, 0));
        t(set(s, SOL_SOCKET, SO_MARK, 1));
        t(set(s, SOL_IP, IP_TRANSPARENT, 1));
        _exit(0);
    }
    wait(0);
    return 0;
}

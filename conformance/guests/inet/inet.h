/* Helpers of the programs about internet sockets. Ports are chosen by the kernel and never printed. */
#ifndef INET_H
#define INET_H
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static struct sockaddr_in in4(const char *ip, int port) UNUSED;
static struct sockaddr_in in4(const char *ip, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, ip, &a.sin_addr);
    return a;
}
static UNUSED struct sockaddr_in6 in6(const char *ip, int port)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    inet_pton(AF_INET6, ip, &a.sin6_addr);
    return a;
}
static UNUSED int bind4(int s, const char *ip, int port)
{
    struct sockaddr_in a = in4(ip, port);
    return bind(s, (void *)&a, sizeof a);
}
static UNUSED int bind6(int s, const char *ip, int port)
{
    struct sockaddr_in6 a = in6(ip, port);
    return bind(s, (void *)&a, sizeof a);
}
static UNUSED int connect4(int s, const char *ip, int port)
{
    struct sockaddr_in a = in4(ip, port);
    return connect(s, (void *)&a, sizeof a);
}
static UNUSED int connect6(int s, const char *ip, int port)
{
    struct sockaddr_in6 a = in6(ip, port);
    return connect(s, (void *)&a, sizeof a);
}
static UNUSED ssize_t to4(int s, const void *p, size_t n, int flags, const char *ip, int port)
{
    struct sockaddr_in a = in4(ip, port);
    return sendto(s, p, n, flags, (void *)&a, sizeof a);
}
static UNUSED int port_of(int s)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    must(getsockname(s, (void *)&a, &n));
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port : ((struct sockaddr_in6 *)&a)->sin6_port);
}
static UNUSED void say_sockaddr(const char *label, const void *p, socklen_t n)
{
    char ip[64];
    const struct sockaddr *a = p;
    if (n < 2) say("%s: length %d\n", label, (int)n);
    else if (a->sa_family == AF_INET) {
        const struct sockaddr_in *i = p;
        say("%s: inet %s port %s length %d\n", label, inet_ntop(AF_INET, &i->sin_addr, ip, sizeof ip), i->sin_port ? "set" : "0", (int)n);
    } else if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *i = p;
        say("%s: inet6 %s port %s flow %x scope %u length %d\n", label, inet_ntop(AF_INET6, &i->sin6_addr, ip, sizeof ip),
            i->sin6_port ? "set" : "0", ntohl(i->sin6_flowinfo), i->sin6_scope_id, (int)n);
    } else say("%s: family %d length %d\n", label, a->sa_family, (int)n);
}
static UNUSED void names(const char *label, int s)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char l[64];
    snprintf(l, sizeof l, "%s own", label);
    if (getsockname(s, (void *)&a, &n) < 0) say("%s: %s\n", l, ename(errno));
    else say_sockaddr(l, &a, n);
    n = sizeof a;
    snprintf(l, sizeof l, "%s peer", label);
    if (getpeername(s, (void *)&a, &n) < 0) say("%s: %s\n", l, ename(errno));
    else say_sockaddr(l, &a, n);
}
/* A listening TCP socket on 127.0.0.1 (or another address). */
static UNUSED int server_at(const char *ip)
{
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    must(bind4(s, ip, 0));
    must(listen(s, 8));
    return s;
}
#define server() server_at("127.0.0.1")
static UNUSED int client(int s)
{
    int c = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect4(c, "127.0.0.1", port_of(s)));
    return c;
}
/* Two connected TCP sockets: the client's end and the accepted one. */
static UNUSED void tcp_pair(int p[2])
{
    int s = server();
    p[0] = client(s);
    p[1] = must(accept(s, 0, 0));
    close(s);
}
static UNUSED void udp_pair(int p[2])
{
    for (int i = 0; i < 2; i++) {
        p[i] = must(socket(AF_INET, SOCK_DGRAM, 0));
        must(bind4(p[i], "127.0.0.1", 0));
    }
    must(connect4(p[0], "127.0.0.1", port_of(p[1])));
    must(connect4(p[1], "127.0.0.1", port_of(p[0])));
}
/* A port of 127.0.0.1 nobody listens at. */
static UNUSED int dead_port(void)
{
    int s = must(socket(AF_INET, SOCK_STREAM, 0));
    must(bind4(s, "127.0.0.1", 0));
    int p = port_of(s);
    close(s);
    return p;
}
/* What poll(2) reports of everything it can. */
static UNUSED const char *events_text(int e)
{
    static char b[4][128];
    static int turn;
    char *o = b[turn++ & 3];
    o[0] = 0;
#define B(x) if (e & x) strcat(strcat(o, o[0] ? "|" : ""), #x);
    B(POLLIN) B(POLLPRI) B(POLLOUT) B(POLLERR) B(POLLHUP) B(POLLNVAL) B(POLLRDNORM) B(POLLRDBAND) B(POLLWRNORM) B(POLLWRBAND) B(POLLRDHUP)
#undef B
    return o[0] ? o : "none";
}
static UNUSED int poll_now(int s, int ms)
{
    struct pollfd p = { s, 0x23ff, 0 };
    if (poll(&p, 1, ms) < 0) return -1;
    return p.revents;
}
#define say_poll(what, s) say("%s: %s\n", what, events_text(poll_now(s, 0)))
/* Wait until one of the events is reported, 2 s at most. */
static UNUSED int await(int s, int events)
{
    struct pollfd p = { s, events, 0 };
    return poll(&p, 1, 2000) < 0 ? -1 : p.revents;
}
static UNUSED int opt(int s, int level, int name)
{
    int x = 0;
    socklen_t n = sizeof x;
    return getsockopt(s, level, name, &x, &n) < 0 ? -errno : x;
}
static UNUSED int set(int s, int level, int name, int x)
{
    return setsockopt(s, level, name, &x, sizeof x);
}
#define so_error(s) say("SO_ERROR: %s\n", ename(opt(s, SOL_SOCKET, SO_ERROR)))
#endif

/* landlock(7): TCP ports, abstract sockets and signals out of a domain, and what ptrace(2) may look at. */
#include "landlock.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ptrace.h>

static struct sockaddr_in to(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return a;
}

static long connects(int port, int type)
{
    int s = socket(AF_INET, type, 0);
    struct sockaddr_in a = to(port);
    long r = connect(s, (void *)&a, sizeof a);
    int e = errno;
    close(s);
    errno = e;
    return r;
}

static long binds(int port)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = to(port);
    long r = bind(s, (void *)&a, sizeof a);
    int e = errno;
    close(s);
    errno = e;
    return r;
}

static void ports(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = to(0);
    socklen_t n = sizeof a;
    must(bind(s, (void *)&a, n));
    must(listen(s, 5));
    must(getsockname(s, (void *)&a, &n));
    int port = ntohs(a.sin_port), other = port == 40000 ? 40001 : 40000;
    int r = ruleset(0, LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP, 0);
    TRY("port too large", allow_port(r, 65536, LANDLOCK_ACCESS_NET_BIND_TCP));
    TRY("unknown right", allow_port(r, 1, 4));
    TRY("nothing", allow_port(r, 1, 0));
    TRY("connect", allow_port(r, port, LANDLOCK_ACCESS_NET_CONNECT_TCP));
    TRY("enforce", enforce(r));
    TRY("connect to the port", connects(port, SOCK_STREAM));
    TRY("connect to another", connects(other, SOCK_STREAM));
    TRY("UDP to another", connects(other, SOCK_DGRAM));
    TRY("bind", binds(0));
    TRY("short address", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, 4));
    TRY("listen without a name", listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static struct sockaddr_un name;
static socklen_t name_len;

static long to_abstract(int type)
{
    int s = socket(AF_UNIX, type, 0);
    long r = connect(s, (void *)&name, name_len);
    int e = errno;
    close(s);
    errno = e;
    return r;
}

static void abstract(int type, const char *what)
{
    int s = socket(AF_UNIX, type, 0);
    must(bind(s, (void *)&name, name_len));
    if (type != SOCK_DGRAM) must(listen(s, 5));
    int connected = socket(AF_UNIX, type, 0), pair[2];
    must(connect(connected, (void *)&name, name_len));
    must(socketpair(AF_UNIX, type, 0, pair));
    pid_t p = spawn(
        TRY("enforce", enforce(ruleset(0, 0, LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET)));
        TRY(what, to_abstract(type));
        TRY("connected before", send(connected, "x", 1, MSG_DONTWAIT));
        if (type == SOCK_DGRAM) TRY("sendto", sendto(socket(AF_UNIX, type, 0), "x", 1, MSG_DONTWAIT, (void *)&name, name_len));
        TRY("pair", send(pair[0], "x", 1, MSG_DONTWAIT));
        close(s); close(connected);
        name.sun_path[name_len - 3] ^= 1;
        int own = socket(AF_UNIX, type, 0);
        TRY("own: bind", bind(own, (void *)&name, name_len));
        if (type != SOCK_DGRAM) listen(own, 5);
        TRY("own: connect", to_abstract(type)));
    child_of(p);
    close(s), close(connected), close(pair[0]), close(pair[1]);
}

static void signals(void)
{
    pid_t outside = spawn(for (;;) pause());
    pid_t p = spawn(
        TRY("enforce", enforce(ruleset(0, 0, LANDLOCK_SCOPE_SIGNAL)));
        TRY("out", kill(outside, 0));
        TRY("out, SIGCONT", kill(outside, SIGCONT));
        TRY("parent", kill(getppid(), 0));
        TRY("oneself", kill(getpid(), 0));
        TRY("group", kill(0, 0));
        pid_t c = fork();
        if (!c) { TRY("child to parent in the domain", kill(getppid(), 0)); for (;;) pause(); }
        nap(50);
        TRY("to a child", kill(c, SIGTERM));
        say("child: %d\n", child_of(c));
        TRY("trace out", ptrace(PTRACE_ATTACH, outside, 0, 0)));
    child_of(p);
    TRY("into a domain", kill(outside, SIGKILL));
    say("outside: %d\n", child_of(outside));
}

static void tracing(void)
{
    int gate[2];
    must(pipe(gate));
    pid_t inside = spawn(enforce(ruleset(FS(MAKE_BLOCK), 0, 0)); write(gate[1], "x", 1); for (;;) pause());
    char c;
    read(gate[0], &c, 1);
    TRY("trace into a domain", ptrace(PTRACE_SEIZE, inside, 0, 0));
    ptrace(PTRACE_DETACH, inside, 0, 0);
    kill(inside, SIGKILL);
    say("inside: %d\n", child_of(inside));
    pid_t p = spawn(
        enforce(ruleset(FS(MAKE_BLOCK), 0, 0));
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/uts", getppid());
        TRY("namespace of the parent", open(path, O_RDONLY));
        TRY("trace the parent", ptrace(PTRACE_SEIZE, getppid(), 0, 0));
        pid_t k = fork();
        if (!k) { TRY("be traced by one in the domain", ptrace(PTRACE_TRACEME, 0, 0, 0)); _exit(0); }
        child_of(k));
    child_of(p);
    p = spawn(enforce(ruleset(FS(MAKE_BLOCK), 0, 0)); TRY("be traced by one outside", ptrace(PTRACE_TRACEME, 0, 0, 0)));
    child_of(p);
}

int main(void)
{
    fresh();
    need_landlock(6);
    name.sun_family = AF_UNIX;
    name_len = offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(name.sun_path + 1, 60, "guest-landlock-%d-ab", getpid());
    pid_t p = spawn(ports());
    child_of(p);
    abstract(SOCK_STREAM, "stream");
    abstract(SOCK_DGRAM, "datagram");
    abstract(SOCK_SEQPACKET, "packets");
    signals();
    tracing();
    return 0;
}

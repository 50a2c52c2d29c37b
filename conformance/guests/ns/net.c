/* network_namespaces(7): a stack of its own, sockets that stay where they were made, rights of its owner, abstract names. */
#include "ns.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static int flags_of(int s, const char *name)
{
    struct ifreq r = { 0 };
    strcpy(r.ifr_name, name);
    return ioctl(s, SIOCGIFFLAGS, &r) < 0 ? -errno : r.ifr_flags & 0xffff;
}

static int up(int s, const char *name)
{
    struct ifreq r = { 0 };
    strcpy(r.ifr_name, name);
    if (ioctl(s, SIOCGIFFLAGS, &r) < 0) return -1;
    r.ifr_flags |= IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, &r);
}

static struct sockaddr_in at(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return a;
}

static int try_bind(int s, int port)
{
    struct sockaddr_in a = at(port);
    return bind(s, (struct sockaddr *)&a, sizeof a);
}

static int try_connect(int s, int port)
{
    struct sockaddr_in a = at(port);
    return connect(s, (struct sockaddr *)&a, sizeof a);
}

static int lines(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) return -1;
    int n = 0;
    for (int c; (c = fgetc(f)) != EOF;) n += c == '\n';
    fclose(f);
    return n;
}

static int abstract(const char *name, int connecting)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int n = snprintf(a.sun_path + 1, 90, "%s", name);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    int r = connecting ? connect(s, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + n)
                       : bind(s, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (r == 0 && !connecting) r = listen(s, 1);
    return r;
}

int main(void)
{
    fresh();
    char path[64], map[64];
    snprintf(map, sizeof map, "0 %d 1", geteuid());
    TRY("unshare", unshare(CLONE_NEWUSER | CLONE_NEWNET));
    store_text("/proc/self/setgroups", "deny");
    TRY("map", store_text("/proc/self/uid_map", map));
    snprintf(map, sizeof map, "0 %d 1", 0);
    store_text("/proc/self/gid_map", map);
    int first = open("/proc/self/ns/net", O_RDONLY);
    say("interfaces %d\n", lines("/proc/self/net/dev") - 2);
    int u = socket(AF_INET, SOCK_DGRAM, 0);
    say("lo %#x\n", flags_of(u, "lo"));
    TRY("connect while lo is down", try_connect(socket(AF_INET, SOCK_STREAM, 0), 4000));
    TRY("up", up(u, "lo"));
    say("lo %#x\n", flags_of(u, "lo"));
    TRY("bind", try_bind(u, 4000));
    TRY("a low port of my own", try_bind(socket(AF_INET, SOCK_DGRAM, 0), 53));
    say("raw %d\n", socket(AF_INET, SOCK_RAW, IPPROTO_UDP) >= 0);
    int mark = 7;
    TRY("mark", setsockopt(u, SOL_SOCKET, SO_MARK, &mark, sizeof mark));
    TRY("abstract name", abstract("guest-netns", 0));
    TRY("found", abstract("guest-netns", 1));
    int l = socket(AF_INET, SOCK_STREAM, 0);
    try_bind(l, 4001);
    listen(l, 4);

    int go[2], done[2];
    pipe(go);
    pipe(done);
    char c;
    pid_t p = spawn({
        TRY("another", unshare(CLONE_NEWNET));
        int s = socket(AF_INET, SOCK_DGRAM, 0);
        say("lo %#x\n", flags_of(s, "lo"));
        say("lo by a socket of the other %#x\n", flags_of(u, "lo"));
        TRY("abstract name is not seen", abstract("guest-netns", 1));
        TRY("nor taken", abstract("guest-netns", 0));
        TRY("up", up(s, "lo"));
        TRY("the same port", try_bind(s, 4000));
        TRY("nobody listens here", try_connect(socket(AF_INET, SOCK_STREAM, 0), 4001));
        say("unix sockets %d\n", lines("/proc/self/net/unix") - 1);
        write(done[1], "x", 1);
        read(go[0], &c, 1);
    });
    read(done[0], &c, 1);
    snprintf(path, sizeof path, "/proc/%d/ns/net", p);
    int second = open(path, O_RDONLY);
    say("another %d\n", number(path) != number("/proc/self/ns/net"));
    snprintf(path, sizeof path, "/proc/%d/net/dev", p);
    say("seen from outside %d\n", lines(path) - 2);
    TRY("enter", setns(second, CLONE_NEWNET));
    TRY("taken there", try_bind(socket(AF_INET, SOCK_DGRAM, 0), 4000));
    /* The one made before still listens where it was made. */
    TRY("connect", try_connect(socket(AF_INET, SOCK_STREAM, 0), 4001));
    TRY("back", setns(first, 0));
    TRY("connect", try_connect(socket(AF_INET, SOCK_STREAM, 0), 4001));
    say("accept %d\n", accept(l, 0, 0) >= 0);
    write(go[1], "x", 1);
    ended(p);
    /* An open link keeps the namespace of processes that have gone. */
    TRY("enter an empty one", setns(second, CLONE_NEWNET));
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    say("lo %#x\n", flags_of(s, "lo"));
    TRY("the port is free", try_bind(s, 4000));
    TRY("back", setns(first, 0));

    p = spawn({
        TRY("a user namespace within", unshare(CLONE_NEWUSER));
        TRY("has no rights over this network", up(u, "lo"));
        say("raw %d\n", socket(AF_INET, SOCK_RAW, IPPROTO_UDP) >= 0);
        TRY("nor its mark", setsockopt(u, SOL_SOCKET, SO_MARK, &mark, sizeof mark));
        TRY("but over one of its own", unshare(CLONE_NEWNET));
        TRY("up", up(socket(AF_INET, SOCK_DGRAM, 0), "lo"));
    });
    ended(p);
    return 0;
}

/* unix.h - helpers of the AF_UNIX programs: addresses by path and in the abstract name space. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un addr_;
static socklen_t addr_len;
/* Fill addr_: a path, or an abstract name when it begins with '@' (made unique by the process id). */
static UNUSED void at(const char *name)
{
    memset(&addr_, 0, sizeof addr_);
    addr_.sun_family = AF_UNIX;
    if (name[0] == '@') addr_len = offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(addr_.sun_path + 1, 100, "guest-%d-%s", tmp_owner_, name + 1);
    else {
        strncpy(addr_.sun_path, name, sizeof addr_.sun_path - 1);
        addr_len = offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
    }
}
static UNUSED int bind_at(int s, const char *name) { at(name); return bind(s, (void *)&addr_, addr_len); }
static UNUSED int connect_at(int s, const char *name) { at(name); return connect(s, (void *)&addr_, addr_len); }
static UNUSED long send_to(int s, const char *text, const char *name) { at(name); return sendto(s, text, strlen(text), 0, (void *)&addr_, addr_len); }
static UNUSED int sock(int type) { return must(socket(AF_UNIX, type, 0)); }
/* Print an address as the kernel returned it. */
static UNUSED void say_addr(const char *what, const struct sockaddr_un *u, socklen_t len)
{
    char uniq[32];
    if (len <= 2) { say("%s: unnamed, length %d\n", what, (int)len); return; }
    if (u->sun_path[0]) { say("%s: path %s, length %d\n", what, u->sun_path, (int)len); return; }
    int n = snprintf(uniq, 32, "guest-%d-", tmp_owner_);
    if (!strncmp(u->sun_path + 1, uniq, n)) say("%s: abstract %.*s\n", what, (int)(len - 3 - n), u->sun_path + 1 + n);
    else say("%s: abstract, %d bytes\n", what, (int)len - 3);
}
static UNUSED void names(const char *what, int s)
{
    struct sockaddr_un u = { 0 };
    socklen_t l = sizeof u;
    char b[64];
    snprintf(b, 64, "%s name", what);
    if (getsockname(s, (void *)&u, &l) < 0) say("%s: %s\n", b, ename(errno));
    else say_addr(b, &u, l);
    memset(&u, 0, sizeof u);
    l = sizeof u;
    snprintf(b, 64, "%s peer", what);
    if (getpeername(s, (void *)&u, &l) < 0) say("%s: %s\n", b, ename(errno));
    else say_addr(b, &u, l);
}
static UNUSED int events(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
    poll(&p, 1, 0);
    return p.revents;
}

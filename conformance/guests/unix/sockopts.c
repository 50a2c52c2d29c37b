/* getsockopt(2), setsockopt(2), socket(7) on AF_UNIX: values read back and their defaults, lengths, doubled buffers, timeouts, linger, keepalive
 * and the like, unknown ones; SIOCINQ and SIOCOUTQ. */
#include "../guest.h"
#include "unix.h"
#include <linux/sockios.h>

static int s[2];
static void get(const char *name, int opt)
{
    unsigned char b[64];
    socklen_t len = sizeof b;
    memset(b, 0xee, sizeof b);
    if (getsockopt(s[0], SOL_SOCKET, opt, b, &len) < 0) { say("%s: %s\n", name, ename(errno)); return; }
    if (len == 4) say("%s: %d\n", name, *(int *)b);
    else if (len == 16) say("%s: %ld %ld\n", name, ((long *)b)[0], ((long *)b)[1]);
    else if (len == 8) say("%s: %d %d\n", name, ((int *)b)[0], ((int *)b)[1]);
    else say("%s: length %d\n", name, (int)len);
}
static void set(const char *name, int opt, int val)
{
    if (setsockopt(s[0], SOL_SOCKET, opt, &val, sizeof val) < 0) say("%s = %d: %s\n", name, val, ename(errno));
    else { say("%s = %d, ", name, val); get("now", opt); }
}
#define G(o) get(#o, o)
#define S(o, v) set(#o, o, v)

int main(void)
{
    fresh();
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    G(SO_TYPE);
    G(SO_DOMAIN);
    G(SO_PROTOCOL);
    G(SO_ERROR);
    G(SO_ACCEPTCONN);
    G(SO_REUSEADDR);
    G(SO_KEEPALIVE);
    G(SO_BROADCAST);
    G(SO_LINGER);
    G(SO_RCVLOWAT);
    G(SO_SNDLOWAT);
    G(SO_RCVTIMEO);
    G(SO_SNDTIMEO);
    G(SO_PASSCRED);
    G(SO_PEERCRED);
    G(SO_TIMESTAMP);
    G(SO_PRIORITY);
    G(SO_DONTROUTE);
    G(SO_OOBINLINE);
    G(SO_MARK);
    G(SO_PEEK_OFF);
    G(SO_BINDTODEVICE);
    G(9999);
    S(SO_REUSEADDR, 5);
    S(SO_KEEPALIVE, 1);
    S(SO_BROADCAST, 1);
    S(SO_PASSCRED, 7);
    S(SO_RCVLOWAT, 3);
    S(SO_RCVLOWAT, 0);
    S(SO_RCVLOWAT, 1);
    S(SO_SNDLOWAT, 5);
    S(SO_PRIORITY, 3);
    S(SO_PRIORITY, 6);
    S(SO_DONTROUTE, 1);
    S(SO_OOBINLINE, 1);
    S(SO_TIMESTAMP, 1);
    S(SO_TYPE, 2);
    S(SO_ERROR, 2);
    S(SO_ACCEPTCONN, 1);
    S(SO_SNDBUF, 10000);
    S(SO_RCVBUF, 20000);
    S(SO_SNDBUF, 1);
    S(SO_RCVBUF, 1);
    S(9999, 1);
    struct linger l = { 1, 30 };
    t(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &l, sizeof l));
    G(SO_LINGER);
    struct timeval tv = { 2, 500000 };
    t(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    G(SO_RCVTIMEO);
    tv = (struct timeval){ 0, 1000000 };
    t(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    tv = (struct timeval){ -1, 0 };
    t(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
    G(SO_SNDTIMEO);
    t(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, 4));

    say("-- lengths\n");
    int x = 0x11111111;
    socklen_t len = 1;
    t(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &x, &len));
    say("value %#x length %d\n", x, (int)len);
    len = 0;
    t(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &x, &len));
    len = -1;
    t(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &x, &len));
    t(setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &x, 3));
    t(setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &x, 100));
    t(setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, (void *)8, 4));
    len = 4;
    t(getsockopt(s[0], 6, 1, &x, &len));
    t(setsockopt(s[0], 6, 1, &x, 4));
    int p[2];
    must(pipe(p));
    len = 4;
    t(getsockopt(p[0], SOL_SOCKET, SO_TYPE, &x, &len));
    t(setsockopt(p[0], SOL_SOCKET, SO_KEEPALIVE, &x, 4));

    say("-- how much is queued\n");
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    write(s[0], "12345", 5);
    t(ioctl(s[1], SIOCINQ, &x));
    v(x);
    t(ioctl(s[0], SIOCOUTQ, &x));
    v(x > 5);
    char b[8];
    read(s[1], b, 8);
    t(ioctl(s[0], SIOCOUTQ, &x));
    v(x);
    say("-- SO_RCVLOWAT and blocking reads\n");
    x = 4;
    setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &x, sizeof x);
    fcntl(s[1], F_SETFL, 0);
    write(s[0], "ab", 2);
    pid_t k = spawn({ char c[8]; long n = read(s[1], c, 8); say("read %ld\n", n); });
    settle(k);
    write(s[0], "cd", 2);
    reap(k, "reader");
    say("-- buffers filled\n");
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    static char big[1 << 20];
    long total = 0, n;
    while ((n = write(s[0], big, sizeof big)) > 0) total += n;
    say("full: %s, more than 64 kB %d, poll %#x\n", ename(errno), total > 65536, events(s[0]));
    long got = 0;
    while ((n = read(s[1], big, sizeof big)) > 0) got += n;
    v(got == total);
    v(events(s[0]));
    return 0;
}

/* tty.h - helpers of the terminal programs: a pty pair m (master) and s (slave), typing, reading with patience. */
#include <poll.h>
#include <pty.h>
#include <termios.h>

static int m, s;
static struct termios tio;

static UNUSED void open_pair(void)
{
    must(openpty(&m, &s, 0, 0, 0));
    must(tcgetattr(s, &tio));
}
static UNUSED void set_tio(void) { must(tcsetattr(s, TCSANOW, &tio)); }
static UNUSED void type(const char *text) { if (write(m, text, strlen(text)) < 0) say("typing: %s\n", ename(errno)); }
static UNUSED int events(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI, 0 };
    poll(&p, 1, 0);
    return p.revents;
}
/* Bytes cross a pty on a kernel worker: wait for those that must come, then look that no more do. */
static UNUSED void see(const char *label, int fd, long want)
{
    char buf[4096];
    long n = 0;
    while (n < want) {
        struct pollfd p = { fd, POLLIN, 0 };
        if (poll(&p, 1, 2000) <= 0) break;
        long r = read(fd, buf + n, sizeof buf - n);
        if (r <= 0) { say("%s: %s\n", label, r ? ename(errno) : "end"); return; }
        n += r;
    }
    show(label, buf, n);
}
/* Wait until the slave has at least n readable bytes (canonical: a line). */
static UNUSED int slave_has(int n)
{
    int q = 0;
    for (int i = 0; i < 2000; i++) { ioctl(s, FIONREAD, &q); if (q >= n) break; nap(1); }
    return q;
}

/* poll(2), select(2), pselect(2), ppoll(2): results, the bits of bad fds, timeouts left over, zero sets, limits. */
#include "../guest.h"
#include <poll.h>
#include <sys/select.h>

static int p[2];
static volatile int hits;
static void handler(int s) { (void)s; hits++; }

static void sel(const char *what, int nr, int r, int wr, struct timeval *tv)
{
    fd_set rs, ws, es;
    FD_ZERO(&rs); FD_ZERO(&ws); FD_ZERO(&es);
    if (r >= 0) { FD_SET(r, &rs); FD_SET(r, &es); }
    if (wr >= 0) FD_SET(wr, &ws);
    int n = select(nr, &rs, &ws, &es, tv);
    if (n < 0) say("%s: %s\n", what, ename(errno));
    else say("%s: %d read %d write %d except %d\n", what, n, r >= 0 && FD_ISSET(r, &rs), wr >= 0 && FD_ISSET(wr, &ws), r >= 0 && FD_ISSET(r, &es));
}

int main(void)
{
    fresh();
    struct timeval zero = { 0, 0 }, tv;
    must(pipe(p));
    sel("empty", 10, p[0], p[1], &zero);
    write(p[1], "x", 1);
    sel("data", 10, p[0], p[1], &zero);
    sel("nfds too small for both", 3, p[0], p[1], &zero);
    sel("nfds covers one", 4, p[0], p[1], &zero);
    sel("bad fd", 10, 9, p[1], &zero);
    sel("bad fd beyond nfds", 9, 9, p[1], &zero);
    sel("negative nfds", -1, p[0], p[1], &zero);
    tv = (struct timeval){ 0, -1 };
    sel("negative timeout", 10, p[0], p[1], &tv);
    tv = (struct timeval){ -1, 0 };
    sel("negative seconds", 10, p[0], p[1], &tv);
    tv = (struct timeval){ 0, 2500000 };
    sel("microseconds over a second", 10, p[0], p[1], &tv);
    tv = (struct timeval){ 50, 500000 };
    sel("time left", 10, p[0], p[1], &tv);
    v(tv.tv_sec >= 45 && tv.tv_sec <= 50);
    char c;
    read(p[0], &c, 1);
    tv = (struct timeval){ 0, 20000 };
    sel("timed out", 10, p[0], -1, &tv);
    v(tv.tv_sec == 0 && tv.tv_usec == 0);
    tv = (struct timeval){ 0, 20000 };
    t(select(0, 0, 0, 0, &tv));
    t(syscall(SYS_select, 5, 8, 0, 0, &tv));
    t(syscall(SYS_select, 5, 0, 0, 0, 8));

    struct pollfd f[3] = { { p[0], POLLIN, 99 }, { -1, POLLIN, 99 }, { 77, POLLIN, 99 } };
    t(poll(f, 3, 0));
    say("%#x %#x %#x\n", f[0].revents, f[1].revents, f[2].revents);
    t(poll(f, 2, 10));
    t(poll(0, 0, 10));
    t(syscall(SYS_poll, 8, 1, 0));
    t(syscall(SYS_poll, f, 1u << 30, 0));
    f[0] = (struct pollfd){ p[1], 0, 0 };
    t(poll(f, 1, 0));
    close(p[0]);
    t(poll(f, 1, -1));
    say("%#x\n", f[0].revents);
    f[0] = (struct pollfd){ 0, POLLIN, 0 };

    /* pselect opens the mask for the wait only: the pending signal interrupts it. */
    on(SIGUSR1, handler, SA_RESTART);
    block(SIGUSR1);
    raise(SIGUSR1);
    v(hits);
    sigset_t none, now;
    sigemptyset(&none);
    struct timespec ts = { 3, 0 };
    t(pselect(0, 0, 0, 0, &ts, &none));
    v(hits);
    v(ts.tv_sec);
    sigprocmask(SIG_BLOCK, 0, &now);
    say_set("mask after", &now);
    raise(SIGUSR1);
    t(ppoll(0, 0, &ts, &none));
    v(hits);
    raise(SIGUSR1);
    ts = (struct timespec){ 0, 0 };
    must(pipe(p));
    write(p[1], "x", 1);
    f[0] = (struct pollfd){ p[0], POLLIN, 0 };
    /* A ready file wins over the signal, which stays pending and blocked. */
    t(ppoll(f, 1, &ts, &none));
    v(hits);
    t(ppoll(0, 0, &ts, &none));
    v(hits);
    ts.tv_nsec = 1000000000;
    t(ppoll(f, 1, &ts, 0));
    t(syscall(SYS_ppoll, f, 1, 0, &none, 4));
    return 0;
}

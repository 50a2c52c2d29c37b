/* poll(2), select(2), epoll_wait(2), ppoll(2), pselect(2), epoll_pwait2(2), recv with SO_RCVTIMEO: not sooner than asked, zero and infinite waits,
 * woken by another process, signals and masks, EINTR. */
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

static int p[2], ep, sv[2];
static volatile int hits;
static void handler(int s) { (void)s; hits++; }

static long wait_for(int kind, int ms, const sigset_t *mask)
{
    struct pollfd pf = { p[0], POLLIN, 0 };
    fd_set rs;
    FD_ZERO(&rs);
    FD_SET(p[0], &rs);
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
    struct epoll_event ev;
    char c;
    switch (kind) {
    case 0: return poll(&pf, 1, ms);
    case 1: return select(p[0] + 1, &rs, 0, 0, ms < 0 ? 0 : &tv);
    case 2: return epoll_wait(ep, &ev, 1, ms);
    case 3: return ppoll(&pf, 1, ms < 0 ? 0 : &ts, mask);
    case 4: return pselect(p[0] + 1, &rs, 0, 0, ms < 0 ? 0 : &ts, mask);
    case 5: return epoll_pwait(ep, &ev, 1, ms, mask);
    case 6: return syscall(SYS_epoll_pwait2, ep, &ev, 1, ms < 0 ? 0 : &ts, mask, 8);
    default:
        setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, ms < 0 ? &(struct timeval){ 0, 0 } : &tv, sizeof tv);
        return recv(sv[0], &c, 1, ms == 0 ? MSG_DONTWAIT : 0);
    }
}
static const char *const names[] = { "poll", "select", "epoll_wait", "ppoll", "pselect", "epoll_pwait", "epoll_pwait2", "recv" };

int main(void)
{
    fresh();
    must(pipe2(p, O_NONBLOCK));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    ep = must(epoll_create1(0));
    must(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &(struct epoll_event){ EPOLLIN, { 0 } }));
    on(SIGUSR1, handler, SA_RESTART);
    sigset_t none;
    sigemptyset(&none);
    char b[16];
    for (int k = 0; k < COUNT(names); k++) {
        say("%s\n", names[k]);
        long a = now_ms();
        errno = 0;
        long r = wait_for(k, 0, 0);
        say("  zero: %ld %s, at once %d\n", r, r < 0 ? ename(errno) : "", now_ms() - a < 3000);
        a = now_ms();
        r = wait_for(k, 40, 0);
        say("  40 ms: %ld %s, not sooner %d\n", r, r < 0 ? ename(errno) : "", now_ms() - a >= 39);
        pid_t c = spawn({ settle(getppid()); write(p[1], "x", 1); write(sv[1], "x", 1); });
        r = wait_for(k, -1, 0);
        waitpid(c, 0, 0);
        say("  infinite, woken: %ld\n", r);
        read(p[0], b, 16);
        recv(sv[0], b, 16, MSG_DONTWAIT);
        c = spawn({ settle(getppid()); write(p[1], "x", 1); write(sv[1], "x", 1); });
        r = wait_for(k, 60000, 0);
        waitpid(c, 0, 0);
        say("  a minute, woken: %ld\n", r);
        read(p[0], b, 16);
        recv(sv[0], b, 16, MSG_DONTWAIT);
        hits = 0;
        c = spawn({ settle(getppid()); kill(getppid(), SIGUSR1); });
        errno = 0;
        r = wait_for(k, 60000, 0);
        int e = errno;
        waitpid(c, 0, 0);
        say("  a signal: %ld %s, handler %d\n", r, r < 0 ? ename(e) : "", hits);
        if (k < 3 || k > 6) continue;
        block(SIGUSR1);
        raise(SIGUSR1);
        hits = 0;
        r = wait_for(k, 20, 0);
        say("  blocked signal: %ld, handler %d\n", r, hits);
        errno = 0;
        r = wait_for(k, 20, &none);
        say("  opened for the wait: %ld %s, handler %d\n", r, r < 0 ? ename(errno) : "", hits);
        sigset_t now;
        sigprocmask(SIG_BLOCK, 0, &now);
        say_set("  mask after", &now);
        unblock(SIGUSR1);
    }
    say("-- select writes back what is left, poll does not touch\n");
    struct timeval tv = { 100, 0 };
    write(p[1], "x", 1);
    fd_set rs;
    FD_ZERO(&rs);
    FD_SET(p[0], &rs);
    t(select(p[0] + 1, &rs, 0, 0, &tv));
    v(tv.tv_sec >= 90 && tv.tv_sec <= 100);
    struct timespec ts = { 100, 0 };
    FD_ZERO(&rs);
    FD_SET(p[0], &rs);
    t(syscall(SYS_pselect6, p[0] + 1, &rs, 0, 0, &ts, 0));
    v(ts.tv_sec >= 90 && ts.tv_sec <= 100);
    ts = (struct timespec){ 0, 1000000000 };
    t(syscall(SYS_epoll_pwait2, ep, 0, 1, &ts, 0, 8));
    t(syscall(SYS_pselect6, 0, 0, 0, 0, &ts, 0));
    t(syscall(SYS_epoll_pwait, ep, 0, 1, 0, &none, 4));
    struct { const sigset_t *m; size_t n; } bad = { &none, 4 };
    t(syscall(SYS_pselect6, 0, 0, 0, 0, 0, &bad));
    return 0;
}

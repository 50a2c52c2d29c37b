/* signal(7), "Interruption of system calls by stop signals": what SIGSTOP and SIGCONT do to a call without any handler: most go on, epoll_wait and
 * some others end with EINTR; the same with ignored signals, which end nothing. */
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>

static int pp[2], sv[2], ep;
static uint32_t *word;
static const char *const names[] = { "read", "recv", "recv with a timeout", "poll", "poll without limit", "select", "epoll_wait", "nanosleep", "clock_nanosleep", "futex", "futex with a timeout", "sigtimedwait", "pause", "wait4", "write to a full pipe", "accept" };
static long call(int which)
{
    char b[8];
    struct pollfd pf = { pp[0], POLLIN, 0 };
    struct timeval tv = { 20, 0 };
    struct timespec ts = { 0, 300000000 }, longer = { 20, 0 };
    fd_set rs;
    FD_ZERO(&rs);
    FD_SET(pp[0], &rs);
    struct epoll_event ev;
    sigset_t set = sigs(SIGUSR2);
    static char big[70000];
    switch (which) {
    case 0: return read(pp[0], b, 1);
    case 1: return recv(sv[0], b, 1, 0);
    case 2: setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv); return recv(sv[0], b, 1, 0);
    case 3: return poll(&pf, 1, 20000);
    case 4: return poll(&pf, 1, -1);
    case 5: return select(pp[0] + 1, &rs, 0, 0, &tv);
    case 6: return epoll_wait(ep, &ev, 1, 20000);
    case 7: return nanosleep(&ts, 0);
    case 8: return clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, 0);
    case 9: return syscall(SYS_futex, word, 0, 0, 0, 0, 0);
    case 10: return syscall(SYS_futex, word, 0, 0, &longer, 0, 0);
    case 11: block(SIGUSR2); return sigtimedwait(&set, 0, &longer);
    case 12: return pause();
    case 13: return wait4(-1, 0, 0, 0) > 0;
    case 14: return write(pp[1], big, 70000);
    case 15: listen(sv[0], 1); return accept(sv[0], 0, 0) >= 0;
    }
    return 0;
}

static void run(int which, int stop)
{
    must(pipe(pp));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    struct sockaddr un = { AF_UNIX, { 0 } };
    if (which == 15) { sv[0] = socket(AF_UNIX, SOCK_STREAM, 0); must(bind(sv[0], &un, 2)); }
    ep = epoll_create1(0);
    epoll_ctl(ep, EPOLL_CTL_ADD, pp[0], &(struct epoll_event){ EPOLLIN, { 0 } });
    *word = 0;
    pid_t p = spawn({
        signal(SIGHUP, SIG_IGN);
        if (which == 12) signal(SIGTERM, SIG_DFL);
        if (which == 13) spawn({ close(pp[1]); char c; read(pp[0], &c, 1); });
        close(which == 14 ? pp[0] : pp[1]);
        errno = 0;
        long r = call(which);
        say("%s, %s: %ld %s\n", names[which], stop ? "stopped" : "ignored signal", r, r < 0 ? ename(errno) : "");
    });
    if (which == 15) while (getsockopt(sv[0], SOL_SOCKET, SO_ACCEPTCONN, &(int){ 0 }, &(socklen_t){ 4 }), task_state(p, p) != 'S') nap(1);
    settle(p);
    if (stop) {
        kill(p, SIGSTOP);
        waitpid(p, 0, WUNTRACED);
        kill(p, SIGCONT);
    } else kill(p, SIGHUP);
    nap(15);
    *word = 1;
    syscall(SYS_futex, word, 1, 1, 0, 0, 0);
    if (which == 14) { static char b[70000]; close(pp[1]); long n = 0, r; while ((r = read(pp[0], b, sizeof b)) > 0) n += r; waitpid(p, 0, 0); say("  drained %ld\n", n); }
    else write(pp[1], "x", 1);
    if (which == 15) { struct sockaddr_storage a; socklen_t l = sizeof a; getsockname(sv[0], (void *)&a, &l); connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, l); }
    else write(sv[1], "y", 1);
    if (which == 11) kill(p, SIGUSR2);
    if (which == 12) kill(p, SIGTERM);
    int st = 0;
    waitpid(p, &st, 0);
    if (st) say_status(names[which], st);
    syscall(SYS_close_range, 3, ~0U, 0);
}

int main(void)
{
    fresh();
    word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < COUNT(names); i++) {
        run(i, 1);
        run(i, 0);
    }
    return 0;
}

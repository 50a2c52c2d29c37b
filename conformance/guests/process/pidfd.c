/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2): readiness at exit, waiting, signals with and without info, fds taken
 * from another process, stale descriptors, errors. */
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>

static int po(pid_t p, unsigned f) { return syscall(SYS_pidfd_open, p, f); }
static int snd(int fd, int sig, siginfo_t *si, unsigned f) { return syscall(SYS_pidfd_send_signal, fd, sig, si, f); }
static int getfd(int fd, int target, unsigned f) { return syscall(SYS_pidfd_getfd, fd, target, f); }
static int ev(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    return p.revents;
}
static void handler(int s, siginfo_t *si, void *u)
{
    (void)u;
    say("  %s code %d value %d from the parent %d\n", signame(s), si->si_code, si->si_value.sival_int, si->si_pid == getppid());
}

int main(void)
{
    fresh();
    int pp[2], q[2];
    must(pipe(pp));
    must(pipe(q));
    pid_t p = spawn({
        on(SIGUSR1, handler, SA_SIGINFO);
        block(SIGUSR1);
        dup2(q[1], 50);
        write(pp[1], "r", 1);
        sigset_t none;
        sigemptyset(&none);
        for (int i = 0; i < 2; i++) { sigsuspend(&none); write(pp[1], "h", 1); }
        write(50, "from the child", 14);
        pause();
    });
    char c;
    read(pp[0], &c, 1);
    int fd = must(po(p, 0));
    t(fcntl(fd, F_GETFD));
    v(ev(fd));
    t(snd(fd, 0, 0, 0));
    int sent = snd(fd, SIGUSR1, 0, 0);
    read(pp[0], &c, 1);
    v(sent);
    siginfo_t si;
    memset(&si, 0, sizeof si);
    si.si_signo = SIGUSR1;
    si.si_code = SI_QUEUE;
    si.si_pid = getpid();
    si.si_value.sival_int = 77;
    sent = snd(fd, SIGUSR1, &si, 0);
    read(pp[0], &c, 1);
    v(sent);
    t(snd(fd, SIGUSR2, &si, 0));
    si.si_code = SI_USER;
    t(snd(fd, SIGUSR1, &si, 0));
    t(snd(fd, 65, 0, 0));
    t(snd(fd, 0, 0, 99));
    t(snd(pp[0], 0, 0, 0));
    t(snd(99, 0, 0, 0));
    t(snd(fd, SIGUSR1, (void *)8, 0));
    char b[32];
    t(read(q[0], b, 32));
    settle(p);
    t(read(fd, b, 1));
    t(write(fd, b, 1));

    say("-- pidfd_getfd\n");
    int got = t(getfd(fd, 50, 0)) >= 0;
    v(got);
    t(getfd(fd, 51, 0));
    t(getfd(fd, 50, 1));
    t(getfd(pp[0], 50, 0));
    int w = getfd(fd, 50, 0);
    t(fcntl(w, F_GETFD));
    t(write(w, "borrowed", 8));
    slurp("through the child's pipe", q[0]);

    say("-- exit\n");
    int ep = epoll_create1(0);
    struct epoll_event e = { EPOLLIN, { .fd = 5 } };
    t(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    t(epoll_wait(ep, &e, 1, 0));
    t(waitid(P_PIDFD, fd, &si, WEXITED | WNOHANG));
    t(snd(fd, SIGTERM, 0, 0));
    t(epoll_wait(ep, &e, 1, 3000));
    v(ev(fd));
    t(snd(fd, 0, 0, 0));
    t(waitid(P_PIDFD, fd, &si, WEXITED | WNOWAIT));
    say("code %d status %d\n", si.si_code, si.si_status);
    t(waitid(P_PIDFD, fd, &si, WEXITED));
    v(ev(fd) & POLLIN);
    t(snd(fd, 0, 0, 0));
    t(waitid(P_PIDFD, fd, &si, WEXITED));
    t(getfd(fd, 50, 0));

    say("-- open\n");
    t(po(p, 0));
    t(po(1 << 22, 0));
    t(po(0, 0));
    t(po(-1, 0));
    t(po(getpid(), 0x1));
    int nb = t(po(getpid(), O_NONBLOCK)) > 0;
    v(nb);
    int self = po(getpid(), 0);
    v(ev(self));
    t(waitid(P_PIDFD, self, &si, WEXITED));
    p = spawn(pause());
    int nfd = po(p, O_NONBLOCK);
    t(waitid(P_PIDFD, nfd, &si, WEXITED));
    kill(p, SIGKILL);
    while (waitid(P_PIDFD, nfd, &si, WEXITED) < 0 && errno == EAGAIN) nap(1);
    say("code %d status %d\n", si.si_code, si.si_status);
    return 0;
}

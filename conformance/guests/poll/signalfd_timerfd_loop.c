/* epoll(7), signalfd(2), timerfd_create(2), eventfd(2), pidfd_open(2): one event loop over all of them: children that end, timers that fire in
 * their order, signals, wake-ups from threads, a pipe's end. */
#include "../guest.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

enum { SIG = 1, TIMER = 10, EVENT = 20, PID = 30, PIPE = 40 };
static int ep, ev;
static void add(int fd, int id)
{
    struct epoll_event e = { EPOLLIN, { .u32 = id } };
    must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
}
static void *thread(void *a)
{
    uint64_t one = 1;
    for (int i = 0; i < 100; i++) write(ev, &one, 8);
    return a;
}

int main(void)
{
    fresh();
    ep = must(epoll_create1(EPOLL_CLOEXEC));
    sigset_t set = sigs(SIGUSR1, SIGCHLD, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, 0);
    int sfd = must(signalfd(-1, &set, SFD_NONBLOCK));
    ev = must(eventfd(0, EFD_NONBLOCK));
    add(sfd, SIG);
    add(ev, EVENT);
    int tfd[3], pp[2];
    int order[3] = { 90, 30, 60 };
    for (int i = 0; i < 3; i++) {
        tfd[i] = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
        struct itimerspec its = { .it_value = { 0, order[i] * 1000000L } };
        timerfd_settime(tfd[i], 0, &its, 0);
        add(tfd[i], TIMER + i);
    }
    must(pipe2(pp, O_NONBLOCK));
    add(pp[0], PIPE);
    pid_t kid = spawn({ close(pp[0]); write(pp[1], "from the child", 14); close(pp[1]); nap(120); _exit(33); });
    close(pp[1]);
    int pidfd = must(syscall(SYS_pidfd_open, kid, 0));
    add(pidfd, PID);
    kill(getpid(), SIGUSR1);
    pthread_t th;
    pthread_create(&th, 0, thread, 0);

    uint64_t x, events = 0;
    int timers[3], nt = 0, kid_done = 0, usr = 0, chld = 0, piped = 0, hup = 0, rounds = 0;
    while (!(nt == 3 && kid_done && usr && chld && hup && events == 100) && ++rounds < 10000) {
        struct epoll_event e[4];
        int n = epoll_wait(ep, e, 4, 4000);
        if (n <= 0) { say("epoll_wait %d\n", n); break; }
        for (int i = 0; i < n; i++)
            switch (e[i].data.u32) {
            case SIG: {
                struct signalfd_siginfo s;
                while (read(sfd, &s, sizeof s) == sizeof s) {
                    usr += s.ssi_signo == SIGUSR1;
                    if (s.ssi_signo == SIGCHLD) { chld++; if (s.ssi_status != 33 || s.ssi_code != CLD_EXITED) say("wrong status\n"); }
                }
                break;
            }
            case EVENT: if (read(ev, &x, 8) == 8) events += x; break;
            case PID: {
                siginfo_t si;
                if (waitid(P_PIDFD, pidfd, &si, WEXITED) == 0) kid_done = si.si_status;
                epoll_ctl(ep, EPOLL_CTL_DEL, pidfd, 0);
                break;
            }
            case PIPE: {
                char b[64];
                ssize_t r = read(pp[0], b, 64);
                if (r > 0) piped += r;
                if (r == 0) { hup = 1; epoll_ctl(ep, EPOLL_CTL_DEL, pp[0], 0); }
                break;
            }
            default:
                if (read(tfd[e[i].data.u32 - TIMER], &x, 8) == 8 && nt < 3) timers[nt++] = e[i].data.u32 - TIMER;
            }
    }
    pthread_join(th, 0);
    /* Late enough a loop sees several timers at once, in the order of expiry still. */
    say("timers in order %d %d %d\n", timers[0], timers[1], timers[2]);
    say("SIGUSR1 %d SIGCHLD %d child %d pipe bytes %d end %d events %d\n", usr, chld, kid_done, piped, hup, (int)events);

    say("-- a repeating timer against a busy loop\n");
    struct itimerspec rep = { { 0, 2000000 }, { 0, 2000000 } };
    timerfd_settime(tfd[0], 0, &rep, 0);
    uint64_t total = 0;
    long end = now_ms() + 100;
    while (now_ms() < end) if (read(tfd[0], &x, 8) == 8) total += x;
    if (read(tfd[0], &x, 8) == 8) total += x;
    v(total >= 40 && total <= 5000);
    say("-- an event loop timeout computed from a timer\n");
    struct itimerspec cur;
    rep = (struct itimerspec){ { 0, 0 }, { 3600, 0 } };
    timerfd_settime(tfd[0], 0, &rep, 0);
    timerfd_gettime(tfd[0], &cur);
    v(cur.it_value.tv_sec >= 3590 && cur.it_value.tv_sec < 3600);
    struct epoll_event e;
    epoll_ctl(ep, EPOLL_CTL_DEL, sfd, 0);
    epoll_ctl(ep, EPOLL_CTL_DEL, ev, 0);
    t(epoll_wait(ep, &e, 1, 20));
    return 0;
}

/* signal(7): which calls restart under SA_RESTART and which end with EINTR whatever the flag. */
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>

/* In shared memory, so that the parent knows when the handler has run. */
static volatile int *hits;
static void handler(int s) { (void)s; ++*hits; }

/* The child sits in the call; the parent signals it, then lets a restarted call finish. */
static int pp[2], sv[2], lk, ep;
static long call(int which)
{
    char b[8];
    struct pollfd pf = { pp[0], POLLIN, 0 };
    struct timespec ts = { 3, 0 };
    struct timeval tv = { 3, 0 };
    fd_set rd;
    struct epoll_event ev;
    sigset_t set = sigs(SIGUSR2);
    int word = 0;
    FD_ZERO(&rd);
    FD_SET(pp[0], &rd);
    switch (which) {
    case 0: return read(pp[0], b, 1);
    case 1: return readv(pp[0], &(struct iovec){ b, 1 }, 1);
    case 2: return recv(sv[0], b, 1, 0);
    case 3: return wait4(-1, 0, 0, 0) > 0;
    case 4: return flock(lk, LOCK_EX);
    case 5: return fcntl(lk, F_SETLKW, &(struct flock){ .l_type = F_WRLCK });
    case 6: return syscall(SYS_futex, &word, 0, 0, 0, 0, 0);
    case 7: return poll(&pf, 1, 3000);
    case 8: return select(pp[0] + 1, &rd, 0, 0, &tv);
    case 9: return epoll_wait(ep, &ev, 1, 3000);
    case 10: return nanosleep(&ts, 0);
    case 11: return pause();
    case 12: return sigtimedwait(&set, 0, &ts);
    case 13: return (errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, 0)) ? -1 : 0;
    case 14: setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv); return recv(sv[0], b, 1, 0);
    }
    return 0;
}
static const char *const names[] = { "read", "readv", "recv", "wait4", "flock", "F_SETLKW", "futex", "poll",
    "select", "epoll_wait", "nanosleep", "pause", "sigtimedwait", "clock_nanosleep", "recv with a timeout" };

int main(void)
{
    fresh();
    xmkdtemp();
    hits = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int which = 0; which < COUNT(names); which++)
        for (int restart = 0; restart < 2; restart++) {
            if (restart && which == 6) continue;
            *hits = 0;
            put("lock", "");
            must(pipe(pp));
            must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
            lk = must(open("lock", O_RDWR));
            ep = must(epoll_create1(0));
            int held = must(open("lock", O_RDWR));
            flock(held, LOCK_EX);
            fcntl(held, F_SETLK, &(struct flock){ .l_type = F_WRLCK });
            pid_t p = spawn({
                on(SIGUSR1, handler, restart ? SA_RESTART : 0);
                if (which == 3) spawn({ close(pp[1]); char c; read(pp[0], &c, 1); });
                if (which == 4) { close(held); lk = open("lock", O_RDWR); }
                close(pp[1]);
                errno = 0;
                long r = call(which);
                say("%s%s: %ld %s, handler ran %d\n", names[which], restart ? " SA_RESTART" : "", r,
                    r < 0 ? ename(errno) : "", *hits);
            });
            settle(p);
            kill(p, SIGUSR1);
            for (int i = 0; i < 3000 && !*hits; i++) nap(1);
            nap(5);
            write(pp[1], "xx", 2);
            close(pp[1]);
            write(sv[1], "y", 1);
            flock(held, LOCK_UN);
            close(held);
            close(lk);
            int st;
            waitpid(p, &st, 0);
            if (st) say_status(names[which], st);
            close(pp[0]);
            close(sv[0]);
            close(sv[1]);
            close(ep);
        }
    return 0;
}

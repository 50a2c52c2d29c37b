/* epoll(7) with threads: many waiters of one descriptor: each event goes to one with EPOLLET or EPOLLONESHOT; EPOLLEXCLUSIVE wakes few; waking by add, by modify,
 * by close; a worker pool that loses nothing. */
#include "../guest.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int ep, stop_fd, woke, total, kind;
static pthread_t th[6];
static void *waiter(void *a)
{
    struct epoll_event e;
    int n = epoll_wait(ep, &e, 1, 4000);
    if (n == 1) __atomic_add_fetch(&woke, 1, __ATOMIC_SEQ_CST);
    return a;
}
static void *own_epoll(void *a)
{
    int mine = epoll_create1(0);
    struct epoll_event e = { EPOLLIN | (kind ? EPOLLEXCLUSIVE : 0), { 0 } };
    epoll_ctl(mine, EPOLL_CTL_ADD, *(int *)a, &e);
    e = (struct epoll_event){ EPOLLIN, { .u32 = 9 } };
    epoll_ctl(mine, EPOLL_CTL_ADD, stop_fd, &e);
    __atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
    int n = epoll_wait(mine, &e, 1, 4000);
    if (n == 1 && e.data.u32 != 9) __atomic_add_fetch(&woke, 1, __ATOMIC_SEQ_CST);
    close(mine);
    return 0;
}
static void *worker(void *a)
{
    (void)a;
    for (;;) {
        struct epoll_event e;
        int n = epoll_wait(ep, &e, 1, 4000);
        if (n != 1 || e.data.fd == stop_fd) return 0;
        char b[64];
        ssize_t r;
        long sum = 0, k = 0;
        while ((r = recv(e.data.fd, b, sizeof b, MSG_DONTWAIT)) > 0) for (ssize_t i = 0; i < r; i++) { sum += b[i]; k++; }
        __atomic_add_fetch(&total, (int)(sum), __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&woke, (int)k, __ATOMIC_SEQ_CST);
        /* One-shot: arm it again. */
        struct epoll_event again = { EPOLLIN | EPOLLONESHOT, { .fd = e.data.fd } };
        epoll_ctl(ep, EPOLL_CTL_MOD, e.data.fd, &again);
    }
}
static int sleeping(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *x; d && (x = readdir(d));) if (x->d_name[0] != '.' && atoi(x->d_name) != getpid()) n += task_state(getpid(), atoi(x->d_name)) == 'S';
    if (d) closedir(d);
    return n;
}
static void until_woke(int n) { for (int i = 0; i < 3000 && __atomic_load_n(&woke, __ATOMIC_SEQ_CST) < n; i++) nap(1); }
static void until_sleeping(int n) { for (int same = 0, i = 0; same < 3 && i < 1500; i++) { same = sleeping() == n ? same + 1 : 0; nap(2); } }

int main(void)
{
    fresh();
    uint64_t one = 1, x;
    stop_fd = eventfd(0, EFD_NONBLOCK);
    uint32_t modes[] = { EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT };
    const char *names[] = { "edge-triggered", "one-shot" };
    for (int k = 0; k < 2; k++) {
        ep = epoll_create1(0);
        int e = eventfd(0, EFD_NONBLOCK);
        struct epoll_event ev = { modes[k], { .fd = e } };
        epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev);
        woke = 0;
        for (int i = 0; i < 4; i++) pthread_create(&th[i], 0, waiter, 0);
        until_sleeping(4);
        write(e, &one, 8);
        until_woke(1);
        until_sleeping(3);
        say("%s: one event woke %d of four\n", names[k], woke);
        if (k == 1) { ev.events = modes[k]; epoll_ctl(ep, EPOLL_CTL_MOD, e, &ev); until_woke(2); until_sleeping(2); say("armed again: %d\n", woke); }
        ev = (struct epoll_event){ EPOLLIN, { .fd = stop_fd } };
        write(stop_fd, &one, 8);
        epoll_ctl(ep, EPOLL_CTL_ADD, stop_fd, &ev);
        for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
        say("a level-triggered one added woke the rest: %d\n", woke);
        read(stop_fd, &x, 8);
        close(ep);
        close(e);
    }
    for (kind = 0; kind < 2; kind++) {
        int e = eventfd(0, EFD_NONBLOCK);
        woke = total = 0;
        for (int i = 0; i < 4; i++) pthread_create(&th[i], 0, own_epoll, &e);
        while (total < 4) nap(1);
        until_sleeping(4);
        write(e, &one, 8);
        until_woke(kind ? 1 : 4);
        until_sleeping(kind ? 3 : 0);
        say("%s: woken %s\n", kind ? "EPOLLEXCLUSIVE" : "shared by four epolls", kind ? (woke >= 1 && woke < 4 ? "some, not all" : "wrong") : (woke == 4 ? "all" : "wrong"));
        write(stop_fd, &one, 8);
        for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
        read(stop_fd, &x, 8);
        close(e);
    }
    say("-- a pool of four workers, ten senders\n");
    ep = epoll_create1(0);
    woke = total = 0;
    int s[10][2];
    for (int i = 0; i < 10; i++) {
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, s[i]));
        struct epoll_event ev = { EPOLLIN | EPOLLONESHOT, { .fd = s[i][1] } };
        epoll_ctl(ep, EPOLL_CTL_ADD, s[i][1], &ev);
    }
    for (int i = 0; i < 4; i++) pthread_create(&th[i], 0, worker, 0);
    int want = 0;
    for (int r = 0; r < 200; r++) for (int i = 0; i < 10; i++) { char b[2] = { r % 50, i }; want += b[0] + b[1]; write(s[i][0], b, 2); }
    for (int i = 0; i < 4000 && __atomic_load_n(&woke, __ATOMIC_SEQ_CST) < 4000; i++) nap(1);
    say("bytes %d, sum right %d\n", woke, total == want);
    write(stop_fd, &one, 8);
    struct epoll_event ev = { EPOLLIN, { .fd = stop_fd } };
    epoll_ctl(ep, EPOLL_CTL_ADD, stop_fd, &ev);
    for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
    say("workers ended\n");
    return 0;
}

/* eventfd(2), timerfd_create(2): counters, semaphore mode, overflow, blocking, poll bits; expirations, absolute times,
 * disarm, cancel on read, bad arguments. */
#include "../guest.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int bits(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    return p.revents;
}
static long rd(int fd)
{
    uint64_t x = 0;
    return read(fd, &x, 8) == 8 ? (long)x : -1;
}
static long wr(int fd, uint64_t x) { return write(fd, &x, 8); }

int main(void)
{
    fresh();
    uint64_t x, xs[4];
    int e = t(eventfd(5, EFD_NONBLOCK));
    v(bits(e));
    t(rd(e));
    t(rd(e));
    v(bits(e));
    t(wr(e, 3));
    t(wr(e, 4));
    t(rd(e));
    t(wr(e, ~0ULL));
    t(wr(e, ~0ULL - 1));
    v(bits(e));
    t(wr(e, 1));
    t(wr(e, 0));
    t(read(e, &x, 7));
    t(read(e, xs, 20));
    t(write(e, &x, 4));
    t(write(e, xs, 16));
    t(read(e, (void *)1, 8));
    t(wr(e, 9));
    t(read(e, (void *)1, 8));
    t(rd(e));
    t(lseek(e, 0, SEEK_CUR));
    t(pread(e, &x, 8, 0));
    int s = t(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
    t(fcntl(s, F_GETFD));
    t(rd(s));
    t(rd(s));
    t(rd(s));
    t(eventfd(0, 0x10));
    int b = eventfd(0, 0);
    pid_t c = spawn({ nap(10); wr(b, 1234); });
    t(rd(b));
    reap(c, "writer");
    wr(b, ~0ULL - 1);
    c = spawn(say("blocked writer: %ld\n", wr(b, 7)));
    settle(c);
    long full = rd(b);
    reap(c, "writer");
    v(full == (long)(~0ULL - 1));
    t(rd(b));

    struct itimerspec its = { { 0, 0 }, { 0, 10000000 } }, old;
    int tf = t(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    v(bits(tf));
    t(rd(tf));
    t(timerfd_settime(tf, 0, &its, 0));
    t(poll(&(struct pollfd){ tf, POLLIN, 0 }, 1, 2000));
    t(timerfd_gettime(tf, &old));
    say("one-shot done: %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    t(rd(tf));
    t(rd(tf));
    its.it_interval.tv_nsec = 5000000;
    t(timerfd_settime(tf, 0, &its, 0));
    nap(60);
    v(rd(tf) >= 8);
    its = (struct itimerspec){ { 7, 0 }, { 100, 0 } };
    t(timerfd_settime(tf, 0, &its, &old));
    say("old interval %ld.%09ld armed %d\n", (long)old.it_interval.tv_sec, old.it_interval.tv_nsec, old.it_value.tv_nsec > 0);
    t(rd(tf));
    its = (struct itimerspec){ { 0, 0 }, { 0, 0 } };
    t(timerfd_settime(tf, 0, &its, &old));
    say("old %ld.x interval %ld\n", (long)old.it_value.tv_sec, (long)old.it_interval.tv_sec);
    clock_gettime(CLOCK_MONOTONIC, &its.it_value);
    its.it_value.tv_sec -= 1;
    t(timerfd_settime(tf, TFD_TIMER_ABSTIME, &its, 0));
    t(poll(&(struct pollfd){ tf, POLLIN, 0 }, 1, 2000));
    t(rd(tf));
    its.it_interval.tv_nsec = 100000000;
    t(timerfd_settime(tf, TFD_TIMER_ABSTIME, &its, 0));
    nap(1);
    v(rd(tf) >= 10);
    its.it_value.tv_nsec = 1000000000;
    t(timerfd_settime(tf, 0, &its, 0));
    t(timerfd_settime(tf, 8, &its, 0));
    t(timerfd_settime(e, 0, &its, 0));
    t(timerfd_settime(99, 0, &its, 0));
    t(timerfd_create(77, 0));
    t(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    t(timerfd_create(CLOCK_REALTIME, 0x10));
    ok(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC));
    t(write(tf, &x, 8));
    t(read(tf, &x, 4));
    return 0;
}

// flags: -luring
// io_uring(7) with IORING_SETUP_SQPOLL: a thread of the kernel takes submissions, with waking it and after it has gone to sleep; what cannot be combined.
#include "guest.h"
#include <liburing.h>
#include <pthread.h>

static struct io_uring ring;
static int take(void)
{
    struct io_uring_cqe *c;
    struct __kernel_timespec t = { 5, 0 };
    if (io_uring_wait_cqe_timeout(&ring, &c, &t) < 0) return -12345;
    int r = c->res;
    io_uring_cqe_seen(&ring, c);
    return r;
}
static const char *init(unsigned flags, unsigned cpu)
{
    struct io_uring r;
    struct io_uring_params p = { .flags = flags, .sq_thread_idle = 10, .sq_thread_cpu = cpu };
    int e = io_uring_queue_init_params(4, &r, &p);
    if (e) return ename(-e);
    io_uring_queue_exit(&r);
    return "ok";
}

static void *other(void *fd)
{
    char b[4] = "";
    io_uring_prep_read(io_uring_get_sqe(&ring), *(int *)fd, b, 3, 0);
    v(io_uring_submit(&ring));
    v(take());
    say("%s\n", b);
    return 0;
}

int main(void)
{
    fresh();
    xmkdtemp();
    say("affinity alone %s\n", init(IORING_SETUP_SQ_AFF, 0));
    say("affinity %s\n", init(IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF, 0));
    say("no such processor %s\n", init(IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF, 1 << 20));
    say("cooperative %s\n", init(IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN, 0));
    say("deferred %s\n", init(IORING_SETUP_SQPOLL | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER, 0));
    struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 10 };
    must(io_uring_queue_init_params(8, &ring, &p) ? -1 : 0);
    v(!!(p.features & IORING_FEAT_SQPOLL_NONFIXED));
    int fd = must(open("f", O_RDWR | O_CREAT, 0600));
    for (int i = 0; i < 4; i++) {
        char b[16] = "";
        io_uring_prep_write(io_uring_get_sqe(&ring), fd, "abcdef", 6, 0);
        v(io_uring_submit(&ring));
        v(take());
        io_uring_prep_read(io_uring_get_sqe(&ring), fd, b, 4, 1);
        v(io_uring_submit(&ring));
        v(take());
        say("%s\n", b);
        if (i == 1) nap(60);
    }
    say("many\n");
    int sum = 0, n = 0;
    for (int i = 0; i < 100; i++) {
        struct io_uring_sqe *s = io_uring_get_sqe(&ring);
        if (!s) { io_uring_submit(&ring); io_uring_sqring_wait(&ring); s = io_uring_get_sqe(&ring); if (!s) break; }
        io_uring_prep_write(s, fd, "x", 1, i);
        io_uring_submit(&ring);
    }
    while (n < 100) { int r = take(); if (r < 0) break; sum += r; n++; }
    v(n);
    v(sum);
    say("a pipe that has nothing yet\n");
    int q[2];
    pipe(q);
    char b[8] = "";
    io_uring_prep_read(io_uring_get_sqe(&ring), q[0], b, 8, 0);
    v(io_uring_submit(&ring));
    nap(30);
    write(q[1], "late", 4);
    v(take());
    say("%s\n", b);
    say("linked\n");
    struct io_uring_sqe *s = io_uring_get_sqe(&ring);
    io_uring_prep_read(s, 999, b, 8, 0);
    s->flags |= IOSQE_IO_LINK;
    io_uring_prep_nop(io_uring_get_sqe(&ring));
    v(io_uring_submit(&ring));
    say("%s %s\n", ename(-take()), ename(-take()));
    pthread_t th;
    pthread_create(&th, 0, other, &fd);
    pthread_join(th, 0);
    v(io_uring_enter(ring.ring_fd, 3, 0, 0, 0));
    v(io_uring_enter(ring.ring_fd, 0, 0, IORING_ENTER_SQ_WAIT, 0));
    io_uring_queue_exit(&ring);
    return 0;
}

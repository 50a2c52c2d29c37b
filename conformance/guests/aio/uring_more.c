// flags: -luring
// io_uring(7): registered rings, restrictions, zero copy, commands to sockets, multishot reads, children and futexes, messages with files, clones, clocks, bounds.
#include "guest.h"
#include <liburing.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct io_uring ring;
static struct io_uring_sqe *sqe(void)
{
    struct io_uring_sqe *s = io_uring_get_sqe(&ring);
    if (!s) die("sqe");
    return s;
}
static void told(const char *what, int n)
{
    struct io_uring_cqe *c;
    say("%s: %d;", what, n);
    while (io_uring_peek_cqe(&ring, &c) == 0) {
        say(" %llu=%s", c->user_data, c->res < 0 ? ename(-c->res) : "");
        if (c->res >= 0) say("%d", c->res);
        if (c->flags) say("/%x", c->flags);
        io_uring_cqe_seen(&ring, c);
    }
    say("\n");
}
static void run(const char *what, int wait) { told(what, io_uring_submit_and_wait(&ring, wait)); }
#define r(x) do { int e_ = (x); say("%s = %s%d\n", #x, e_ < 0 ? ename(-e_) : "", e_ < 0 ? 0 : e_); } while (0)

static void tcp(int fds[2])
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int l = must(socket(AF_INET, SOCK_STREAM, 0));
    must(bind(l, (void *)&a, len));
    must(listen(l, 1));
    must(getsockname(l, (void *)&a, &len));
    fds[0] = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect(fds[0], (void *)&a, len));
    fds[1] = must(accept(l, 0, 0));
    close(l);
}

static void rings(void)
{
    r(io_uring_register_ring_fd(&ring));
    io_uring_prep_nop(sqe());
    run("by index", 1);
    r(io_uring_unregister_ring_fd(&ring));
    struct io_uring_rsrc_update up = { .offset = 16, .data = ring.ring_fd };
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_RING_FDS, &up, 1));
    up.offset = 3;
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_RING_FDS, &up, 1));
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_RING_FDS, &up, 1));
    r(io_uring_enter(3, 0, 0, IORING_ENTER_REGISTERED_RING, 0));
    r(io_uring_enter(4, 0, 0, IORING_ENTER_REGISTERED_RING, 0));
    r(io_uring_enter(99, 0, 0, IORING_ENTER_REGISTERED_RING, 0));
    up.data = 0;
    r(io_uring_register(ring.ring_fd, IORING_UNREGISTER_RING_FDS, &up, 1));
    up.offset = -1U, up.data = 0;
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_RING_FDS, &up, 1));
}

static void sockets(void)
{
    int s[2], u[2];
    tcp(s);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, u));
    char b[32];
    io_uring_prep_send_zc(sqe(), s[0], "hello", 5, 0, 0);
    run("send_zc", 2);
    io_uring_prep_send_zc(sqe(), s[0], "again", 5, 0, IORING_SEND_ZC_REPORT_USAGE);
    run("reported", 2);
    io_uring_prep_send_zc(sqe(), s[0], "x", 1, 0, 1 << 9);
    run("unknown flag", 1);
    struct io_uring_sqe *q = sqe();
    io_uring_prep_cmd_sock(q, SOCKET_URING_OP_SIOCINQ, s[1], 0, 0, 0, 0);
    run("inq", 1);
    int value = 0;
    io_uring_prep_cmd_sock(sqe(), SOCKET_URING_OP_GETSOCKOPT, s[1], SOL_SOCKET, SO_TYPE, &value, sizeof value);
    run("getsockopt", 1);
    v(value);
    value = 1;
    io_uring_prep_cmd_sock(sqe(), SOCKET_URING_OP_SETSOCKOPT, s[1], SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value);
    run("setsockopt", 1);
    value = 0;
    socklen_t len = 4;
    getsockopt(s[1], SOL_SOCKET, SO_KEEPALIVE, &value, &len);
    v(value);
    io_uring_prep_cmd_sock(sqe(), 77, s[1], 0, 0, 0, 0);
    run("unknown command", 1);
    io_uring_prep_recv(sqe(), s[1], b, 32, 0);
    run("recv", 1);
    struct iovec iov = { "zc", 2 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    io_uring_prep_sendmsg_zc(sqe(), s[0], &m, 0);
    run("sendmsg_zc", 2);
    /* A buffer that waits although the socket does not. */
    fcntl(u[0], F_SETFL, O_NONBLOCK);
    q = sqe();
    io_uring_prep_recv(q, u[0], b, 32, 0);
    q->user_data = 7;
    run("nothing yet", 0);
    write(u[1], "abc", 3);
    told("now", io_uring_submit_and_wait(&ring, 1));
    close(s[0]), close(s[1]), close(u[0]), close(u[1]);
}

static void multishot(void)
{
    int ret, p[2];
    struct io_uring_buf_ring *br = io_uring_setup_buf_ring(&ring, 4, 5, 0, &ret);
    if (!br) die("buf ring");
    char bufs[4][8];
    for (int i = 0; i < 4; i++) io_uring_buf_ring_add(br, bufs[i], 8, i, io_uring_buf_ring_mask(4), i);
    io_uring_buf_ring_advance(br, 4);
    must(pipe(p));
    struct io_uring_sqe *q = sqe();
    io_uring_prep_read_multishot(q, p[0], 0, 0, 5);
    run("armed", 0);
    write(p[1], "one", 3);
    told("first", io_uring_submit_and_wait(&ring, 1));
    write(p[1], "two", 3);
    told("second", io_uring_submit_and_wait(&ring, 1));
    uint16_t head = 0;
    v(io_uring_buf_ring_head(&ring, 5, &head));
    v(head);
    v(io_uring_buf_ring_head(&ring, 6, &head));
    close(p[1]);
    told("end", io_uring_submit_and_wait(&ring, 1));
    int f = must(open("f", O_RDWR | O_CREAT, 0600));
    q = sqe();
    io_uring_prep_read_multishot(q, f, 0, 0, 5);
    run("regular file", 1);
    close(p[0]), close(f);
    io_uring_free_buf_ring(&ring, br, 4, 5);
}

static void waits(void)
{
    static uint32_t word = 5, other;
    io_uring_prep_futex_wait(sqe(), &word, 4, FUTEX_BITSET_MATCH_ANY, FUTEX2_SIZE_U32, 0);
    run("other value", 1);
    struct io_uring_sqe *q = sqe();
    struct futex_waitv fv[2] = { { 5, (uintptr_t)&word, FUTEX2_SIZE_U32, 0 }, { 0, (uintptr_t)&other, FUTEX2_SIZE_U32, 0 } };
    io_uring_prep_futex_waitv(q, fv, 2, 0);
    q->user_data = 1;
    q = sqe();
    io_uring_prep_futex_wake(q, &other, 1, FUTEX_BITSET_MATCH_ANY, FUTEX2_SIZE_U32, 0);
    q->user_data = 2;
    io_uring_submit_and_wait(&ring, 2);
    struct io_uring_cqe *c;
    for (int sum = 0, i = 0; i < 2 && !io_uring_peek_cqe(&ring, &c); i++) {
        sum += c->user_data * 10 + c->res;
        io_uring_cqe_seen(&ring, c);
        if (i == 1) v(sum);
    }
    pid_t pid = must(fork());
    if (pid == 0) _exit(3);
    siginfo_t si;
    memset(&si, 0, sizeof si);
    io_uring_prep_waitid(sqe(), P_PID, pid, &si, WEXITED, 0);
    run("waitid", 1);
    say("%d %d %d\n", si.si_pid == pid, si.si_code, si.si_status);
    io_uring_prep_waitid(sqe(), P_PID, pid, &si, WEXITED, 0);
    run("no child", 1);
}

static void other_ring(void)
{
    struct io_uring two;
    must(io_uring_queue_init(4, &two, 0) ? -1 : 0);
    int f = must(open("f", O_RDWR | O_CREAT, 0600));
    r(io_uring_register_files(&ring, &f, 1));
    io_uring_prep_msg_ring_fd(sqe(), two.ring_fd, 0, 0, 9, 0);
    run("no table there", 1);
    r(io_uring_register_files_sparse(&two, 2));
    io_uring_prep_msg_ring_fd(sqe(), two.ring_fd, 0, 1, 9, 0);
    run("sent", 1);
    io_uring_prep_msg_ring_fd_alloc(sqe(), two.ring_fd, 0, 10, 0);
    run("any place", 1);
    io_uring_prep_msg_ring_fd_alloc(sqe(), two.ring_fd, 0, 11, 0);
    run("full", 1);
    io_uring_prep_msg_ring_fd(sqe(), two.ring_fd, 5, 1, 9, 0);
    run("nothing there", 1);
    struct io_uring_cqe *c;
    while (!io_uring_peek_cqe(&two, &c)) {
        say("got %llu %d\n", c->user_data, c->res);
        io_uring_cqe_seen(&two, c);
    }
    char b[8];
    struct iovec iov = { b, 8 };
    r(io_uring_clone_buffers(&two, &ring));
    r(io_uring_register_buffers(&ring, &iov, 1));
    r(io_uring_clone_buffers(&two, &ring));
    r(io_uring_clone_buffers(&two, &ring));
    r(io_uring_unregister_buffers(&ring));
    r(io_uring_unregister_buffers(&two));
    r(io_uring_unregister_files(&ring));
    io_uring_queue_exit(&two);
    close(f);
}

static void bounds(void)
{
    struct io_uring_clock_register clock = { .clockid = CLOCK_REALTIME };
    r(io_uring_register_clock(&ring, &clock));
    clock.clockid = CLOCK_BOOTTIME;
    r(io_uring_register_clock(&ring, &clock));
    clock.clockid = CLOCK_MONOTONIC;
    r(io_uring_register_clock(&ring, &clock));
    unsigned int most[2] = { 3, 5 };
    io_uring_register_iowq_max_workers(&ring, most);
    most[0] = most[1] = 0;
    r(io_uring_register_iowq_max_workers(&ring, most));
    say("%u %u\n", most[0], most[1]);
    int p[2];
    must(pipe(p));
    for (int i = 0; i < 2; i++) {
        struct io_uring_sqe *q = sqe();
        io_uring_prep_poll_add(q, p[0], POLLIN);
        q->user_data = 40 + i;
    }
    io_uring_submit(&ring);
    struct io_uring_sync_cancel_reg reg = { .addr = 41, .timeout = { -1, -1 } };
    r(io_uring_register_sync_cancel(&ring, &reg));
    told("one", 0);
    reg.addr = 77;
    r(io_uring_register_sync_cancel(&ring, &reg));
    reg.flags = 1 << 12;
    r(io_uring_register_sync_cancel(&ring, &reg));
    reg.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL, reg.fd = p[0];
    r(io_uring_register_sync_cancel(&ring, &reg));
    told("all", 0);
    close(p[0]), close(p[1]);

    struct io_uring few;
    must(io_uring_queue_init(4, &few, IORING_SETUP_R_DISABLED) ? -1 : 0);
    r(io_uring_enter(few.ring_fd, 0, 0, 0, 0));
    struct io_uring_restriction res[2] = { { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
                                           { .opcode = 9 } };
    r(io_uring_register_restrictions(&few, res, 2));
    r(io_uring_register_restrictions(&few, res, 1));
    r(io_uring_register_restrictions(&few, res, 1));
    r(io_uring_enable_rings(&few));
    r(io_uring_enable_rings(&few));
    struct io_uring_sqe *q = io_uring_get_sqe(&few);
    io_uring_prep_nop(q);
    q = io_uring_get_sqe(&few);
    io_uring_prep_close(q, 99);
    v(io_uring_submit_and_wait(&few, 2));
    struct io_uring_cqe *c;
    while (!io_uring_peek_cqe(&few, &c)) {
        say("%s\n", c->res < 0 ? ename(-c->res) : "0");
        io_uring_cqe_seen(&few, c);
    }
    struct iovec iov = { &few, 8 };
    r(io_uring_register_buffers(&few, &iov, 1));
    io_uring_queue_exit(&few);

    struct io_uring polled;
    must(io_uring_queue_init(4, &polled, IORING_SETUP_IOPOLL) ? -1 : 0);
    int f = must(open("f", O_RDWR | O_CREAT, 0600));
    char b[4];
    io_uring_prep_read(io_uring_get_sqe(&polled), f, b, 4, 0);
    v(io_uring_submit(&polled));
    if (!io_uring_peek_cqe(&polled, &c)) say("%s\n", ename(-c->res)), io_uring_cqe_seen(&polled, c);
    io_uring_prep_fsync(io_uring_get_sqe(&polled), f, 0);
    v(io_uring_submit(&polled));
    if (!io_uring_peek_cqe(&polled, &c)) say("%s\n", ename(-c->res)), io_uring_cqe_seen(&polled, c);
    io_uring_queue_exit(&polled);
    close(f);
}

int main(void)
{
    fresh();
    xmkdtemp();
    must(io_uring_queue_init(8, &ring, 0) ? -1 : 0);
    rings();
    sockets();
    multishot();
    waits();
    other_ring();
    bounds();
    return 0;
}

// flags: -luring
// io_uring(7): rings in the program's own memory, work left to the issuer, tags of what is in use, bundles, vectors that change, silent links.
#include "guest.h"
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

static struct io_uring ring;
static struct io_uring_sqe *sqe(int id)
{
    struct io_uring_sqe *s = io_uring_get_sqe(&ring);
    if (!s) die("sqe");
    s->user_data = id;
    return s;
}
static void id(struct io_uring_sqe *s, int n) { s->user_data = n; }
static void told(const char *what)
{
    struct io_uring_cqe *c;
    say("%s:", what);
    while (io_uring_peek_cqe(&ring, &c) == 0) {
        say(" %llu=%s", c->user_data, c->res < 0 ? ename(-c->res) : "");
        if (c->res >= 0) say("%d", c->res);
        if (c->flags) say("/%x", c->flags);
        io_uring_cqe_seen(&ring, c);
    }
    say("\n");
}
static void run(const char *what, int wait) { io_uring_submit_and_wait(&ring, wait), told(what); }
#define r(x) do { int e_ = (x); say("%s = %s%d\n", #x, e_ < 0 ? ename(-e_) : "", e_ < 0 ? 0 : e_); } while (0)

static int setup(unsigned entries, struct io_uring_params *p)
{
    int fd = syscall(SYS_io_uring_setup, entries, p);
    return fd < 0 ? -errno : fd;
}

static void own_memory(void)
{
    char *m = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct io_uring_params p = { .flags = IORING_SETUP_NO_MMAP };
    r(setup(4, &p));
    p.cq_off.user_addr = (uintptr_t)m;
    r(setup(4, &p));
    p.sq_off.user_addr = (uintptr_t)m + 8;
    r(setup(4, &p));
    p.cq_off.user_addr += 8;
    r(setup(4, &p));
    char *ro = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p = (struct io_uring_params){ .flags = IORING_SETUP_NO_MMAP };
    p.cq_off.user_addr = (uintptr_t)m, p.sq_off.user_addr = (uintptr_t)ro;
    r(setup(4, &p));
    p = (struct io_uring_params){ .flags = IORING_SETUP_REGISTERED_FD_ONLY };
    r(setup(4, &p));
    p = (struct io_uring_params){ .flags = 0 };
    r(io_uring_queue_init_mem(4, &ring, &p, m, 16384) > 0);
    io_uring_prep_nop(sqe(1));
    io_uring_prep_nop(sqe(2));
    run("own memory", 2);
    r(mmap(0, 4096, PROT_READ, MAP_SHARED, ring.ring_fd, IORING_OFF_SQES) == MAP_FAILED);
    io_uring_queue_exit(&ring);
    p = (struct io_uring_params){ .flags = IORING_SETUP_REGISTERED_FD_ONLY };
    r(io_uring_queue_init_mem(4, &ring, &p, m, 16384) > 0);
    io_uring_prep_nop(sqe(3));
    run("no descriptor", 1);
    io_uring_queue_exit(&ring);
}

static void left_to_issuer(void)
{
    struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG };
    must(io_uring_queue_init_params(8, &ring, &p));
    int tell = must(eventfd(0, EFD_NONBLOCK));
    must(io_uring_register_eventfd(&ring, tell));
    uint64_t n = 0;
    int e[2];
    must(pipe(e));
    io_uring_prep_poll_add(sqe(1), e[0], POLLIN);
    io_uring_submit(&ring);
    write(e[1], "x", 1);
    v(io_uring_cq_ready(&ring));
    v(*ring.sq.kflags & IORING_SQ_TASKRUN);
    struct pollfd f = { .fd = ring.ring_fd, .events = POLLIN };
    v(poll(&f, 1, 0));
    v(read(tell, &n, 8));
    v(io_uring_get_events(&ring));
    v(*ring.sq.kflags & IORING_SQ_TASKRUN);
    told("asked for");
    /* In the name of the issuer, though somebody else's memory is at hand. */
    int fds[2];
    char c = 0;
    must(pipe(fds));
    io_uring_prep_read(sqe(2), fds[0], &c, 1, 0);
    io_uring_submit(&ring);
    pid_t pid = must(fork());
    if (pid == 0) write(fds[1], "x", 1), _exit(0);
    waitpid(pid, 0, 0);
    v(c);
    v(io_uring_cq_ready(&ring));
    io_uring_get_events(&ring);
    v(c);
    told("read");
    io_uring_queue_exit(&ring);
}

static void in_use(void)
{
    must(io_uring_queue_init(8, &ring, 0));
    int p[2];
    must(pipe(p));
    char a[16], b[16];
    struct iovec v1 = { a, 16 }, v2 = { b, 16 };
    __u64 tag = 70, tag2 = 71;
    r(io_uring_register_buffers_tags(&ring, &v1, &tag, 1));
    io_uring_prep_read_fixed(sqe(1), p[0], a, 16, 0, 0);
    io_uring_submit(&ring);
    r(io_uring_register_buffers_update_tag(&ring, 0, &v2, &tag2, 1));
    told("in use");
    write(p[1], "hey", 3);
    run("free", 1);
    int fd = p[0];
    tag = 80;
    r(io_uring_register_files_tags(&ring, &fd, &tag, 1));
    struct io_uring_sqe *s = sqe(2);
    io_uring_prep_read(s, 0, a, 16, 0);
    s->flags |= IOSQE_FIXED_FILE, id(s, 2);
    io_uring_submit(&ring);
    fd = -1;
    r(io_uring_register_files_update(&ring, 0, &fd, 1));
    told("file in use");
    write(p[1], "you", 3);
    run("file free", 1);
    /* All of a buffer has to be there. */
    char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(m + 4096, 4096);
    v1 = (struct iovec){ m, 8192 };
    r(io_uring_register_buffers_update_tag(&ring, 0, &v1, &tag, 1));
    io_uring_queue_exit(&ring);
}

static void bundles(void)
{
    must(io_uring_queue_init(8, &ring, 0));
    int s[2], ret;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    char out[4][4] = { "aaaa", "bbbb", "cccc", "dd" }, in[8][4];
    struct io_uring_buf_ring *from = io_uring_setup_buf_ring(&ring, 4, 1, 0, &ret);
    struct io_uring_buf_ring *to = io_uring_setup_buf_ring(&ring, 8, 2, 0, &ret);
    if (!from || !to) die("buf ring");
    for (int i = 0; i < 4; i++) io_uring_buf_ring_add(from, out[i], i == 3 ? 2 : 4, i, io_uring_buf_ring_mask(4), i);
    io_uring_buf_ring_advance(from, 4);
    memset(in, '.', sizeof in);
    for (int i = 0; i < 8; i++) io_uring_buf_ring_add(to, in[i], 4, i, io_uring_buf_ring_mask(8), i);
    io_uring_buf_ring_advance(to, 8);
    struct io_uring_sqe *q = sqe(0);
    io_uring_prep_send_bundle(q, s[0], 0, 0);
    q->flags |= IOSQE_BUFFER_SELECT, q->buf_group = 1, id(q, 1);
    run("sent", 1);
    q = sqe(0);
    io_uring_prep_recv(q, s[1], 0, 0, 0);
    q->ioprio |= IORING_RECVSEND_BUNDLE;
    q->flags |= IOSQE_BUFFER_SELECT, q->buf_group = 2, id(q, 2);
    run("received", 1);
    say("%.32s\n", in[0]);
    uint16_t head;
    io_uring_buf_ring_head(&ring, 2, &head);
    v(head);
    q = sqe(0);
    io_uring_prep_send_bundle(q, s[0], 0, 0);
    q->flags |= IOSQE_BUFFER_SELECT, q->buf_group = 1, id(q, 4);
    run("none left", 1);
    io_uring_queue_exit(&ring);
}

static void stable(void)
{
    must(io_uring_queue_init(8, &ring, 0));
    int p[2];
    must(pipe(p));
    char a[4] = "", b[4] = "", wrong[8] = "wrong";
    struct iovec v1[2] = { { a, 3 }, { b, 3 } };
    io_uring_prep_readv(sqe(1), p[0], v1, 2, 0);
    run("waits", 0);
    v1[0].iov_base = wrong, v1[1].iov_len = 0;
    write(p[1], "onetwo", 6);
    run("vector as it was", 1);
    say("%s %s %s\n", a, b, wrong);
    /* A link timeout, and what it stands before. */
    struct __kernel_timespec ts = { .tv_sec = 10 };
    struct io_uring_sqe *q = sqe(0);
    io_uring_prep_nop(q);
    q->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    q = sqe(0);
    io_uring_prep_link_timeout(q, &ts, 0);
    q->flags |= IOSQE_CQE_SKIP_SUCCESS, id(q, 9);
    run("silent", 0);
    for (int i = 0; i < 3; i++) {
        q = sqe(0);
        if (i == 0) io_uring_prep_write(q, p[1], 0, 5, 0);
        else io_uring_prep_nop(q);
        q->flags |= i < 2 ? IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS : 0, id(q, 10 + i);
    }
    run("the first tells", 1);
    for (int i = 0; i < 3; i++) {
        q = sqe(0);
        if (i == 0) io_uring_prep_write(q, p[1], 0, 5, 0);
        else io_uring_prep_nop(q);
        q->flags |= i < 2 ? IOSQE_IO_LINK : 0;
        if (i == 1) q->flags |= IOSQE_CQE_SKIP_SUCCESS;
        id(q, 20 + i);
    }
    run("all tell", 1);
    /* More is asked for than comes: what there is counts. */
    io_uring_prep_nop(sqe(30));
    io_uring_submit(&ring);
    struct io_uring_cqe *c;
    ts = (struct __kernel_timespec){ .tv_nsec = 1000000 };
    r(io_uring_wait_cqes(&ring, &c, 2, &ts, 0));
    told("one of two");
    r(io_uring_wait_cqes(&ring, &c, 1, &ts, 0));
    /* Signals of a process are there for requests too. */
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    int f = must(signalfd(-1, &set, SFD_NONBLOCK));
    io_uring_prep_poll_add(sqe(40), f, POLLIN);
    run("signalfd", 0);
    kill(getpid(), SIGUSR1);
    run("signalled", 1);
    io_uring_queue_exit(&ring);
}

static void full(void)
{
    struct io_uring_params p = { .flags = IORING_SETUP_CQSIZE, .cq_entries = 4 };
    must(io_uring_queue_init_params(4, &ring, &p));
    int e = must(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK));
    io_uring_prep_poll_multishot(sqe(1), e, POLLIN);
    io_uring_submit(&ring);
    uint64_t one = 1;
    for (int i = 0; i < 6; i++) write(e, &one, 8), io_uring_get_events(&ring);
    told("full");
    told("flushed");
    io_uring_queue_exit(&ring);
}

int main(void)
{
    own_memory();
    left_to_issuer();
    in_use();
    bundles();
    stable();
    full();
    return 0;
}

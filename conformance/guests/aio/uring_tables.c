// flags: -luring
// io_uring(7): tables made and changed with tags, sparse ones, ranges for new entries, installing an entry as a descriptor, messages between rings.
#include "guest.h"
#include <liburing.h>

static struct io_uring ring;
static void drain(const char *what)
{
    struct io_uring_cqe *c;
    say("%s:", what);
    while (io_uring_peek_cqe(&ring, &c) == 0) {
        say(" %llu=%s%d", c->user_data, c->res < 0 ? ename(-c->res) : "", c->res < 0 ? 0 : c->res);
        if (c->flags) say("/%u", c->flags);
        io_uring_cqe_seen(&ring, c);
    }
    say("\n");
}
static int one(void)
{
    struct io_uring_cqe *c;
    io_uring_submit(&ring);
    if (io_uring_wait_cqe(&ring, &c)) return -9999;
    int r = c->res;
    io_uring_cqe_seen(&ring, c);
    return r;
}
#define r(x) do { int e_ = (x); say("%s = %s%d\n", #x, e_ < 0 ? ename(-e_) : "", e_ < 0 ? 0 : e_); } while (0)

int main(void)
{
    fresh();
    xmkdtemp();
    must(io_uring_queue_init(8, &ring, 0) ? -1 : 0);
    v(!!(ring.features & (1 << 10)));
    int fd = must(open("f", O_RDWR | O_CREAT, 0600));
    write(fd, "content", 7);
    struct io_uring_rsrc_register bad = { .nr = 0 };
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_FILES2, &bad, sizeof bad));
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_FILES2, &bad, 8));
    bad.nr = 2, bad.flags = 4;
    r(io_uring_register(ring.ring_fd, IORING_REGISTER_FILES2, &bad, sizeof bad));
    int files[3] = { fd, -1, fd };
    __u64 none[3] = { 1, 2, 3 };
    r(io_uring_register_files_tags(&ring, files, none, 3));
    __u64 tags[3] = { 101, 0, 103 };
    r(io_uring_register_files_tags(&ring, files, tags, 3));
    r(io_uring_register_files_tags(&ring, files, tags, 3));
    drain("nothing went");
    int next[2] = { fd, -1 };
    __u64 t2[2] = { 201, 0 };
    r(io_uring_register_files_update_tag(&ring, 1, next, t2, 2));
    drain("one replaced");
    r(io_uring_register_files_update_tag(&ring, 2, next, t2, 2));
    r(io_uring_unregister_files(&ring));
    drain("all");
    r(io_uring_register_files_sparse(&ring, 8));
    r(io_uring_register_file_alloc_range(&ring, 3, 2));
    r(io_uring_register_file_alloc_range(&ring, 7, 2));
    for (int i = 0; i < 3; i++) {
        io_uring_prep_openat_direct(io_uring_get_sqe(&ring), AT_FDCWD, "f", O_RDONLY, 0, IORING_FILE_INDEX_ALLOC);
        r(one());
    }
    struct io_uring_sqe *s = io_uring_get_sqe(&ring);
    io_uring_prep_fixed_fd_install(s, 3, 0);
    int got = one();
    v(got > fd);
    v(fcntl(got, F_GETFD));
    char b[16] = "";
    v(read(got, b, 16));
    say("%s\n", b);
    s = io_uring_get_sqe(&ring);
    io_uring_prep_fixed_fd_install(s, 4, 1);
    got = one();
    v(fcntl(got, F_GETFD));
    io_uring_prep_fixed_fd_install(io_uring_get_sqe(&ring), 6, 0);
    r(one());
    io_uring_prep_fixed_fd_install(io_uring_get_sqe(&ring), 3, 8);
    r(one());
    s = io_uring_get_sqe(&ring);
    io_uring_prep_fixed_fd_install(s, fd, 0);
    s->flags &= ~IOSQE_FIXED_FILE;
    r(one());

    static char area[8192];
    struct iovec v1[2] = { { area, 4096 }, { area + 4096, 4096 } };
    __u64 bt[2] = { 301, 302 };
    r(io_uring_register_buffers_tags(&ring, v1, bt, 2));
    struct iovec nothing = { 0, 0 };
    __u64 zero = 0;
    r(io_uring_register_buffers_update_tag(&ring, 0, &nothing, &zero, 1));
    drain("a buffer");
    io_uring_prep_read_fixed(io_uring_get_sqe(&ring), fd, area, 4, 0, 0);
    r(one());
    io_uring_prep_read_fixed(io_uring_get_sqe(&ring), fd, area + 4096, 4, 0, 1);
    r(one());
    r(io_uring_register_buffers_update_tag(&ring, 1, v1, bt, 2));
    r(io_uring_unregister_buffers(&ring));
    drain("the other");
    r(io_uring_register_buffers_sparse(&ring, 4));
    r(io_uring_unregister_buffers(&ring));

    struct io_uring two;
    must(io_uring_queue_init(4, &two, 0) ? -1 : 0);
    io_uring_prep_msg_ring(io_uring_get_sqe(&ring), two.ring_fd, 77, 4242, 0);
    r(one());
    struct io_uring_cqe *c;
    r(io_uring_peek_cqe(&two, &c));
    say("message %d %llu %u\n", c->res, c->user_data, c->flags);
    io_uring_cqe_seen(&two, c);
    io_uring_prep_msg_ring(io_uring_get_sqe(&ring), fd, 77, 4242, 0);
    r(one());
    io_uring_prep_msg_ring(io_uring_get_sqe(&ring), two.ring_fd, 77, 4242, 64);
    r(one());
    io_uring_prep_msg_ring_cqe_flags(io_uring_get_sqe(&ring), two.ring_fd, 1, 2, 0, 5);
    r(one());
    r(io_uring_peek_cqe(&two, &c));
    say("message %d %llu %u\n", c->res, c->user_data, c->flags);
    io_uring_queue_exit(&two);
    io_uring_queue_exit(&ring);
    return 0;
}

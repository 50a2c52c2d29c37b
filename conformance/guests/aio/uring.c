// flags: -luring
// io_uring (io_uring(7)) through liburing: files, pipes, sockets, polls, timeouts, links, drains, cancellation, registered files and
// buffers, provided buffers, multishot requests, eventfds, overflow.
#include "guest.h"
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct io_uring ring;
static struct io_uring_sqe *sqe(unsigned long data) {
  struct io_uring_sqe *s = io_uring_get_sqe(&ring);
  if (s) memset(s, 0, sizeof *s), s->user_data = data;
  return s;
}
static void name(const char *what, unsigned long data) { printf("%s\n", what); }
static int cmp(const void *a, const void *b) {
  const struct io_uring_cqe *x = a, *y = b;
  return x->user_data < y->user_data ? -1 : x->user_data > y->user_data;
}
// Completions, sorted: requests that do not depend on each other end in any order.
static void take(const char *what, int n) {
  struct io_uring_cqe got[32];
  int have = 0;
  while (have < n) {
    struct io_uring_cqe *c;
    struct __kernel_timespec t = {3, 0};
    if (io_uring_wait_cqe_timeout(&ring, &c, &t) < 0) break;
    got[have] = *c;
    io_uring_cqe_seen(&ring, c);
    have++;
  }
  qsort(got, have, sizeof *got, cmp);
  printf("%s:", what);
  for (int i = 0; i < have; i++) {
    printf(" %llu=", got[i].user_data);
    if (got[i].res < 0) printf("%s", strerrorname_np(-got[i].res));
    else printf("%d", got[i].res);
    if (got[i].flags & IORING_CQE_F_MORE) printf("+");
    if (got[i].flags & IORING_CQE_F_BUFFER) printf("#%u", got[i].flags >> IORING_CQE_BUFFER_SHIFT);
  }
  printf("\n");
}
static void go(const char *what, int n) {
  int r = io_uring_submit(&ring);
  if (r < 0) printf("submit %s\n", strerrorname_np(-r));
  take(what, n);
}

int main(void) {
  fresh();
  xmkdtemp();
  struct io_uring_params bad = {.flags = 1u << 30};
  printf("unknown flag %s\n", strerrorname_np(-io_uring_queue_init_params(4, &ring, &bad)));
  printf("no entries %s\n", strerrorname_np(-io_uring_queue_init(0, &ring, 0)));
  struct io_uring_params p = {0};
  printf("setup %d\n", io_uring_queue_init_params(5, &ring, &p));
  printf("entries %u %u\n", p.sq_entries, p.cq_entries);
  char link_[64] = "", path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", ring.ring_fd);
  readlink(path, link_, sizeof link_ - 1);
  printf("%s\n", link_);

  io_uring_prep_nop(sqe(1));
  go("nop", 1);
  sqe(2)->opcode = 250;
  go("unknown operation", 1);

  io_uring_prep_openat(sqe(3), AT_FDCWD, "f", O_RDWR | O_CREAT, 0644);
  io_uring_submit(&ring);
  struct io_uring_cqe *c;
  io_uring_wait_cqe(&ring, &c);
  int f = c->res;
  io_uring_cqe_seen(&ring, c);
  printf("openat %d\n", f > 2);
  char in[64] = "", in2[64] = "";
  io_uring_prep_write(sqe(4), f, "hello world", 11, 0);
  go("write", 1);
  struct iovec v[2] = {{in, 5}, {in2, 6}};
  io_uring_prep_readv(sqe(5), f, v, 2, 0);
  go("readv", 1);
  printf("%s|%s\n", in, in2);
  io_uring_prep_read(sqe(6), f, in, 4, -1);
  go("read at the position", 1);
  printf("position %ld\n", (long)lseek(f, 0, SEEK_CUR));
  io_uring_prep_fsync(sqe(7), f, IORING_FSYNC_DATASYNC);
  go("fsync", 1);
  struct statx st;
  io_uring_prep_statx(sqe(8), AT_FDCWD, "f", 0, STATX_SIZE, &st);
  go("statx", 1);
  printf("size %llu\n", st.stx_size);
  io_uring_prep_read(sqe(9), 99, in, 4, 0);
  go("bad descriptor", 1);
  io_uring_prep_mkdirat(sqe(10), AT_FDCWD, "d", 0755);
  go("mkdirat", 1);
  io_uring_prep_renameat(sqe(11), AT_FDCWD, "d", AT_FDCWD, "e", 0);
  go("renameat", 1);
  io_uring_prep_symlinkat(sqe(12), "f", AT_FDCWD, "s");
  go("symlinkat", 1);
  io_uring_prep_linkat(sqe(13), AT_FDCWD, "f", AT_FDCWD, "g", 0);
  go("linkat", 1);
  io_uring_prep_unlinkat(sqe(14), AT_FDCWD, "e", AT_REMOVEDIR);
  go("unlinkat", 1);
  io_uring_prep_fallocate(sqe(15), f, 0, 0, 8192);
  go("fallocate", 1);
  io_uring_prep_openat(sqe(16), AT_FDCWD, "missing/f", O_RDONLY, 0);
  go("openat of nothing", 1);

  int fds[2];
  pipe(fds);
  io_uring_prep_read(sqe(20), fds[0], in, 10, 0);
  io_uring_submit(&ring);
  printf("nothing yet %d\n", io_uring_peek_cqe(&ring, &c));
  write(fds[1], "abc", 3);
  take("read of a pipe", 1);
  io_uring_prep_poll_add(sqe(21), fds[0], POLLIN);
  io_uring_submit(&ring);
  write(fds[1], "d", 1);
  take("poll", 1);
  read(fds[0], in, 1);
  io_uring_prep_poll_add(sqe(22), fds[0], POLLIN);
  io_uring_submit(&ring);
  io_uring_prep_cancel64(sqe(23), 22, 0);
  go("cancel", 2);
  io_uring_prep_cancel64(sqe(24), 22, 0);
  go("cancel of nothing", 1);
  io_uring_prep_poll_multishot(sqe(25), fds[0], POLLIN);
  io_uring_submit(&ring);
  for (int i = 0; i < 2; i++) {
    write(fds[1], "e", 1);
    take("poll, again and again", 1);
    read(fds[0], in, 1);
  }
  io_uring_prep_poll_remove(sqe(26), 25);
  go("poll remove", 2);

  struct __kernel_timespec soon = {0, 20 * 1000 * 1000}, late = {10, 0};
  io_uring_prep_timeout(sqe(30), &soon, 0, 0);
  go("timeout", 1);
  io_uring_prep_timeout(sqe(31), &late, 1, 0);
  io_uring_prep_nop(sqe(32));
  go("timeout with a count", 2);
  io_uring_prep_timeout(sqe(33), &late, 0, 0);
  io_uring_submit(&ring);
  io_uring_prep_timeout_remove(sqe(34), 33, 0);
  go("timeout remove", 2);
  io_uring_prep_timeout_remove(sqe(35), 77, 0);
  go("timeout remove of nothing", 1);
  struct io_uring_sqe *s = sqe(36);
  io_uring_prep_read(s, fds[0], in, 1, 0);
  s->flags |= IOSQE_IO_LINK;
  io_uring_prep_link_timeout(sqe(37), &soon, 0);
  go("link timeout", 2);
  s = sqe(38);
  io_uring_prep_nop(s);
  s->flags |= IOSQE_IO_LINK;
  io_uring_prep_link_timeout(sqe(39), &late, 0);
  go("link timeout, in time", 2);

  s = sqe(40);
  io_uring_prep_write(s, f, "linked", 6, 0);
  s->flags |= IOSQE_IO_LINK;
  io_uring_prep_read(sqe(41), f, in, 6, 0);
  go("link", 2);
  printf("%.6s\n", in);
  s = sqe(42);
  io_uring_prep_read(s, 99, in, 6, 0);
  s->flags |= IOSQE_IO_LINK;
  s = sqe(43);
  io_uring_prep_nop(s);
  s->flags |= IOSQE_IO_LINK;
  io_uring_prep_nop(sqe(44));
  go("link that fails", 3);
  s = sqe(45);
  io_uring_prep_read(s, 99, in, 6, 0);
  s->flags |= IOSQE_IO_HARDLINK;
  io_uring_prep_nop(sqe(46));
  go("hard link that fails", 2);
  s = sqe(47);
  io_uring_prep_read(s, fds[0], in, 1, 0);
  s = sqe(48);
  io_uring_prep_nop(s);
  s->flags |= IOSQE_IO_DRAIN;
  io_uring_prep_nop(sqe(49));
  io_uring_submit(&ring);
  printf("held back %d\n", io_uring_peek_cqe(&ring, &c));
  write(fds[1], "x", 1);
  take("drain", 3);
  s = sqe(50);
  io_uring_prep_nop(s);
  s->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_prep_nop(sqe(51));
  go("skip", 1);

  int sv[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
  io_uring_prep_recv(sqe(60), sv[0], in, 10, 0);
  io_uring_prep_send(sqe(61), sv[1], "socket", 6, 0);
  go("send and recv", 2);
  printf("%.6s\n", in);
  int l = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "sock"};
  bind(l, (void *)&un, sizeof un);
  listen(l, 4);
  io_uring_prep_multishot_accept(sqe(62), l, 0, 0, 0);
  io_uring_submit(&ring);
  for (int i = 0; i < 2; i++) {
    int k = socket(AF_UNIX, SOCK_STREAM, 0);
    io_uring_prep_connect(sqe(63), k, (void *)&un, sizeof un);
    io_uring_submit(&ring);
    int seen = 0;
    for (int j = 0; j < 2; j++) {
      io_uring_wait_cqe(&ring, &c);
      if (c->user_data == 62) printf("accepted %d more %d\n", c->res > 2, !!(c->flags & IORING_CQE_F_MORE));
      else printf("connected %d\n", c->res), seen++;
      io_uring_cqe_seen(&ring, c);
    }
  }
  io_uring_prep_cancel_fd(sqe(64), l, 0);
  go("cancel by descriptor", 2);

  int table[] = {f, -1, fds[0]};
  printf("register files %d\n", io_uring_register_files(&ring, table, 3));
  printf("again %s\n", strerrorname_np(-io_uring_register_files(&ring, table, 3)));
  s = sqe(70);
  io_uring_prep_read(s, 0, in, 6, 0);
  s->flags |= IOSQE_FIXED_FILE;
  go("fixed file", 1);
  s = sqe(71);
  io_uring_prep_read(s, 1, in, 6, 0);
  s->flags |= IOSQE_FIXED_FILE;
  go("empty place", 1);
  io_uring_prep_openat_direct(sqe(72), AT_FDCWD, "g", O_RDONLY, 0, 1);
  go("open into the table", 1);
  s = sqe(73);
  io_uring_prep_read(s, 1, in, 6, 0);
  s->flags |= IOSQE_FIXED_FILE;
  go("read it", 1);
  io_uring_prep_close_direct(sqe(74), 1);
  go("close it", 1);
  printf("unregister %d\n", io_uring_unregister_files(&ring));
  static char big[8192];
  struct iovec reg = {big, sizeof big};
  printf("register buffers %d\n", io_uring_register_buffers(&ring, &reg, 1));
  io_uring_prep_read_fixed(sqe(75), f, big + 100, 6, 0, 0);
  go("fixed buffer", 1);
  printf("%.6s\n", big + 100);
  io_uring_prep_read_fixed(sqe(76), f, big + 8190, 6, 0, 0);
  go("outside of it", 1);
  io_uring_prep_provide_buffers(sqe(77), big, 1024, 3, 7, 10);
  go("provide buffers", 1);
  s = sqe(78);
  io_uring_prep_recv(s, sv[0], 0, 100, 0);
  s->flags |= IOSQE_BUFFER_SELECT;
  s->buf_group = 7;
  io_uring_submit(&ring);
  write(sv[1], "chosen", 6);
  take("recv with a chosen buffer", 1);
  s = sqe(79);
  io_uring_prep_recv_multishot(s, sv[0], 0, 0, 0);
  s->flags |= IOSQE_BUFFER_SELECT;
  s->buf_group = 7;
  io_uring_submit(&ring);
  for (int i = 0; i < 2; i++) {
    write(sv[1], "many", 4);
    take("recv, again and again", 1);
  }
  write(sv[1], "none", 4);
  take("no buffer is left", 1);

  int efd = eventfd(0, EFD_NONBLOCK);
  printf("eventfd %d\n", io_uring_register_eventfd(&ring, efd));
  io_uring_prep_nop(sqe(80));
  go("nop", 1);
  unsigned long long n = 0;
  read(efd, &n, 8);
  printf("told %llu\n", n);
  struct pollfd pf = {ring.ring_fd, POLLIN | POLLOUT};
  poll(&pf, 1, 0);
  printf("poll of the ring %d\n", pf.revents);
  io_uring_prep_nop(sqe(81));
  io_uring_submit(&ring);
  poll(&pf, 1, 0);
  printf("poll of the ring %d\n", pf.revents);
  take("nop", 1);

  for (int i = 0; i < 20; i++) {
    while (!(s = sqe(100 + i))) io_uring_submit(&ring);
    io_uring_prep_nop(s);
  }
  io_uring_submit(&ring);
  printf("overflow %d\n", io_uring_cq_has_overflow(&ring));
  take("all of them", 20);
  printf("bad flags %s\n", strerrorname_np(-io_uring_enter(ring.ring_fd, 0, 0, 1u << 30, 0)));
  printf("no ring %s\n", strerrorname_np(-io_uring_enter(f, 0, 0, 0, 0)));
  struct io_uring_probe *probe = io_uring_get_probe_ring(&ring);
  printf("probe %d %d\n", io_uring_opcode_supported(probe, IORING_OP_STATX), io_uring_opcode_supported(probe, 200));
  io_uring_queue_exit(&ring);
  return 0;
}

// Linux asynchronous I/O (io_setup(2), io_submit(2), io_getevents(2), io_cancel(2), io_destroy(2)): files, pipes, polls, eventfds,
// the order of checks, and the ring that programs read themselves.
#include "guest.h"
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static long setup(unsigned n, aio_context_t *c) { return syscall(SYS_io_setup, n, c); }
static long submit(aio_context_t c, long n, struct iocb **l) { return syscall(SYS_io_submit, c, n, l); }
static long get(aio_context_t c, long min, long n, struct io_event *e, struct timespec *t) {
  return syscall(SYS_io_getevents, c, min, n, e, t);
}
static void answer(const char *what, long r) {
  if (r < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, r);
}
static void one(const char *what, aio_context_t c, struct iocb *b) {
  struct iocb *list[] = {b};
  answer(what, submit(c, 1, list));
}
static void events(aio_context_t c, long n) {
  struct io_event e[8];
  struct timespec t = {2, 0};
  long r = get(c, n, 8, e, &t);
  printf("  %ld events:", r);
  for (long i = 0; i < r; i++)
    // Of a poll that waited Linux tells more than was asked for.
    printf(" %llu=%lld", e[i].data, (long long)(e[i].data == 20 ? e[i].res & POLLIN : e[i].res));
  printf("\n");
}

int main(void) {
  fresh();
  xmkdtemp();
  aio_context_t c = 0, bad = 1, none = 0x1234000;
  answer("no requests", setup(0, &c));
  answer("not zero", setup(1, &bad));
  answer("too many", setup(0x7fffffff, &c));
  answer("null", setup(1, 0));
  answer("setup", setup(8, &c));
  answer("no such context", submit(none, 0, 0));
  answer("negative", submit(c, -1, 0));
  answer("zero", submit(c, 0, 0));
  answer("bad list", submit(c, 1, (void *)8));
  int fd = open("f", O_RDWR | O_CREAT, 0644);
  char out[] = "hello, world", in[32] = "";
  struct iocb w = {.aio_data = 1, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (long)out, .aio_nbytes = 12, .aio_offset = 3};
  one("write", c, &w);
  events(c, 1);
  struct iovec v[2] = {{in, 4}, {in + 8, 20}};
  struct iocb r = {.aio_data = 2, .aio_lio_opcode = IOCB_CMD_PREADV, .aio_fildes = fd, .aio_buf = (long)v, .aio_nbytes = 2, .aio_offset = 3};
  one("readv", c, &r);
  events(c, 1);
  printf("  %.4s|%.8s\n", in, in + 8);
  struct iocb s = {.aio_data = 3, .aio_lio_opcode = IOCB_CMD_FSYNC, .aio_fildes = fd};
  one("fsync", c, &s);
  events(c, 1);
  s.aio_buf = 1;
  one("fsync with a buffer", c, &s);
  struct iocb x = w;
  x.aio_lio_opcode = 77;
  one("unknown", c, &x);
  x = w, x.aio_fildes = 99;
  one("bad descriptor", c, &x);
  x = w, x.aio_reserved2 = 1;
  one("reserved", c, &x);
  x = w, x.aio_offset = -1;
  one("negative offset", c, &x);
  x = w, x.aio_flags = IOCB_FLAG_RESFD, x.aio_resfd = fd;
  one("no eventfd", c, &x);
  x = w, x.aio_rw_flags = 0x8000;
  one("unknown rw flags", c, &x);
  int ro = open("f", O_RDONLY);
  x = w, x.aio_fildes = ro;
  one("read only", c, &x);
  int efd = eventfd(0, EFD_NONBLOCK);
  x = w, x.aio_flags = IOCB_FLAG_RESFD, x.aio_resfd = efd, x.aio_data = 9;
  struct iocb y = x;
  y.aio_data = 10;
  struct iocb *both[] = {&x, &y};
  answer("two", submit(c, 2, both));
  unsigned long long n = 0;
  read(efd, &n, 8);
  printf("  eventfd %llu\n", n);
  events(c, 2);
  y.aio_fildes = 99;
  answer("second is bad", submit(c, 2, both));
  events(c, 1);

  int p[2];
  pipe(p);
  struct iocb q = {.aio_data = 20, .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = p[0], .aio_buf = POLLIN};
  one("poll", c, &q);
  struct timespec zero = {0, 0};
  struct io_event e[4];
  answer("nothing yet", get(c, 0, 4, e, &zero));
  write(p[1], "x", 1);
  events(c, 1);
  one("poll, ready", c, &q);
  events(c, 1);
  read(p[0], in, 1);
  one("poll again", c, &q);
  answer("cancel", syscall(SYS_io_cancel, c, &q, e));
  events(c, 1);
  answer("cancel what is not there", syscall(SYS_io_cancel, c, &q, e));
  q.aio_nbytes = 1;
  one("poll with a length", c, &q);
  q.aio_nbytes = 0, q.aio_buf = 0x10001;
  one("poll for too much", c, &q);
  q.aio_buf = POLLIN, q.aio_fildes = fd;
  one("poll a file", c, &q);
  events(c, 1);

  struct timespec soon = {0, 20 * 1000 * 1000};
  answer("timeout", get(c, 1, 1, e, &soon));
  answer("min above max", get(c, 2, 1, e, 0));
  answer("negative min", get(c, -1, 1, e, 0));
  one("write", c, &w);
  answer("bad room", get(c, 1, 1, (void *)8, 0));

  unsigned *ring = (void *)c;
  printf("magic %#x, header %u, full %d\n", ring[4], ring[7], ring[2] != ring[3]);

  pid_t child = fork();
  if (child == 0) {
    answer("in a child", submit(c, 0, 0));
    exit(0);
  }
  waitpid(child, 0, 0);
  q.aio_fildes = p[0];
  one("poll", c, &q);
  answer("destroy", syscall(SYS_io_destroy, c));
  answer("destroy again", syscall(SYS_io_destroy, c));
  answer("submit", submit(c, 0, 0));
  return 0;
}

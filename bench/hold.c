// hold serve PORT: accepts whatever comes, answers each byte with itself, closes when the other side does.
// hold connect PORT N: opens N connections, says so, keeps them until its input ends.
// hold rate PORT R SECONDS: R times a second a connection that sends a byte, waits for the answer and closes; prints how many it made.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in address;

static int serve(void) {
  struct epoll_event e = {.events = EPOLLIN}, got[64];
  int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0), on = 1, fd;
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(l, (void *)&address, sizeof address) || listen(l, 4096)) return perror("listen"), 1;
  e.data.fd = l;
  epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(ep, got, 64, -1);
    for (int i = 0; i < n; i++) {
      char buf[512];
      ssize_t r;
      if (got[i].data.fd == l) {
        while ((fd = accept4(l, 0, 0, SOCK_NONBLOCK)) >= 0) {
          e.data.fd = fd;
          epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
        }
      } else if ((r = read(got[i].data.fd, buf, sizeof buf)) <= 0) close(got[i].data.fd);
      else write(got[i].data.fd, buf, r);
    }
  }
}

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (void *)&address, sizeof address)) {
    perror("connect");
    exit(1);
  }
  return fd;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

#define MOST 512

/* Connections are begun on time, as long as not too many are under way. */
static int keep_rate(double rate, double seconds) {
  static char asked[20000];
  struct epoll_event e, got[64];
  struct linger reset = {1, 0};
  double start = now(), t;
  long begun = 0, done = 0;
  int ep = epoll_create1(0), open = 0;
  while ((t = now()) < start + seconds || open > 0) {
    while (t < start + seconds && begun < (t - start) * rate && open < MOST) {
      int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(fd, (void *)&address, sizeof address);
      asked[fd] = 0;
      e = (struct epoll_event){.events = EPOLLOUT, .data.fd = fd};
      epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
      begun++;
      open++;
    }
    int n = epoll_wait(ep, got, 64, 1);
    for (int i = 0; i < n; i++) {
      int fd = got[i].data.fd;
      char c = 1;
      if (!asked[fd]) {
        if (write(fd, &c, 1) != 1) return perror("write"), 1;
        asked[fd] = 1;
        e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
        continue;
      }
      if (read(fd, &c, 1) != 1) return perror("answer"), 1;
      /* Half of them are reset, so that the host's ports last. */
      if (done++ % 2) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close(fd);
      open--;
    }
  }
  printf("%ld connections, %.0f a second\n", done, done / (now() - start));
  return 0;
}

int main(int argc, char **argv) {
  struct rlimit files = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (!strcmp(argv[1], "serve")) return serve();
  if (!strcmp(argv[1], "connect")) {
    for (long n = atol(argv[3]); n > 0; n--) {
      int fd = dial();
      char c = 1;
      /* Until it is answered it may still be on its way. */
      if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1) return perror("answer"), 1;
    }
    puts("connected");
    fflush(stdout);
    char c;
    while (read(0, &c, 1) > 0) {
    }
    return 0;
  }
  return keep_rate(atof(argv[3]), atof(argv[4]));
}

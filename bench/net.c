// The operations of micro.c on sockets: two processes, one at each end.
#include "micro.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener(struct sockaddr_in *address) {
  socklen_t length = sizeof *address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (void *)address, length) || listen(fd, 128) || getsockname(fd, (void *)address, &length)) abort();
  return fd;
}

static void tcp_pair(int fds[2]) {
  struct sockaddr_in address;
  int on = 1, l = listener(&address);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fds[0], (void *)&address, sizeof address)) abort();
  fds[1] = accept(l, 0, 0);
  close(l);
  for (int i = 0; i < 2; i++) setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void ping_pong(int fds[2], long n) {
  char c = 0;
  pid_t pid = fork();
  if (pid == 0) {
    close(fds[0]);
    while (read(fds[1], &c, 1) == 1 && write(fds[1], &c, 1) == 1) {
    }
    _exit(0);
  }
  close(fds[1]);
  while (n--)
    if (write(fds[0], &c, 1) != 1 || read(fds[0], &c, 1) != 1) abort();
  close(fds[0]);
  waitpid(pid, 0, 0);
}

void op_tcp_pingpong(long n) {
  int fds[2];
  tcp_pair(fds);
  ping_pong(fds, n);
}

void op_unix_pingpong(long n) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) abort();
  ping_pong(fds, n);
}

static void bulk(int fds[2], long n) {
  static char block[65536];
  char c;
  pid_t pid = fork();
  if (pid == 0) {
    close(fds[0]);
    while (read(fds[1], block, sizeof block) > 0) {
    }
    if (write(fds[1], "x", 1) != 1) abort();
    _exit(0);
  }
  close(fds[1]);
  while (n--)
    if (write(fds[0], block, sizeof block) != sizeof block) abort();
  shutdown(fds[0], SHUT_WR);
  if (read(fds[0], &c, 1) != 1) abort();
  close(fds[0]);
  waitpid(pid, 0, 0);
}

void op_tcp_bulk(long n) {
  int fds[2];
  tcp_pair(fds);
  bulk(fds, n);
}

void op_unix_bulk(long n) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) abort();
  bulk(fds, n);
}

/* A server that accepts and closes, a client that connects and waits for the end. */
void op_connect_close(long n) {
  struct sockaddr_in address;
  int l = listener(&address);
  char c;
  pid_t pid = fork();
  if (pid == 0) {
    for (;;) close(accept(l, 0, 0));
  }
  while (n--) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&address, sizeof address) || read(fd, &c, 1) != 0) abort();
    close(fd);
  }
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  close(l);
}

void op_udp_pingpong(long n) {
  struct sockaddr_in address[2];
  socklen_t length = sizeof *address;
  int fds[2];
  for (int i = 0; i < 2; i++) {
    address[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fds[i], (void *)&address[i], length) || getsockname(fds[i], (void *)&address[i], &length)) abort();
  }
  for (int i = 0; i < 2; i++)
    if (connect(fds[i], (void *)&address[!i], length)) abort();
  char c = 0;
  pid_t pid = fork();
  if (pid == 0) {
    while (read(fds[1], &c, 1) == 1 && write(fds[1], &c, 1) == 1) {
    }
    _exit(0);
  }
  while (n--)
    if (write(fds[0], &c, 1) != 1 || read(fds[0], &c, 1) != 1) abort();
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  close(fds[0]);
  close(fds[1]);
}

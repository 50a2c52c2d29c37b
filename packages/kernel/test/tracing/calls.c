/* Calls whose arguments strace(1) takes apart, between two getpgrp() that mark where it begins and ends. */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <netinet/udp.h>
#include <netinet/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void handler(int sig) { (void)sig; }

static void signals(void) {
  struct sigaction sa = {.sa_flags = SA_RESTART};
  sa.sa_handler = handler;
  sigaddset(&sa.sa_mask, SIGINT);
  sigaction(SIGUSR1, &sa, 0);
  sigaction(SIGUSR1, 0, &sa);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, &set);
  sigemptyset(&set);
  sigprocmask(SIG_SETMASK, &set, 0);
  kill(getpid(), SIGUSR1);
  stack_t st;
  sigaltstack(0, &st);
  sigpending(&set);
}

static void waiting(void) {
  int p[2];
  pipe(p);
  pipe2(p, O_CLOEXEC | O_NONBLOCK);
  struct pollfd fds[2] = {{p[0], POLLIN, 0}, {p[1], POLLOUT | POLLHUP, 0}};
  poll(fds, 2, 0);
  poll(fds, 1, 5);
  int e = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event ev = {EPOLLOUT | EPOLLET, {.u64 = 6}};
  epoll_ctl(e, EPOLL_CTL_ADD, p[1], &ev);
  epoll_wait(e, &ev, 8, 0);
  epoll_wait(e, &ev, 1, 3);
  fd_set r;
  FD_ZERO(&r);
  FD_SET(p[1], &r);
  syscall(SYS_select, p[1] + 1, 0, &r, 0, 0);
  int n;
  ioctl(p[0], FIONREAD, &n);
  struct termios t;
  ioctl(p[0], TCGETS, &t);
  eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  signalfd(-1, &set, SFD_CLOEXEC);
  inotify_add_watch(inotify_init1(IN_NONBLOCK), "/etc", IN_CREATE | IN_DELETE);
}

static void sockets(void) {
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
  struct sockaddr_un un = {AF_UNIX, "/nowhere/at/all"};
  int k = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(k, (void *)&un, sizeof un);
  struct sockaddr_un name = {AF_UNIX, "\0strace-test"};
  bind(k, (void *)&name, 14);
  listen(k, 5);
  socklen_t length = sizeof un;
  getsockname(k, (void *)&un, &length);
  int value = 0;
  length = 4;
  getsockopt(k, SOL_SOCKET, SO_TYPE, &value, &length);
  value = 1;
  setsockopt(k, SOL_SOCKET, SO_REUSEADDR, &value, 4);
  setsockopt(-1, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, 4);
  setsockopt(-1, IPPROTO_IP, IP_RECVERR, &value, 4);
  setsockopt(-1, IPPROTO_IPV6, IPV6_V6ONLY, &value, 4);
  setsockopt(-1, IPPROTO_UDP, UDP_SEGMENT, &value, 4);
  struct iovec out[2] = {{"hello", 5}, {" world", 6}};
  char a[3], b[8];
  struct iovec in[2] = {{a, 3}, {b, 8}};
  writev(s[0], out, 2);
  readv(s[1], in, 2);
  struct msghdr m = {.msg_iov = out, .msg_iovlen = 1};
  sendmsg(s[0], &m, MSG_NOSIGNAL);
  m.msg_iov = in;
  m.msg_iovlen = 2;
  recvmsg(s[1], &m, 0);
  send(s[0], "abc", 3, MSG_NOSIGNAL);
  recv(s[1], b, 8, MSG_PEEK | MSG_DONTWAIT);
  shutdown(s[0], SHUT_WR);
}

static void files(void) {
  struct stat st;
  stat("/dev/null", &st);
  stat("/nowhere", &st);
  struct statx sx;
  statx(AT_FDCWD, "/nowhere", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx);
  char buffer[64];
  int f = open("/tmp/strace-test", O_RDWR | O_CREAT | O_TRUNC, 0640);
  ftruncate(f, 100);
  fstat(f, &st);
  lseek(f, -5, SEEK_END);
  pwrite(f, "ab\1\2\n\"8\0019", 9, 3);
  pread(f, buffer, 5, 0);
  fcntl(f, F_GETFL);
  fcntl(f, F_SETFL, O_APPEND);
  fcntl(f, F_GETFD);
  fcntl(f, F_SETFD, FD_CLOEXEC);
  fcntl(f, F_DUPFD_CLOEXEC, 30);
  struct flock lock = {F_WRLCK, SEEK_SET, 0, 10, 0};
  fcntl(f, F_SETLK, &lock);
  fcntl(f, F_GETLK, &lock);
  flock(f, LOCK_EX | LOCK_NB);
  fallocate(f, FALLOC_FL_KEEP_SIZE, 0, 10);
  utimensat(AT_FDCWD, "/tmp/strace-test", 0, 0);
  unlink("/tmp/strace-test");
  access("/tmp/strace-test", R_OK | X_OK);
  umask(022);
  readlink("/proc/self/nothing", buffer, 64);
  chdir("/");
  getcwd(buffer, 64);
  close(99);
  write(99, "a long string of more than thirty-two bytes", 43);
}

static void rest(void) {
  struct utsname u;
  uname((void *)8);
  struct rlimit limit = {1024, RLIM_INFINITY};
  syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, 0);
  syscall(SYS_prlimit64, 0, RLIMIT_CORE, 0, &limit);
  struct timespec ts = {0, 1000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, 0);
  syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts);
  struct itimerval it = {{0, 0}, {100, 0}};
  setitimer(ITIMER_REAL, &it, 0);
  alarm(0);
  int tf = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec its = {{0, 0}, {5, 0}};
  timerfd_settime(tf, TFD_TIMER_ABSTIME, &its, 0);
  void *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(m, 4096, PROT_NONE);
  madvise(m, 4096, MADV_DONTNEED);
  munmap(m, 8192);
  prctl(PR_SET_NAME, "newname");
  int word = 0;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
  syscall(SYS_futex, &word, FUTEX_WAIT, 12345, 0, 0, 0);
  syscall(SYS_getpriority, PRIO_PROCESS, 0);
  syscall(1000, 1, 2, 3, 4, 5, 6);
}

static void children(void) {
  int status;
  if (syscall(SYS_vfork) == 0) _exit(3);
  wait4(-1, &status, 0, 0);
  wait4(-1, &status, WNOHANG, 0);
}

static void faults(void) {
  struct uffdio_register r = {{0x1000, 0x2000}, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP, 0};
  struct uffdio_copy c = {0x1000, 0x2000, 0x3000, UFFDIO_COPY_MODE_WP, 0};
  struct uffdio_writeprotect w = {{0x1000, 0x2000}, UFFDIO_WRITEPROTECT_MODE_WP};
  struct uffdio_range g = {0x1000, 0x2000};
  struct uffdio_continue n = {{0x1000, 0x2000}, UFFDIO_CONTINUE_MODE_DONTWAKE, 0};
  ioctl(-1, UFFDIO_REGISTER, &r);
  ioctl(-1, UFFDIO_COPY, &c);
  ioctl(-1, UFFDIO_WRITEPROTECT, &w);
  ioctl(-1, UFFDIO_WAKE, &g);
  ioctl(-1, UFFDIO_CONTINUE, &n);
}

int main(void) {
  static char *argv[] = {"true", "x\ty", 0}, *envp[] = {"A=1", 0};
  syscall(SYS_getpgrp);
  signals();
  waiting();
  sockets();
  files();
  rest();
  children();
  faults();
  syscall(SYS_getpgrp);
  execve("/nowhere", argv, envp);
  execve("/bin/true", argv, envp);
}

// Times one operation after the other and prints "name<TAB>value<TAB>unit": the median of several repetitions, each long
// enough to be measured. Runs the same natively, in the sandbox, and under any other launcher.
#define _GNU_SOURCE
#include "micro.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPETITIONS 5
static const double TARGET = 0.05;
static char dir[256], path[300];
static int zero, null, file;
static char buffer[1 << 20];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Each operation does its thing n times. */
typedef void operation(long n);

static void op_getppid(long n) {
  while (n--) syscall(SYS_getppid);
}
static void op_read1(long n) {
  char c;
  while (n--)
    if (read(zero, &c, 1) != 1) abort();
}
static void op_write1(long n) {
  while (n--)
    if (write(null, "x", 1) != 1) abort();
}
static void op_clock(long n) {
  struct timespec t;
  while (n--) clock_gettime(CLOCK_MONOTONIC, &t);
}
static void op_lseek(long n) {
  while (n--) lseek(file, 0, SEEK_SET);
}
static void op_fstat(long n) {
  struct stat st;
  while (n--) fstat(file, &st);
}
static void op_poll(long n) {
  struct pollfd p = {null, POLLOUT, 0};
  while (n--) poll(&p, 1, 0);
}
static void op_open_close(long n) {
  while (n--) close(open(path, O_RDONLY));
}
static void op_stat(long n) {
  struct stat st;
  while (n--) stat(path, &st);
}
static void op_create_unlink(long n) {
  char other[320];
  snprintf(other, sizeof other, "%s/new", dir);
  while (n--) {
    close(open(other, O_CREAT | O_WRONLY, 0600));
    unlink(other);
  }
}
static void read_blocks(long n, size_t size) {
  lseek(file, 0, SEEK_SET);
  while (n--)
    if (read(file, buffer, size) != (ssize_t)size) {
      lseek(file, 0, SEEK_SET);
      n++;
    }
}
static void op_read4k(long n) { read_blocks(n, 4096); }
static void op_read64k(long n) { read_blocks(n, 65536); }
static void op_write1m(long n) {
  int fd = open(path, O_RDWR);
  for (long i = 0; i < n; i++) {
    if (i % 16 == 0) {
      ftruncate(fd, 0);
      lseek(fd, 0, SEEK_SET);
    }
    if (write(fd, buffer, sizeof buffer) != sizeof buffer) abort();
  }
  ftruncate(fd, 16 << 20);
  close(fd);
}
static void op_mmap_munmap(long n) {
  while (n--) munmap(mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536);
}
static void op_mprotect(long n) {
  static char *page;
  if (!page) page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  while (n--) mprotect(page, 4096, n & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
}
static void op_first_touch(long n) {
  char *p = mmap(0, n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (long i = 0; i < n; i++) p[i * 4096] = 1;
  munmap(p, n * 4096);
}
static void op_pipe_pingpong(long n) {
  int a[2], b[2];
  char c = 0;
  if (pipe(a) || pipe(b)) abort();
  pid_t pid = fork();
  if (pid == 0) {
    close(a[1]);
    while (read(a[0], &c, 1) == 1 && write(b[1], &c, 1) == 1) {
    }
    _exit(0);
  }
  close(a[0]);
  while (n--)
    if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1) abort();
  close(a[1]);
  waitpid(pid, 0, 0);
  close(b[0]);
  close(b[1]);
}
static volatile int turn;
static long rounds;
static void hand_over(int mine, int other) {
  while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, other, 0, 0, 0);
  __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
static void *partner(void *unused) {
  for (long i = 0; i < rounds; i++) hand_over(1, 0);
  return unused;
}
static void op_futex_pingpong(long n) {
  pthread_t t;
  rounds = n;
  turn = 0;
  pthread_create(&t, 0, partner, 0);
  for (long i = 0; i < n; i++) hand_over(0, 1);
  pthread_join(t, 0);
}
static void op_fork_exit(long n) {
  while (n--) {
    pid_t p = fork();
    if (p == 0) _exit(0);
    waitpid(p, 0, 0);
  }
}
static void op_fork_exec(long n) {
  while (n--) {
    pid_t p = fork();
    if (p == 0) {
      execl("/proc/self/exe", "micro", "--exit", (char *)0);
      _exit(1);
    }
    waitpid(p, 0, 0);
  }
}
static void *nothing(void *unused) { return unused; }
static void op_thread(long n) {
  while (n--) {
    pthread_t t;
    pthread_create(&t, 0, nothing, 0);
    pthread_join(t, 0);
  }
}
static void ignore(int s) { (void)s; }
static void op_signal_self(long n) {
  signal(SIGUSR1, ignore);
  while (n--) kill(getpid(), SIGUSR1);
}
static char *guarded;
static void open_up(int s, siginfo_t *i, void *u) {
  (void)s, (void)i, (void)u;
  mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}
static void op_segv(long n) {
  struct sigaction sa = {.sa_sigaction = open_up, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &sa, 0);
  if (!guarded) guarded = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  while (n--) {
    mprotect(guarded, 4096, PROT_NONE);
    *(volatile char *)guarded = 1;
  }
}

static const struct {
  const char *name;
  operation *run;
  double bytes; /* moved by one operation: the result is then a rate */
} operations[] = {
    {"getppid", op_getppid, 0},
    {"read-1", op_read1, 0},
    {"write-1", op_write1, 0},
    {"clock_gettime", op_clock, 0},
    {"lseek", op_lseek, 0},
    {"fstat", op_fstat, 0},
    {"poll", op_poll, 0},
    {"open+close", op_open_close, 0},
    {"stat", op_stat, 0},
    {"create+unlink", op_create_unlink, 0},
    {"read-4k", op_read4k, 4096},
    {"read-64k", op_read64k, 65536},
    {"write-1m", op_write1m, 1 << 20},
    {"mmap+munmap", op_mmap_munmap, 0},
    {"mprotect", op_mprotect, 0},
    {"first-touch", op_first_touch, 0},
    {"pipe-ping-pong", op_pipe_pingpong, 0},
    {"futex-ping-pong", op_futex_pingpong, 0},
    {"fork+exit+wait", op_fork_exit, 0},
    {"fork+exec+wait", op_fork_exec, 0},
    {"thread", op_thread, 0},
    {"signal-self", op_signal_self, 0},
    {"sigsegv+mprotect", op_segv, 0},
    {"unix-ping-pong", op_unix_pingpong, 0},
    {"unix-64k", op_unix_bulk, 65536},
    {"tcp-ping-pong", op_tcp_pingpong, 0},
    {"tcp-64k", op_tcp_bulk, 65536},
    {"tcp-connect+close", op_connect_close, 0},
    {"udp-ping-pong", op_udp_pingpong, 0},
};

static void measure(int i) {
  long n = 1;
  double took, samples[REPETITIONS];
  operations[i].run(1); /* what is loaded or made on first use */
  for (;;) {
    double t = now();
    operations[i].run(n);
    took = now() - t;
    if (took >= TARGET || n > (1L << 40)) break;
    n *= took < TARGET / 32 ? 8 : 2;
  }
  for (int r = 0; r < REPETITIONS; r++) {
    double t = now();
    operations[i].run(n);
    samples[r] = (now() - t) / n;
  }
  qsort(samples, REPETITIONS, sizeof *samples, ascending);
  double median = samples[REPETITIONS / 2];
  if (operations[i].bytes > 0) printf("%s\t%.4g\tGB/s\n", operations[i].name, operations[i].bytes / median * 1e-9);
  else printf("%s\t%.4g\tns\n", operations[i].name, median * 1e9);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--exit") == 0) return 0;
  long exactly = 0; /* --count N: each operation so many times, nothing is measured */
  if (argc > 3 && strcmp(argv[1], "--count") == 0) {
    exactly = atol(argv[2]);
    argv += 2;
    argc -= 2;
  }
  snprintf(dir, sizeof dir, "%s/micro-XXXXXX", argc > 1 ? argv[1] : "/dev/shm");
  if (!mkdtemp(dir)) return 1;
  snprintf(path, sizeof path, "%s/file", dir);
  zero = open("/dev/zero", O_RDONLY);
  null = open("/dev/null", O_WRONLY);
  file = open(path, O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 16; i++) write(file, buffer, sizeof buffer);
  for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++) {
    int wanted = argc <= 2;
    for (int k = 2; k < argc; k++) wanted |= strcmp(argv[k], operations[i].name) == 0;
    if (wanted && exactly) operations[i].run(exactly);
    else if (wanted) measure(i);
  }
  unlink(path);
  rmdir(dir);
  return 0;
}

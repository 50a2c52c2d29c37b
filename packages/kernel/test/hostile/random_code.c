// Executes random bytes, in a child each time; every child must end in an exit or a signal of its own.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void execute(int warm, int with_calls) {
  struct rlimit one = {1, 1};
  setrlimit(RLIMIT_CPU, &one);
  alarm(1);
  setsid();
  for (int fd = 0; fd < 3; fd++) close(fd);
  for (int k = 0; warm && k < 60; k++) syscall(SYS_getppid);
  unsigned char *m = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int k = 0; k < 4096; k++) m[k] = random();
  for (int k = 0; with_calls && k < 4000; k += 50 + random() % 100) {
    m[k] = 0x0f;
    m[k + 1] = 0x05;
  }
  ((void (*)(void))(m + random() % 3000))();
  _exit(0);
}

int main(int argc, char **argv) {
  int seed = atoi(argv[1]), count = atoi(argv[2]), ended = 0;
  for (int i = 0; i < count; i++) {
    pid_t p = fork();
    if (p == 0) {
      srandom(seed * 100000 + i);
      execute(i % 2, i % 3 == 0);
    }
    int status;
    if (waitpid(p, &status, 0) == p) ended++;
  }
  printf("children %d\n", ended);
  return argc < 2;
}

// Writes rubbish into the page its fast system calls go through, from another thread, while it makes calls.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile unsigned *page;
static volatile int ready;
static int mode;

static unsigned next(void) {
  static unsigned s = 12345;
  s ^= s << 13;
  s ^= s >> 17;
  s ^= s << 5;
  return s;
}

static void *scribble(void *unused) {
  while (!ready) {
  }
  for (long i = 0; i < 1000000; i++) {
    volatile unsigned *p = page + (mode == 0 ? 0 : next() % 280);
    *p = mode == 2 ? next() % 8 : next();
    for (int k = 0; mode == 0 && k < 20; k++) __asm__ volatile("pause");
  }
  return unused;
}

int main(int argc, char **argv) {
  mode = argc > 1 ? atoi(argv[1]) : 0;
  for (int i = 0; i < 200; i++) syscall(SYS_getppid);
  unsigned long base;
  __asm__ volatile("rdgsbase %0" : "=r"(base));
  page = (volatile unsigned *)base;
  if (base == 0) {
    puts("no page");
    return 2;
  }
  pthread_t t;
  pthread_create(&t, 0, scribble, 0);
  ready = 1;
  for (long i = 0; i < 50000; i++) syscall(SYS_getppid);
  puts("survived");
  return 0;
}

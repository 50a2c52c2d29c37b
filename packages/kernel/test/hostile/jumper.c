// Jumps into the code the platform keeps in every guest, at any place and with any registers, in a child each time.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long place(void) {
  switch (random() % 4) {
    case 0: return 0x7fffffffc000UL + random() % 768;
    case 1: return 0x7fffffe00000UL + random() % 4096;
    case 2: return 0x7fffffff0000UL;
    default: return 0x60000 + random() % 4096;
  }
}

static void jump(void) {
  unsigned long r[7];
  alarm(1);
  for (int k = 0; k < 100; k++) syscall(SYS_getppid);
  for (int k = 0; k < 7; k++) r[k] = random() % 3 ? random() : ((unsigned long)random() << 32 | random());
  if (random() % 3 == 0) {
    unsigned long gs = random() % 2 ? 0 : r[0];
    __asm__ volatile("wrgsbase %0" ::"r"(gs));
  }
  __asm__ volatile(
      "mov %0,%%rax; mov %1,%%rdi; mov %2,%%rsi; mov %3,%%rdx; mov %4,%%r12; mov %5,%%r13; mov %6,%%rcx; jmp *%7" ::"m"(r[0]),
      "m"(r[1]), "m"(r[2]), "m"(r[3]), "m"(r[4]), "m"(r[5]), "m"(r[6]), "r"(place())
      : "rax", "rdi", "rsi", "rdx", "r12", "r13", "rcx");
  _exit(0);
}

int main(int argc, char **argv) {
  int seed = atoi(argv[1]), count = atoi(argv[2]), done = 0;
  for (int i = 0; i < count; i++) {
    pid_t p = fork();
    if (p == 0) {
      srandom(seed * 100000 + i);
      jump();
    }
    int status;
    if (waitpid(p, &status, 0) == p) done++;
  }
  printf("children %d\n", done);
  return argc < 2;
}

/*
 * What the host charges for what the ptrace platform does, without any of our code in between: a system call taken from a thread
 * (PTRACE_SYSEMU), a memory operation executed by a second thread of the same process (PTRACE_CONT to its next int3), and one after the
 * other, as for a guest's mprotect. All on one processor, which is cheapest.
 *
 *   gcc -O2 -pthread -o /tmp/floor bench/floor.c && /tmp/floor
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20000
#define PAGE 4096
#define SYSEMU 31
#define TRAPPED 0x057f
#define SYSCALL 0x857f

enum operation { NOTHING, MPROTECT, MMAP_MUNMAP, OPERATIONS };
static const char *names[] = {"nothing", "mprotect", "mmap and munmap"};

static enum operation operation;
static char *page;
static int memory;
/* Shared with the tracer: the agent's id, and that it is traced. */
static volatile int *shared;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void run(long round) {
  if (operation == MPROTECT) mprotect(page, PAGE, round & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
  if (operation != MMAP_MUNMAP) return;
  munmap(page, PAGE);
  mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0);
}

static void *agent(void *unused) {
  shared[0] = syscall(SYS_gettid);
  while (!shared[1]) usleep(1000);
  for (long i = 0;; i++) {
    run(i);
    __asm__ volatile("int3");
  }
  return unused;
}

static void guest(void) {
  memory = memfd_create("floor", 0);
  if (ftruncate(memory, PAGE)) _exit(1);
  page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  *page = 1;
  pthread_t thread;
  pthread_create(&thread, 0, agent, 0);
  while (!shared[1]) usleep(1000);
  for (;;) __asm__ volatile("syscall" ::"a"(0x7000) : "rcx", "r11", "memory");
}

static int resume(int request, int pid) {
  int status;
  ptrace(request, pid, 0, 0);
  waitpid(pid, &status, __WALL);
  return status;
}

static void seize(int pid) {
  int status;
  ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  ptrace(PTRACE_INTERRUPT, pid, 0, 0);
  waitpid(pid, &status, __WALL);
}

static void measure(void) {
  shared[0] = shared[1] = 0;
  int pid = fork();
  if (pid == 0) guest();
  while (!shared[0]) usleep(1000);
  int thread = shared[0];
  seize(pid);
  seize(thread);
  shared[1] = 1;
  while (resume(PTRACE_CONT, thread) != TRAPPED) continue;
  while (resume(SYSEMU, pid) != SYSCALL) continue;
  double start = now();
  for (int i = 0; i < ROUNDS; i++) resume(SYSEMU, pid);
  double calls = now();
  for (int i = 0; i < ROUNDS; i++) resume(PTRACE_CONT, thread);
  double lists = now();
  for (int i = 0; i < ROUNDS; i++) resume(SYSEMU, pid), resume(PTRACE_CONT, thread);
  double both = now();
  int status;
  kill(pid, SIGKILL);
  waitpid(thread, &status, __WALL);
  waitpid(pid, &status, __WALL);
  double native = now();
  if (operation != NOTHING)
    for (int i = 0; i < ROUNDS; i++) run(i);
  native = now() - native;
  printf("%-16s native %5.2f us, call %5.2f, list %5.2f, both %5.2f\n", names[operation], native / ROUNDS,
         (calls - start) / ROUNDS, (lists - calls) / ROUNDS, (both - lists) / ROUNDS);
}

int main(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  shared = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memory = memfd_create("floor", 0);
  if (ftruncate(memory, PAGE)) return 1;
  page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  *page = 1;
  for (operation = NOTHING; operation < OPERATIONS; operation++) measure();
  return 0;
}

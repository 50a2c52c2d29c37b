// Prints, for a handler on the normal stack and one on an alternate stack, where the kernel put the frame.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static uint64_t frame, fpstate, rsp, xsize;
static char alt[65536] __attribute__((aligned(64)));

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  // rsp pointed at pretcode when the handler began; the ucontext follows it.
  frame = (uint64_t)uc - 8;
  fpstate = (uint64_t)uc->uc_mcontext.fpregs;
  rsp = uc->uc_mcontext.gregs[REG_RSP];
  xsize = *(uint32_t *)((char *)fpstate + 464 + 16);
  if ((uint64_t)info != frame + 312) abort();
}

static void show(const char *name, int flags) {
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(SIGUSR1, &sa, 0);
  // Stack pointers of every alignment.
  for (int pad = 0; pad < 64; pad += 8) {
    uint64_t pid = getpid();
    __asm__ volatile("movq %%rsp, %%rbx\n\t subq %[pad], %%rsp\n\t syscall\n\t movq %%rbx, %%rsp"
                     : : "a"((uint64_t)SYS_kill), "D"(pid), "S"((uint64_t)SIGUSR1), [pad] "r"((uint64_t)pad + 4096)
                     : "rbx", "rcx", "r11", "memory");
    printf("%s %lu %lu %lu %lu %lu\n", name, rsp, frame, fpstate, xsize, (uint64_t)alt);
  }
}

int main(void) {
  stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
  show("normal", 0);
  sigaltstack(&ss, 0);
  show("altstack", SA_ONSTACK);
  return 0;
}

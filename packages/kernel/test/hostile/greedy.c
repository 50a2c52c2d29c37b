/* Takes as much as it can of one thing, over and over, until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void nothing(int sig) { (void)sig; }
static void *sleeper(void *a) { for (;;) pause(); return a; }

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (!strcmp(mode, "forks")) for (;;) fork();
    if (!strcmp(mode, "threads")) for (;;) { pthread_t t; pthread_create(&t, 0, sleeper, 0); }
    if (!strcmp(mode, "fds")) for (int p[2];;) { if (fork() == 0) for (;;) { open("/dev/null", 0); pipe(p); } }
    if (!strcmp(mode, "memory")) {
        /* One of its children is killed for memory, it starts another. */
        for (;;) if (fork() == 0) for (;;) { char *p = mmap(0, 8 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); if (p != MAP_FAILED) memset(p, 1, 8 << 20); }
    }
    if (!strcmp(mode, "mappings")) for (long i = 0;; i++) mmap(0, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!strcmp(mode, "signals")) {
        signal(SIGUSR1, nothing);
        signal(SIGRTMIN, nothing);
        for (int i = 0; i < 3; i++) if (fork() == 0) break;
        for (union sigval v = { 0 };;) { kill(0, SIGUSR1); sigqueue(getpid(), SIGRTMIN, v); }
    }
    if (!strcmp(mode, "timers")) {
        signal(SIGALRM, nothing);
        struct itimerspec often = { { 0, 1 }, { 0, 1 } };
        struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
        for (timer_t t;;) if (timer_create(CLOCK_MONOTONIC, &e, &t) == 0) timer_settime(t, 0, &often, 0);
    }
    if (!strcmp(mode, "itimer")) {
        signal(SIGALRM, nothing);
        struct itimerval often = { { 0, 1 }, { 0, 1 } };
        setitimer(ITIMER_REAL, &often, 0);
        for (;;) pause();
    }
    if (!strcmp(mode, "calls")) for (;;) syscall(SYS_getppid);
    for (;;) {}
}

/* Takes as much as it can of one thing, over and over, until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void nothing(int sig) { (void)sig; }
static void *sleeper(void *a) { for (;;) pause(); return a; }

/* Puts a socket into the queue of one end of a new pair and lets go of it; the other end. */
static int pass(int fd)
{
    int s[2];
    char byte = 0, control[CMSG_SPACE(sizeof fd)] = { 0 };
    struct iovec part = { &byte, 1 };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0) return fd;
    *c = (struct cmsghdr){ CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    while (sendmsg(s[0], &m, MSG_DONTWAIT) > 0) {}
    close(s[0]);
    close(fd);
    return s[1];
}

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
    /* The parent sleeps for as long as its child has its memory, which is for ever. */
    if (!strcmp(mode, "vforks")) for (;;) vfork();
    if (!strcmp(mode, "execs")) {
        for (int i = 0; i < 3; i++) if (fork() == 0) break;
        execl("/proc/self/exe", "greedy", "execs", (char *)0);
    }
    if (!strcmp(mode, "inflight")) for (int s[2];;) {
        /* Descriptors that are nobody's: sent, their sockets in turn sent, and closed. */
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0) continue;
        for (int last = s[0], i = 0; i < 50; i++) last = pass(last);
        close(s[1]);
    }
    if (!strcmp(mode, "pipes")) for (int p[2];;) {
        static char block[1 << 20];
        if (pipe2(p, O_NONBLOCK) < 0) { fork(); continue; }
        fcntl(p[1], F_SETPIPE_SZ, sizeof block);
        write(p[1], block, sizeof block);
    }
    if (!strcmp(mode, "watches")) {
        for (int i = 0, fd; (fd = inotify_init1(IN_NONBLOCK)) >= 0 && i < 500; i++) inotify_add_watch(fd, "/tmp", IN_ALL_EVENTS);
        for (unsigned i = 0;; i++) { char name[32]; sprintf(name, "/tmp/w%u", i % 64); close(open(name, O_CREAT | O_RDWR, 0600)); unlink(name); }
    }
    for (;;) {}
}

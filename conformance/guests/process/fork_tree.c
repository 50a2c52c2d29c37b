/* fork(2), wait(2): trees of processes: wide, deep and both; every exit code arrives, no process is lost, memory of each is its own; daemons by double
 * fork; forks while children end. */
#include "../guest.h"
#include <sched.h>
#include <sys/prctl.h>

static int tree(int depth, int width)
{
    if (depth == 0) return 1;
    int sum = 1;
    pid_t p[8];
    for (int i = 0; i < width; i++) {
        p[i] = fork();
        if (p[i] < 0) _exit(250);
        if (p[i] == 0) _exit(tree(depth - 1, width));
    }
    for (int i = 0; i < width; i++) {
        int st;
        if (waitpid(p[i], &st, 0) != p[i] || !WIFEXITED(st)) _exit(251);
        sum += WEXITSTATUS(st);
    }
    return sum;
}
static volatile int chld;
static void on_chld(int s) { (void)s; int st; while (waitpid(-1, &st, WNOHANG) > 0) chld++; }

int main(void)
{
    fresh();
    say("three wide, four deep: %d processes\n", tree(4, 3));
    say("one wide, sixty deep: %d\n", tree(60, 1));
    say("six wide, two deep: %d\n", tree(2, 6));

    say("-- a chain of parents that do not wait: all come to the reaper\n");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t p = spawn({ for (int i = 1; i < 20; i++) { pid_t c = fork(); if (c != 0) _exit(i); } _exit(20); });
    int st, sum = 0, n = 0;
    (void)p;
    while (wait(&st) > 0) { sum += WEXITSTATUS(st); n++; }
    say("%d processes, codes sum %d\n", n, sum);

    say("-- a daemon\n");
    int pp[2];
    must(pipe(pp));
    p = spawn({
        setsid();
        spawn({
            close(pp[0]);
            char b[64];
            int k = snprintf(b, 64, "session leader %d, group leader %d", getsid(0) == getpid(), getpgrp() == getpid());
            write(pp[1], b, k);
        });
    });
    reap(p, "first parent");
    close(pp[1]);
    char b[64] = { 0 };
    ssize_t k = read(pp[0], b, 63);
    show("daemon says", b, k);
    v(wait(&st) > 0);
    close(pp[0]);

    say("-- forking while SIGCHLD reaps\n");
    on(SIGCHLD, on_chld, SA_RESTART);
    for (int i = 0; i < 200; i++) spawn({});
    for (int i = 0; i < 3000 && chld < 200; i++) nap(1);
    v(chld);
    signal(SIGCHLD, SIG_DFL);
    say("-- each has its own memory\n");
    int *own = malloc(4096 * 50);
    for (int i = 0; i < 51200; i++) own[i] = i;
    int bad = 0;
    for (int c = 0; c < 30; c++)
        spawn({
            int wrong = 0;
            for (int i = c; i < 51200; i += 97) { wrong += own[i] != i; own[i] = -c; }
            sched_yield();
            for (int i = c; i < 51200; i += 97) wrong += own[i] != -c;
            _exit(wrong ? 1 : 0);
        });
    while (wait(&st) > 0) bad += st != 0;
    for (int i = 0; i < 51200; i++) bad += own[i] != i;
    v(bad);
    say("-- none is left\n");
    t(wait(0));
    return 0;
}

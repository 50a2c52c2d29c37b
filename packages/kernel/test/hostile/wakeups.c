/* wakeups THREADS CALLS: threads that make short calls of all kinds, hand a token round by futex and pipe, and check each result. A lost wake-up hangs it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DONE (1 << 30)
static long calls;
static int threads, zero, token, pipes[16][2];
static volatile long bad;

static void *work(void *arg)
{
    long me = (long)arg, left = calls;
    unsigned state = me * 2654435761u + 1;
    char c;
    while (left > 0) {
        state = state * 1664525 + 1013904223;
        for (unsigned n = (state >> 20) % 40; n > 0 && left > 0; n--, left--) {
            c = 1;
            if (read(zero, &c, 1) != 1 || c != 0) bad++;
            if (lseek(zero, n, SEEK_SET) < 0) bad++;
            if (syscall(SYS_gettid) <= 0) bad++;
        }
        /* My turn? Pass it on, now by futex, now by pipe. */
        int now = __atomic_load_n(&token, __ATOMIC_SEQ_CST);
        if (now >= DONE) continue;
        if (now % threads == me) {
            __atomic_compare_exchange_n(&token, &now, now + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
            syscall(SYS_futex, &token, FUTEX_WAKE, threads, 0, 0, 0);
        } else if (state & 0x100000) {
            syscall(SYS_futex, &token, FUTEX_WAIT, now, 0, 0, 0);
        } else {
            if (write(pipes[me][1], "x", 1) != 1 || read(pipes[me][0], &c, 1) != 1 || c != 'x') bad++;
        }
    }
    /* Whoever still waits for this one's turn goes on. */
    __atomic_store_n(&token, DONE, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &token, FUTEX_WAKE, threads, 0, 0, 0);
    return 0;
}

int main(int argc, char **argv)
{
    threads = argc > 1 ? atoi(argv[1]) : 4;
    calls = argc > 2 ? atol(argv[2]) : 100000;
    if (threads < 1 || threads > 16) return 2;
    pthread_t t[16];
    zero = open("/dev/zero", O_RDONLY);
    for (int i = 0; i < threads; i++) pipe(pipes[i]);
    for (long i = 0; i < threads; i++) pthread_create(&t[i], 0, work, (void *)i);
    for (int i = 0; i < threads; i++) pthread_join(t[i], 0);
    printf("%d threads, %ld bad\n", threads, bad);
    return bad != 0;
}

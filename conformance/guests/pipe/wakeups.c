/* pipe(7): who is woken when: a reader by a write, a close, a signal, new capacity; writers in turn as room appears; readers of one byte each; no wake-up is lost in
 * thousands of hand-overs between threads and processes. */
#include "../guest.h"
#include <poll.h>
#include <pthread.h>

static int p[2], q[2];
static long sum;
static void *reader(void *a)
{
    unsigned char c;
    long mine = 0;
    while (read(p[0], &c, 1) == 1) mine += c;
    __atomic_add_fetch(&sum, mine, __ATOMIC_SEQ_CST);
    return a;
}
static void *writer(void *a)
{
    for (int i = 0; i < 500; i++) { unsigned char c = (long)a; if (write(p[1], &c, 1) != 1) break; }
    return 0;
}
static void *ping(void *a)
{
    char c;
    for (int i = 0; i < (long)a; i++) { if (read(p[0], &c, 1) != 1) break; c++; write(q[1], &c, 1); }
    return 0;
}

int main(void)
{
    fresh();
    pthread_t th[8];
    say("four readers, four writers in one process\n");
    must(pipe(p));
    for (long i = 0; i < 4; i++) pthread_create(&th[i], 0, reader, 0);
    for (long i = 0; i < 4; i++) pthread_create(&th[4 + i], 0, writer, (void *)(i + 1));
    for (int i = 4; i < 8; i++) pthread_join(th[i], 0);
    close(p[1]);
    for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
    v(sum);
    say("hand-over of one byte, two thousand times\n");
    must(pipe(p));
    must(pipe(q));
    pthread_create(&th[0], 0, ping, (void *)2000L);
    char c = 0;
    for (int i = 0; i < 2000; i++) { write(p[1], &c, 1); if (read(q[0], &c, 1) != 1) break; }
    pthread_join(th[0], 0);
    v(c == (char)2000);
    say("a poller and a reader of the same pipe\n");
    must(pipe(p));
    pid_t a = spawn({ struct pollfd f = { p[0], POLLIN, 0 }; int r = poll(&f, 1, 5000); _exit(r == 1 ? 3 : 4); });
    settle(a);
    pid_t b = spawn({ char x; _exit(read(p[0], &x, 1) == 1 ? 5 : 6); });
    settle(b);
    write(p[1], "x", 1);
    reap(b, "reader");
    write(p[1], "y", 1);
    reap(a, "poller");
    say("two readers, one byte: one goes on, the other waits for the next\n");
    must(pipe(p));
    pid_t r[2];
    for (int i = 0; i < 2; i++) { r[i] = spawn({ char x; close(p[1]); long n = read(p[0], &x, 1); _exit(n == 1 ? x : 100); }); settle(r[i]); }
    write(p[1], "\x07", 1);
    int st, first;
    pid_t w = wait(&st);
    first = WEXITSTATUS(st);
    v((w == r[0] || w == r[1]) && first == 7);
    close(p[1]);
    wait(&st);
    v(WEXITSTATUS(st));
    say("blocked writers go on in parts as room appears\n");
    must(pipe(p));
    static char big[65536];
    write(p[1], big, 65536);
    pid_t ws[3];
    for (int i = 0; i < 3; i++) { ws[i] = spawn({ close(p[0]); char page[4096]; memset(page, 'a' + i, 4096); _exit(write(p[1], page, 4096) == 4096 ? 0 : 1); }); settle(ws[i]); }
    int done = 0, reads = 0;
    while (done < 3) { ssize_t k = read(p[0], big, 4096); if (k != 4096) say("short %ld\n", (long)k); reads++; for (int i = 0; i < 1000 && done < reads; i++) { pid_t x = waitpid(-1, &st, WNOHANG); if (x > 0) { done++; if (st) say("writer failed\n"); break; } if (x < 0) break; nap(1); } }
    v(reads);
    close(p[1]);
    long n = 0;
    int counts[3] = { 0 };
    ssize_t k;
    while ((k = read(p[0], big, sizeof big)) > 0) for (ssize_t i = 0; i < k; i++, n++) if (big[i] >= 'a' && big[i] <= 'c') counts[big[i] - 'a']++;
    say("left %ld: %d %d %d\n", n, counts[0], counts[1], counts[2]);
    say("a reader stopped and continued misses nothing\n");
    must(pipe(p));
    a = spawn({ close(p[1]); long t_ = 0; ssize_t x; while ((x = read(p[0], big, 1000)) > 0) t_ += x; _exit(t_ == 5000 ? 8 : 9); });
    settle(a);
    kill(a, SIGSTOP);
    waitpid(a, 0, WUNTRACED);
    for (int i = 0; i < 5; i++) write(p[1], big, 1000);
    close(p[1]);
    kill(a, SIGCONT);
    reap(a, "reader");
    return 0;
}

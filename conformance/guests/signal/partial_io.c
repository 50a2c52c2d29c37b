/* signal(7): a signal in the middle of a transfer ends it with the count so far, with or without SA_RESTART; before the first
 * byte it is EINTR or a restart. write, read, send, recv with MSG_WAITALL, writev. */
#include "../guest.h"
#include <sys/socket.h>

/* In shared memory, so that the parent knows when the handler has run. */
static volatile int *hits;
static void handler(int s) { (void)s; ++*hits; }
static void interrupt(pid_t c)
{
    settle(c);
    *hits = 0;
    kill(c, SIGUSR1);
    for (int i = 0; i < 3000 && !*hits; i++) nap(1);
    nap(5);
}
static char big[400000];

/* Drain what a blocked writer could put in, then the rest after it has ended. */
static long drain(int fd, long want)
{
    long n = 0, r;
    static char b[65536];
    while (n < want && (r = read(fd, b, want - n < 65536 ? want - n : 65536)) > 0) n += r;
    return n;
}

int main(void)
{
    fresh();
    hits = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int p[2], sv[2];
    for (int restart = 0; restart < 2; restart++) {
        say("SA_RESTART %d\n", restart);
        int flags = restart ? SA_RESTART : 0;
        must(pipe(p));
        pid_t c = spawn({
            on(SIGUSR1, handler, flags);
            close(p[0]);
            long r = write(p[1], big, sizeof big);
            say("  write into a full pipe: %ld, handler %d\n", r, *hits);
        });
        close(p[1]);
        interrupt(c);
        waitpid(c, 0, 0);
        say("  in the pipe: %ld\n", drain(p[0], sizeof big));
        close(p[0]);

        must(pipe(p));
        struct iovec iov[4] = { { big, 1000 }, { big, 60000 }, { big, 10000 }, { big, 5 } };
        c = spawn({
            on(SIGUSR1, handler, flags);
            close(p[0]);
            say("  writev: %ld\n", (long)writev(p[1], iov, 4));
        });
        close(p[1]);
        interrupt(c);
        waitpid(c, 0, 0);
        say("  in the pipe: %ld\n", drain(p[0], sizeof big));
        close(p[0]);

        must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
        c = spawn({
            on(SIGUSR1, handler, flags);
            close(sv[1]);
            char b[100];
            long r = recv(sv[0], b, 100, MSG_WAITALL);
            say("  recv MSG_WAITALL with 10 bytes there: %ld %s\n", r, r < 0 ? ename(errno) : "");
        });
        write(sv[1], "0123456789", 10);
        interrupt(c);
        waitpid(c, 0, 0);
        close(sv[0]);
        close(sv[1]);

        must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
        c = spawn({
            on(SIGUSR1, handler, flags);
            close(sv[1]);
            long r = write(sv[0], big, sizeof big);
            say("  write to a full socket is partial: %d\n", r > 0 && r < (long)sizeof big);
        });
        close(sv[0]);
        interrupt(c);
        waitpid(c, 0, 0);
        close(sv[1]);

        /* Nothing moved yet. */
        must(pipe(p));
        must(write(p[1], big, 65536));
        c = spawn({
            on(SIGUSR1, handler, flags);
            long r = write(p[1], big, 10);
            say("  write of 10 into a full pipe: %ld %s, handler %d\n", r, r < 0 ? ename(errno) : "", *hits);
        });
        interrupt(c);
        drain(p[0], 65536);
        waitpid(c, 0, 0);
        close(p[0]);
        close(p[1]);
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
        c = spawn({
            on(SIGUSR1, handler, flags);
            char b[100];
            long r = recv(sv[0], b, 100, MSG_WAITALL);
            say("  recv MSG_WAITALL with nothing there: %ld %s\n", r, r < 0 ? ename(errno) : "");
        });
        interrupt(c);
        write(sv[1], big, 100);
        waitpid(c, 0, 0);
        close(sv[0]);
        close(sv[1]);
    }
    say("many signals while a slow reader drains: nothing is lost\n");
    must(pipe(p));
    pid_t c = spawn({
        on(SIGALRM, handler, SA_RESTART);
        struct itimerval it = { { 0, 500 }, { 0, 500 } };
        setitimer(ITIMER_REAL, &it, 0);
        close(p[0]);
        for (int i = 0; i < (int)sizeof big; i++) big[i] = i * 13;
        for (long off = 0; off < (long)sizeof big;) {
            long r = write(p[1], big + off, sizeof big - off);
            if (r < 0 && errno != EINTR) break;
            if (r > 0) off += r;
        }
    });
    close(p[1]);
    long n = 0, r, wrong = 0;
    static char b[3000];
    while ((r = read(p[0], b, sizeof b)) > 0) {
        for (long i = 0; i < r; i++) wrong += b[i] != (char)((n + i) * 13);
        n += r;
        if (n % 7 == 0) nap(1);
    }
    reap(c, "writer");
    say("read %ld, wrong %ld\n", n, wrong);
    return 0;
}

/* pipe(7): capacity, atomic writes up to PIPE_BUF, partial writes of O_NONBLOCK pipes, FIONREAD, end of file. */
#include "../guest.h"
#include <poll.h>

static long fill(int fd, long size)
{
    static char buf[1 << 20];
    long n = 0, r;
    while ((r = write(fd, buf, size)) > 0) n += r;
    say("writes of %ld: %ld bytes, then %s\n", size, n, r < 0 ? ename(errno) : "0");
    return n;
}
static long drain(int fd)
{
    static char buf[1 << 16];
    long n = 0, r;
    while ((r = read(fd, buf, sizeof buf)) > 0) n += r;
    say("read back %ld, then %s\n", n, r < 0 ? ename(errno) : "end");
    return n;
}
static int queued(int fd) { int n = -1; ioctl(fd, FIONREAD, &n); return n; }

int main(void)
{
    fresh();
    int p[2];
    static char big[200000];
    t(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    say("fds %d %d flags %#o %#o cloexec %d %d\n", p[0], p[1], fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL), fcntl(p[0], F_GETFD), fcntl(p[1], F_GETFD));
    t(fcntl(p[0], F_GETPIPE_SZ));
    fill(p[1], 65536);
    drain(p[0]);
    fill(p[1], 4096);
    drain(p[0]);
    fill(p[1], 200000);
    v(queued(p[0]));
    v(queued(p[1]));
    t(read(p[0], big, 4095));
    t(write(p[1], big, 1));
    t(read(p[0], big, 1));
    t(write(p[1], big, 4096));
    t(write(p[1], big, 4096));
    t(read(p[0], big, 8192));
    t(write(p[1], big, 100000));
    drain(p[0]);
    /* Atomicity: PIPE_BUF bytes go whole or not at all; more may go in part. */
    t(write(p[1], big, 61440 + 100));
    t(write(p[1], big, 4096));
    t(write(p[1], big, 4097));
    drain(p[0]);
    v(queued(p[0]));
    t(read(p[0], big, 1));
    t(read(p[0], big, 0));
    t(write(p[1], big, 0));

    /* A blocked writer of more than fits goes on as the reader drains. */
    int q[2];
    must(pipe(q));
    pid_t w = spawn({
        close(q[0]);
        for (int i = 0; i < 200000; i++) big[i] = i % 251;
        say("writer wrote %ld\n", (long)write(q[1], big, 200000));
    });
    close(q[1]);
    settle(w);
    v(queued(q[0]));
    long n = 0, r, wrong = 0;
    char b[7000];
    while ((r = read(q[0], b, sizeof b)) > 0) {
        for (long i = 0; i < r; i++) wrong += (unsigned char)b[i] != (n + i) % 251;
        n += r;
    }
    reap(w, "writer");
    say("read %ld, %ld wrong\n", n, wrong);
    t(read(q[0], b, 1));
    t(read(p[1], b, 1));
    t(write(p[0], b, 1));
    t(pipe2(p, O_APPEND));
    t(pipe2(p, O_RDWR));
    t(syscall(SYS_pipe2, 1, 0));
    struct stat st;
    fstat(q[0], &st);
    say("mode %o size %ld nlink %d\n", st.st_mode, (long)st.st_size, (int)st.st_nlink);
    return 0;
}

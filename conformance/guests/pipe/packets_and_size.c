/* pipe(2) O_DIRECT, fcntl(2) F_SETPIPE_SZ, F_GETPIPE_SZ: packet mode boundaries, sizes rounded and refused, shrinking with data inside. */
#include "../guest.h"

static int queued(int fd) { int n = -1; ioctl(fd, FIONREAD, &n); return n; }
static char big[1 << 20];

int main(void)
{
    fresh();
    int p[2];
    char b[9000];
    say("packets\n");
    t(pipe2(p, O_DIRECT | O_NONBLOCK));
    say("flags %#o\n", fcntl(p[1], F_GETFL));
    write(p[1], "one", 3);
    write(p[1], "three", 5);
    write(p[1], "", 0);
    v(queued(p[0]));
    slurp("first", p[0]);
    t(read(p[0], b, 2));
    show("cut", b, 2);
    slurp("the rest of a packet is gone", p[0]);
    memset(big, 'x', sizeof big);
    t(write(p[1], big, 5000));
    t(read(p[0], b, 9000));
    t(read(p[0], b, 9000));
    int n = 0;
    while (write(p[1], "y", 1) == 1) n++;
    say("packets until full: %d, %s\n", n, ename(errno));
    t(read(p[0], b, 9000));
    v(queued(p[0]));
    close(p[0]);
    close(p[1]);
    must(pipe2(p, O_NONBLOCK));
    write(p[1], "ab", 2);
    t(fcntl(p[1], F_SETFL, O_DIRECT | O_NONBLOCK));
    write(p[1], "cd", 2);
    write(p[1], "ef", 2);
    t(fcntl(p[1], F_SETFL, O_NONBLOCK));
    write(p[1], "gh", 2);
    write(p[1], "ij", 2);
    t(read(p[0], b, 9000));
    show("plain", b, 2);
    slurp("all were merged into the first, plain buffer", p[0]);

    say("-- size\n");
    must(pipe2(p, O_NONBLOCK));
    t(fcntl(p[0], F_GETPIPE_SZ));
    t(fcntl(p[1], F_SETPIPE_SZ, 1));
    t(fcntl(p[0], F_GETPIPE_SZ));
    t(write(p[1], big, 10000));
    t(fcntl(p[1], F_SETPIPE_SZ, 5000));
    t(write(p[1], big, 10000));
    t(fcntl(p[1], F_SETPIPE_SZ, 100000));
    v(queued(p[0]));
    t(write(p[1], big, sizeof big));
    t(fcntl(p[1], F_SETPIPE_SZ, 4096));
    t(fcntl(p[1], F_GETPIPE_SZ));
    t(read(p[0], big, 131072 - 5000));
    t(fcntl(p[1], F_SETPIPE_SZ, 4096));
    t(fcntl(p[1], F_SETPIPE_SZ, 8192));
    v(queued(p[0]));
    t(read(p[0], big, 10000));
    t(fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
    t(write(p[1], big, sizeof big));
    t(fcntl(p[1], F_SETPIPE_SZ, 0));
    t(fcntl(p[1], F_SETPIPE_SZ, -1));
    t(fcntl(0, F_GETPIPE_SZ));
    pid_t c = spawn({ setuid(1000); int q[2]; pipe(q); t(fcntl(q[0], F_SETPIPE_SZ, 1 << 20)); t(fcntl(q[0], F_SETPIPE_SZ, (1 << 20) + 1)); });
    reap(c, "user");
    /* A blocked writer goes on when the pipe grows. */
    must(pipe(p));
    c = spawn({ long r = write(p[1], big, 131072); say("writer: %ld\n", r); });
    settle(c);
    int grown = fcntl(p[0], F_SETPIPE_SZ, 262144);
    reap(c, "writer");
    v(grown);
    v(queued(p[0]));
    return 0;
}

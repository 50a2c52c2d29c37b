/* read(2), write(2): buffers that run into unreadable memory: the count up to the hole, EFAULT when nothing moved, and the offset after
 * it, for files, pipes, sockets, devices, at page and mid-page borders. */
#include "../guest.h"
#include <sys/socket.h>

static char *m;
static int fd;
static char big[3 * 4096];
static void off(void) { say("  offset %ld\n", (long)lseek(fd, 0, SEEK_CUR)); }

int main(void)
{
    fresh();
    xmkdtemp();
    char *base = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(base + 2 * 4096, 4096);
    m = base + 2 * 4096;
    memset(base, 'm', 2 * 4096);
    memset(big, 'b', sizeof big);
    fd = must(open("f", O_RDWR | O_CREAT, 0600));

    say("-- file\n");
    t(write(fd, m - 10, 20));
    off();
    ftruncate(fd, 0);
    lseek(fd, 0, SEEK_SET);
    t(write(fd, m, 20));
    off();
    write(fd, big, sizeof big);
    lseek(fd, 0, SEEK_SET);
    t(read(fd, m - 100, 300));
    off();
    t(read(fd, m, 300));
    off();
    t(pread(fd, m - 4096, 3 * 4096, 0));
    t(read(fd, m - 1, 2));
    show("the last byte", m - 1, 1);
    struct iovec v[3] = { { big, 5 }, { m - 3, 10 }, { big, 5 } };
    lseek(fd, 0, SEEK_SET);
    t(readv(fd, v, 3));
    off();

    say("-- pipe\n");
    int p[2], n;
    must(pipe2(p, O_NONBLOCK));
    t(write(p[1], m - 10, 20));
    ioctl(p[0], FIONREAD, &n);
    say("  queued %d\n", n);
    while (read(p[0], big, sizeof big) > 0) {}
    t(write(p[1], m, 1));
    ioctl(p[0], FIONREAD, &n);
    say("  queued %d\n", n);
    t(writev(p[1], v, 3));
    while (read(p[0], big, sizeof big) > 0) {}
    write(p[1], "0123456789", 10);
    t(read(p[0], m, 5));
    ioctl(p[0], FIONREAD, &n);
    say("  queued %d\n", n);
    t(read(p[0], big, 20));
    show("still there", big, 4);
    write(p[1], big, 5000);
    t(read(p[0], m - 4096, 5000));

    say("-- stream socket\n");
    int s[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    t(send(s[0], m - 10, 20, 0));
    t(recv(s[1], big, 100, 0));
    t(send(s[0], "0123456789", 10, 0));
    t(recv(s[1], m, 5, 0));
    t(recv(s[1], big, 100, 0));
    say("-- datagram socket\n");
    must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
    t(send(s[0], m - 10, 20, 0));
    t(recv(s[1], big, 100, 0));
    t(send(s[0], "0123456789", 10, 0));
    t(recv(s[1], m - 4, 10, 0));
    t(recv(s[1], big, 100, 0));

    say("-- devices\n");
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY), rnd = open("/dev/urandom", O_RDONLY);
    t(read(zero, m - 10, 20));
    v[1] = (struct iovec){ m, 10 };
    t(readv(zero, v, 3));
    t(read(rnd, m, 20));
    t(write(null, m, 20));
    t(syscall(SYS_getrandom, m, 20, 0));
    say("-- a read-only page\n");
    mprotect(m - 4096, 4096, PROT_READ);
    lseek(fd, 0, SEEK_SET);
    t(read(fd, m - 4096 - 8, 20));
    t(write(fd, m - 4096 - 8, 20));
    return 0;
}

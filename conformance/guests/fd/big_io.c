/* read(2), write(2): large transfers in one call on files, pipes, sockets and memory; the limit of one call; many small ones; data intact by checksum; sparse
 * and overlapping writes; vectors with many pieces. */
#include "../guest.h"
#include <sys/socket.h>

#define M (1L << 20)
static unsigned char *buf, *got;
static void fill(unsigned seed, long n) { for (long i = 0; i < n; i++) buf[i] = (seed = seed * 1103515245 + 12345) >> 16; }
static unsigned long sum(const unsigned char *p, long n) { unsigned long h = 14695981039346656037UL; for (long i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211UL; return h; }

int main(void)
{
    fresh();
    xmkdtemp();
    buf = mmap(0, 24 * M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    got = mmap(0, 24 * M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill(7, 24 * M);
    int fd = must(open("big", O_RDWR | O_CREAT, 0600));
    t(write(fd, buf, 24 * M));
    t(lseek(fd, 0, SEEK_SET));
    t(read(fd, got, 24 * M));
    v(sum(buf, 24 * M) == sum(got, 24 * M));
    t(pread(fd, got, 24 * M, 10 * M + 123));
    v(!memcmp(buf + 10 * M + 123, got, 14 * M - 123));
    /* Unaligned in memory and in the file. */
    t(pwrite(fd, buf + 1, 3 * M + 1, 4097));
    t(pread(fd, got + 3, 3 * M + 1, 4097));
    v(!memcmp(buf + 1, got + 3, 3 * M + 1));
    pread(fd, got, 4097, 0);
    v(!memcmp(buf, got, 4097));
    ftruncate(fd, 0);
    say("-- pieces of every size\n");
    lseek(fd, 0, SEEK_SET);
    long off = 0;
    for (int i = 1; off + i * 7 < 2 * M; i++) { if (write(fd, buf + off, i * 7) != i * 7) say("short\n"); off += i * 7; }
    lseek(fd, 0, SEEK_SET);
    long r, n = 0;
    for (int i = 1; (r = read(fd, got + n, i * 13)) > 0; i++) n += r;
    v(n == off && !memcmp(buf, got, n));
    struct iovec io[512];
    n = 0;
    for (int i = 0; i < 512; i++) { io[i] = (struct iovec){ buf + n, i * 11 }; n += i * 11; }
    ftruncate(fd, 0);
    t(pwritev(fd, io, 512, 1000) == n);
    for (int i = 0; i < 512; i++) io[i] = (struct iovec){ got + n - (i + 1) * (n / 512), n / 512 };
    t(preadv(fd, io, 512, 1000) == n / 512 * 512);
    v(!memcmp(got + n - n / 512, buf, n / 512));
    say("-- through a pipe and a socket\n");
    for (int k = 0; k < 2; k++) {
        int p[2];
        if (k) must(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
        else must(pipe(p));
        pid_t c = spawn({ close(p[0]); r = write(p[1], buf, 16 * M); _exit(r == 16 * M ? 0 : 1); });
        close(p[1]);
        n = 0;
        while ((r = read(p[0], got + n, 24 * M - n)) > 0) n += r;
        reap(c, k ? "socket writer" : "pipe writer");
        v(n == 16 * M && sum(got, n) == sum(buf, n));
        close(p[0]);
    }
    say("-- the most one call moves\n");
    int null = open("/dev/null", O_WRONLY);
    char *huge = mmap(0, 3UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    v(huge != MAP_FAILED);
    t(write(null, huge, 3UL << 30));
    t(write(null, huge, 0x7ffff001));
    t(write(null, huge, 0x7ffff000));
    t(pread(fd, huge, 3UL << 30, 1000) > 0);
    say("-- one file written by four processes in their own parts\n");
    ftruncate(fd, 0);
    for (int k = 0; k < 4; k++)
        spawn({ for (long i = k * 4096; i < 4 * M; i += 4 * 4096) pwrite(fd, buf + i, 4096, i); });
    while (wait(0) > 0) {}
    t(pread(fd, got, 4 * M, 0) == 4 * M);
    v(sum(got, 4 * M) == sum(buf, 4 * M));
    say("-- copied by mmap, sendfile and read, all the same\n");
    int a = open("a", O_RDWR | O_CREAT, 0600), b = open("b", O_RDWR | O_CREAT, 0600);
    off_t o = 0;
    while (o < 4 * M) if (syscall(SYS_sendfile, a, fd, &o, 4 * M - o) <= 0) break;
    ftruncate(b, 4 * M);
    char *from = mmap(0, 4 * M, PROT_READ, MAP_SHARED, fd, 0), *to = mmap(0, 4 * M, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
    memcpy(to, from, 4 * M);
    pread(a, got, 4 * M, 0);
    v(sum(got, 4 * M) == sum(buf, 4 * M));
    pread(b, got, 4 * M, 0);
    v(sum(got, 4 * M) == sum(buf, 4 * M));
    return 0;
}

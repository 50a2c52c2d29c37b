/* null(4), full(4), random(4): reads, writes, seeks, polls and stats of the memory devices; /dev/fd, /dev/stdin. */
#include "../guest.h"
#include <poll.h>

static void dev(const char *path)
{
    char b[16];
    struct stat st;
    struct pollfd pf;
    int fd = open(path, O_RDWR);
    if (fd < 0) fd = open(path, O_RDONLY);
    say("%s: %s\n", path, fd < 0 ? ename(errno) : "open");
    if (fd < 0) return;
    memset(b, 0x55, sizeof b);
    ssize_t r = read(fd, b, 16);
    int zero = 1, same = 1;
    for (int i = 0; i < 16; i++) { zero &= b[i] == 0; same &= b[i] == 0x55; }
    say("  read %ld %s, zeroes %d, untouched %d\n", (long)r, r < 0 ? ename(errno) : "", zero, same);
    r = read(fd, b, 0);
    say("  read of 0: %ld\n", (long)r);
    r = write(fd, "data", 4);
    say("  write %ld %s\n", (long)r, r < 0 ? ename(errno) : "");
    r = write(fd, "", 0);
    say("  write of 0: %ld %s\n", (long)r, r < 0 ? ename(errno) : "");
    r = pread(fd, b, 4, 100);
    say("  pread %ld %s\n", (long)r, r < 0 ? ename(errno) : "");
    r = pwrite(fd, b, 4, 100);
    say("  pwrite %ld %s\n", (long)r, r < 0 ? ename(errno) : "");
    r = lseek(fd, 50, SEEK_SET);
    say("  lseek %ld, end %ld\n", (long)r, (long)lseek(fd, 0, SEEK_END));
    r = ftruncate(fd, 10);
    say("  ftruncate %s\n", r < 0 ? ename(errno) : "ok");
    pf = (struct pollfd){ fd, POLLIN | POLLOUT | POLLPRI, 0 };
    r = poll(&pf, 1, 0);
    say("  poll %ld %#x\n", (long)r, pf.revents & 7);
    fstat(fd, &st);
    say("  mode %o size %ld\n", st.st_mode, (long)st.st_size);
    r = ioctl(fd, 0x5401, b);
    say("  terminal ioctl %s\n", r < 0 ? ename(errno) : "ok");
    r = fsync(fd);
    say("  fsync %s\n", r < 0 ? ename(errno) : "ok");
    r = isatty(fd);
    say("  isatty %ld %s\n", (long)r, ename(errno));
    close(fd);
}

int main(void)
{
    fresh();
    dev("/dev/null");
    dev("/dev/zero");
    dev("/dev/full");
    dev("/dev/urandom");
    dev("/dev/random");
    char a[64], b[64];
    int r = open("/dev/urandom", O_RDONLY);
    read(r, a, 64);
    read(r, b, 64);
    say("random bytes differ: %d\n", memcmp(a, b, 64) != 0);
    v(syscall(SYS_getrandom, a, 64, 0));
    v(syscall(SYS_getrandom, a, 64, 1));
    v(memcmp(a, b, 64) != 0);
    t(syscall(SYS_getrandom, a, 64, 4));
    t(syscall(SYS_getrandom, a, 64, 8));
    t(syscall(SYS_getrandom, a, 64, 6));
    static char big[300000];
    t(syscall(SYS_getrandom, big, sizeof big, 0));
    int used[256] = { 0 }, kinds = 0;
    for (int i = 0; i < (int)sizeof big; i++) kinds += !used[(unsigned char)big[i]]++;
    say("different byte values %d\n", kinds);
    t(read(r, big, 100000));

    say("-- /dev/fd and friends\n");
    ssize_t n;
    n = readlink("/dev/fd", a, 64);
    show("/dev/fd", a, n);
    n = readlink("/dev/stdin", a, 64);
    show("/dev/stdin", a, n);
    n = readlink("/dev/stderr", a, 64);
    show("/dev/stderr", a, n);
    int pp[2];
    must(pipe(pp));
    snprintf(a, 64, "/dev/fd/%d", pp[1]);
    int w = open(a, O_WRONLY);
    t(write(w, "through /dev/fd", 15));
    slurp("pipe", pp[0]);
    t(open("/dev/fd/99", O_RDONLY));
    t(open("/dev/none", O_RDONLY));
    t(open("/dev/null", O_CREAT | O_EXCL | O_RDWR, 0600));
    ok(open("/dev/null", O_CREAT | O_TRUNC | O_RDWR, 0600));
    ok(open("/dev/null", O_APPEND | O_NONBLOCK | O_WRONLY));
    t(open("/dev/null", O_RDONLY | O_DIRECTORY));
    t(open("/dev/null/x", O_RDONLY));
    return 0;
}

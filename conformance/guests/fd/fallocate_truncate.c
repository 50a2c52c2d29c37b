/* fallocate(2), ftruncate(2), truncate(2), RLIMIT_FSIZE and SIGXFSZ: sizes, kept sizes, punched holes, refused modes and files. */
#include "../guest.h"

static int fd;
static long size(void) { struct stat st; fstat(fd, &st); return st.st_size; }
static volatile int xfsz;
static void handler(int s) { (void)s; xfsz++; }

int main(void)
{
    fresh();
    xmkdtemp();
    char b[20000];
    fd = must(open("f", O_RDWR | O_CREAT, 0600));
    t(fallocate(fd, 0, 0, 100));
    v(size());
    t(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8192));
    v(size());
    t(fallocate(fd, 0, 50, 10));
    v(size());
    t(fallocate(fd, 0, 16384, 10));
    v(size());
    memset(b, 'x', sizeof b);
    pwrite(fd, b, 20000, 0);
    t(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000));
    v(size());
    pread(fd, b, 20000, 0);
    int zeros = 0;
    for (int i = 0; i < 20000; i++) zeros += b[i] == 0;
    say("zeroes %d, edges %c %d %d %c\n", zeros, b[99], b[100], b[5099], b[5100]);
    t(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 18000, 100000));
    v(size());
    t(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
    t(fallocate(fd, 0, -1, 10));
    t(fallocate(fd, 0, 0, 0));
    t(fallocate(fd, 0, 0, -5));
    t(fallocate(fd, 0x400, 0, 10));
    t(fallocate(fd, 0, LONG_MAX, 10));
    int ro = open("f", O_RDONLY), p[2], dir = open(".", O_RDONLY);
    must(pipe(p));
    t(fallocate(ro, 0, 0, 10));
    t(fallocate(p[1], 0, 0, 10));
    t(fallocate(dir, 0, 0, 10));
    t(fallocate(99, 0, 0, 10));
    te(posix_fallocate(fd, 30000, 10));
    v(size());

    say("-- truncate\n");
    t(ftruncate(fd, 10));
    t(lseek(fd, 0, SEEK_END));
    t(ftruncate(fd, 15));
    slurp("grown part", fd);
    t(ftruncate(fd, -1));
    t(ftruncate(ro, 5));
    t(ftruncate(p[1], 5));
    t(ftruncate(dir, 5));
    t(ftruncate(99, 5));
    t(truncate("f", 3));
    v(size());
    t(truncate("f", -1));
    t(truncate(".", 1));
    t(truncate("none", 1));
    t(truncate("f/x", 1));
    t(truncate("", 1));
    mkfifo("fifo", 0600);
    t(truncate("fifo", 1));
    symlink("f", "l");
    t(truncate("l", 7));
    v(size());
    t(lseek(fd, 100, SEEK_SET));
    t(ftruncate(fd, 0));
    t(lseek(fd, 0, SEEK_CUR));
    t(write(fd, "at 100", 6));
    v(size());

    /* Far enough out that the limit does not hit this program's own output. */
    say("-- RLIMIT_FSIZE\n");
    long lim = 1 << 20;
    struct rlimit rl;
    getrlimit(RLIMIT_FSIZE, &rl);
    rl.rlim_cur = lim;
    on(SIGXFSZ, handler, 0);
    must(setrlimit(RLIMIT_FSIZE, &rl));
    t(pwrite(fd, b, 2000, lim - 1000));
    v(xfsz);
    t(pwrite(fd, b, 10, lim - 5));
    t(pwrite(fd, b, 10, lim));
    v(xfsz);
    t(pwrite(fd, b, 0, lim));
    t(ftruncate(fd, lim + 1));
    v(xfsz);
    t(ftruncate(fd, lim));
    t(truncate("f", lim + 5000));
    v(xfsz);
    t(fallocate(fd, 0, 0, lim + 2000));
    v(xfsz);
    lseek(fd, 0, SEEK_END);
    t(write(fd, "x", 1));
    v(xfsz);
    t(write(p[1], b, 2000));
    int app = open("f", O_WRONLY | O_APPEND);
    ftruncate(fd, lim - 10);
    t(write(app, b, 50));
    signal(SIGXFSZ, SIG_IGN);
    t(write(app, b, 50));
    reap(spawn({ signal(SIGXFSZ, SIG_DFL); write(app, b, 50); }), "default");
    return 0;
}

/* pread(2), pwrite(2), readv(2), writev(2), preadv(2), preadv2(2): offsets untouched, vector limits, zero lengths, O_APPEND, negative
 * offsets, flags, and where partial transfers stop. */
#include "../guest.h"

static int fd;
static char b[64], c[64];
static void off(void) { say("  offset %ld\n", (long)lseek(fd, 0, SEEK_CUR)); }

int main(void)
{
    fresh();
    xmkdtemp();
    fd = must(open("f", O_RDWR | O_CREAT, 0600));
    t(write(fd, "0123456789", 10));
    t(pread(fd, b, 4, 2));
    show("pread", b, 4);
    off();
    t(pwrite(fd, "XY", 2, 4));
    off();
    t(pread(fd, b, 10, 8));
    t(pread(fd, b, 10, 10));
    t(pread(fd, b, 10, 1000));
    t(pread(fd, b, 1, -1));
    t(pwrite(fd, b, 1, -1));
    t(pread(fd, b, 0, 5));
    t(pread(99, b, 1, -1));
    t(pwrite(fd, "end", 3, 15));
    cat("f");

    struct iovec v3[3] = { { b, 3 }, { c, 0 }, { c, 4 } };
    lseek(fd, 0, SEEK_SET);
    memset(b, '.', 8);
    memset(c, '.', 8);
    t(readv(fd, v3, 3));
    show("first", b, 8);
    show("last", c, 8);
    off();
    t(preadv(fd, v3, 3, 12));
    show("first", b, 4);
    show("last", c, 5);
    off();
    t(writev(fd, v3, 1));
    off();
    t(pwritev(fd, v3, 3, 0));
    off();
    cat("f");
    t(readv(fd, v3, 0));
    t(readv(fd, v3, -1));
    t(readv(fd, v3, 1025));
    static struct iovec many[1024];
    for (int i = 0; i < 1024; i++) many[i] = (struct iovec){ "ab", 2 };
    int w = must(open("g", O_RDWR | O_CREAT, 0600));
    t(writev(w, many, 1024));
    v3[1] = (struct iovec){ c, -1 };
    t(readv(fd, v3, 3));
    v3[1] = (struct iovec){ c, LONG_MAX };
    t(writev(fd, v3, 3));
    v3[1] = (struct iovec){ (void *)8, 4 };
    lseek(fd, 0, SEEK_SET);
    t(readv(fd, v3, 3));
    off();
    t(writev(fd, v3, 3));
    off();
    v3[0] = (struct iovec){ (void *)8, 4 };
    t(readv(fd, v3, 1));
    t(writev(fd, v3, 1));
    v3[0].iov_len = 0;
    t(writev(fd, v3, 1));

    say("-- preadv2 and pwritev2\n");
    v3[0] = (struct iovec){ b, 3 };
    lseek(fd, 2, SEEK_SET);
    t(preadv2(fd, v3, 1, -1, 0));
    off();
    t(preadv2(fd, v3, 1, 1, RWF_HIPRI));
    off();
    t(preadv2(fd, v3, 1, -2, 0));
    t(preadv2(fd, v3, 1, 0, 0x4000));
    t(pwritev2(fd, v3, 1, 0, RWF_DSYNC));
    t(pwritev2(fd, v3, 1, -1, RWF_SYNC));
    off();
    t(pwritev2(fd, v3, 1, 0, RWF_APPEND));
    t(lseek(fd, 0, SEEK_END));
    t(preadv2(fd, v3, 1, 0, RWF_APPEND));
    int pp[2];
    must(pipe(pp));
    t(preadv2(pp[0], v3, 1, -1, RWF_NOWAIT));
    t(preadv2(pp[0], v3, 1, 0, 0));
    t(pwritev2(pp[1], v3, 1, -1, 0));
    t(preadv2(pp[0], v3, 1, -1, RWF_NOWAIT));

    say("-- append\n");
    int a = must(open("h", O_RDWR | O_CREAT | O_APPEND, 0600));
    write(a, "abcdef", 6);
    t(pwrite(a, "Z", 1, 0));
    t(lseek(a, 1, SEEK_SET));
    t(read(a, b, 2));
    show("read from 1", b, 2);
    t(write(a, "W", 1));
    t(lseek(a, 0, SEEK_CUR));
    cat("h");
    /* Two descriptions, each appending: nothing is overwritten. */
    int a2 = must(open("h", O_WRONLY | O_APPEND));
    pid_t p = spawn({ for (int i = 0; i < 200; i++) write(a2, "cc", 2); });
    for (int i = 0; i < 200; i++) write(a, "pp", 2);
    waitpid(p, 0, 0);
    struct stat st;
    fstat(a, &st);
    v(st.st_size);
    t(read(w, b, 0));
    t(write(w, b, 0));
    t(read(w, b, -1) <= 0);
    return 0;
}

/* lseek(2): whence values, past the end, negative results, overflow, holes, devices, pipes and directories. */
#include "../guest.h"
#include <sys/socket.h>

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "0123456789");
    int fd = must(open("f", O_RDWR));
    t(lseek(fd, 3, SEEK_SET));
    t(lseek(fd, 3, SEEK_CUR));
    t(lseek(fd, -7, SEEK_CUR));
    t(lseek(fd, -4, SEEK_END));
    slurp("at -4", fd);
    t(lseek(fd, -11, SEEK_END));
    t(lseek(fd, 0, SEEK_CUR));
    t(lseek(fd, -1, SEEK_SET));
    t(lseek(fd, 5, SEEK_SET));
    t(lseek(fd, LONG_MAX, SEEK_CUR));
    t(lseek(fd, 0, 5));
    t(lseek(fd, 0, -1));
    t(lseek(99, 0, SEEK_SET));
    t(lseek(fd, 20, SEEK_SET));
    slurp("past the end", fd);
    t(write(fd, "end", 3));
    cat("f");

    t(ftruncate(fd, 0));
    t(pwrite(fd, "A", 1, 65536));
    t(ftruncate(fd, 200000));
    t(lseek(fd, 0, SEEK_DATA));
    t(lseek(fd, 0, SEEK_HOLE));
    t(lseek(fd, 65536, SEEK_DATA));
    t(lseek(fd, 65540, SEEK_DATA));
    t(lseek(fd, 65536, SEEK_HOLE));
    t(lseek(fd, 70000, SEEK_DATA));
    t(lseek(fd, 70000, SEEK_HOLE));
    t(lseek(fd, 199999, SEEK_HOLE));
    t(lseek(fd, 200000, SEEK_HOLE));
    t(lseek(fd, 200000, SEEK_DATA));
    t(lseek(fd, -1, SEEK_DATA));
    t(lseek(fd, 0, SEEK_CUR));
    char z[10];
    t(pread(fd, z, 10, 100));
    v(z[0] | z[9]);

    int pp[2], sv[2];
    must(pipe(pp));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    t(lseek(pp[0], 0, SEEK_SET));
    t(lseek(pp[0], 0, SEEK_CUR));
    t(lseek(pp[0], 0, 99));
    t(lseek(sv[0], 0, SEEK_CUR));
    t(pread(pp[0], z, 1, 0));
    t(pwrite(pp[1], z, 1, 0));
    int null = must(open("/dev/null", O_RDWR));
    t(lseek(null, 1234, SEEK_SET));
    t(lseek(null, 0, SEEK_END));
    int zero = must(open("/dev/zero", O_RDWR));
    t(lseek(zero, 99, SEEK_SET));
    int dir = must(open(".", O_RDONLY));
    t(lseek(dir, 0, SEEK_SET));
    t(lseek(dir, 0, SEEK_CUR));
    t(lseek(dir, -5, SEEK_SET));
    int a = must(open("f", O_RDWR | O_APPEND));
    t(lseek(a, 10, SEEK_SET));
    t(write(a, "end", 3));
    t(lseek(a, 0, SEEK_CUR));
    t(pwrite(a, "X", 1, 0));
    t(lseek(a, 0, SEEK_END));
    return 0;
}

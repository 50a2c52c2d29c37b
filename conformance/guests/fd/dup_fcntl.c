/* dup(2), fcntl(2): lowest free descriptor, dup2 and dup3 rules, shared offset and status flags, own close-on-exec
 * flags, F_DUPFD, F_GETFL/F_SETFL and what F_SETFL leaves alone, bad commands. */
#include "../guest.h"

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "abcdefghij");
    int fd = must(open("f", O_RDWR));
    v(fd);
    t(dup(fd));
    t(dup(4));
    t(close(4));
    t(dup(fd));
    t(dup2(fd, 9));
    t(dup2(fd, fd));
    t(dup2(50, 50));
    t(dup2(50, 9));
    t(dup2(fd, -1));
    t(dup2(fd, 1 << 30));
    t(fcntl(9, F_GETFD));
    t(dup3(fd, 10, O_CLOEXEC));
    t(fcntl(10, F_GETFD));
    t(fcntl(fd, F_GETFD));
    t(dup3(fd, fd, 0));
    t(dup3(fd, fd, O_CLOEXEC));
    t(dup3(fd, 11, O_NONBLOCK));
    t(dup3(50, 11, 0));
    t(dup2(fd, 10));
    t(fcntl(10, F_GETFD));

    char b[8] = { 0 };
    t(read(fd, b, 3));
    t(lseek(9, 0, SEEK_CUR));
    t(read(9, b, 2));
    t(lseek(fd, 0, SEEK_CUR));
    t(fcntl(9, F_SETFL, O_APPEND | O_NONBLOCK));
    say("flags through the other: %#o\n", fcntl(fd, F_GETFL) & ~0100000);
    t(fcntl(fd, F_SETFL, O_WRONLY | O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY | O_CLOEXEC));
    say("after F_SETFL of fixed flags: %#o\n", fcntl(fd, F_GETFL) & ~0100000);
    int other = must(open("f", O_RDWR));
    say("a second open: offset %ld flags %#o\n", (long)lseek(other, 0, SEEK_CUR), fcntl(other, F_GETFL) & ~0100000);

    t(fcntl(fd, F_DUPFD, 20));
    t(fcntl(fd, F_DUPFD, 20));
    t(fcntl(fd, F_DUPFD_CLOEXEC, 20));
    t(fcntl(22, F_GETFD));
    t(fcntl(fd, F_DUPFD, -1));
    t(fcntl(fd, F_DUPFD, 1 << 30));
    t(fcntl(22, F_SETFD, 0));
    t(fcntl(22, F_GETFD));
    t(fcntl(22, F_SETFD, 0xfe));
    t(fcntl(22, F_GETFD));
    t(fcntl(22, F_SETFD, 0xff));
    t(fcntl(22, F_GETFD));
    t(fcntl(77, F_GETFD));
    t(fcntl(77, F_DUPFD, 0));
    t(fcntl(fd, 9999, 0));
    t(fcntl(-1, 9999, 0));
    t(close(77));
    t(close(-1));
    t(close(fd));
    t(close(fd));
    t(open("f", O_RDONLY));
    struct rlimit rl = { 25, 25 };
    t(setrlimit(RLIMIT_NOFILE, &rl));
    t(dup2(3, 24));
    t(dup2(3, 25));
    t(fcntl(3, F_DUPFD, 24));
    t(fcntl(3, F_DUPFD, 25));
    int n = 0;
    while (dup(3) >= 0) n++;
    say("dup until %s: %d more\n", ename(errno), n);
    t(open("f", O_RDONLY));
    t(pipe((int[2]){ 0 }));
    return 0;
}

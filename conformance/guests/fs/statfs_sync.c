/* statfs(2), fsync(2), fdatasync(2), syncfs(2), sync_file_range(2), readahead(2), posix_fadvise(2): which files take them, sanity of the
 * numbers, magic numbers of proc, pipes, devpts. */
#include "../guest.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/socket.h>

int main(void)
{
    fresh();
    xmkdtemp();
    struct statfs a, b;
    put("f", "0123456789");
    int fd = open("f", O_RDWR), ro = open("f", O_RDONLY), dir = open(".", O_RDONLY), p[2], s[2], path = open("f", O_PATH);
    must(pipe(p));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    t(statfs("f", &a));
    t(fstatfs(fd, &b));
    v(a.f_type == b.f_type && a.f_bsize == b.f_bsize && a.f_namelen == 255);
    v(a.f_bsize >= 512 && a.f_blocks >= a.f_bfree && a.f_bfree >= a.f_bavail && a.f_files >= a.f_ffree);
    t(statfs("/proc", &a));
    say("proc %#lx bsize %ld blocks %ld namelen %ld\n", (long)a.f_type, (long)a.f_bsize, (long)a.f_blocks, (long)a.f_namelen);
    t(fstatfs(p[0], &a));
    say("pipe %#lx bsize %ld\n", (long)a.f_type, (long)a.f_bsize);
    t(fstatfs(s[0], &a));
    say("socket %#lx\n", (long)a.f_type);
    t(statfs("/dev/pts", &a));
    say("devpts %#lx\n", (long)a.f_type);
    t(statfs("none", &a));
    t(statfs("f/x", &a));
    t(statfs("", &a));
    t(fstatfs(99, &a));
    t(fstatfs(path, &a));
    struct statvfs v_;
    t(statvfs(".", &v_));
    v(v_.f_frsize > 0 && v_.f_namemax == 255);

    int fds[] = { fd, ro, dir, p[0], s[0], path, 99 };
    const char *names[] = { "read-write", "read-only", "directory", "pipe", "socket", "O_PATH", "closed" };
    for (int i = 0; i < COUNT(fds); i++) {
        say("%s\n", names[i]);
        t(fsync(fds[i]));
        t(fdatasync(fds[i]));
        /* Of the real file systems this would wait for the whole machine's writes. */
        if (i > 2) t(syncfs(fds[i]));
        t(sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE));
        t(readahead(fds[i], 0, 4096));
        te(posix_fadvise(fds[i], 0, 0, POSIX_FADV_SEQUENTIAL));
    }
    t(sync_file_range(fd, 0, 0, 8));
    t(sync_file_range(fd, -1, 0, 1));
    t(sync_file_range(fd, 0, -1, 1));
    t(sync_file_range(fd, 0, 0, 7));
    te(posix_fadvise(fd, 0, 0, 99));
    te(posix_fadvise(fd, 0, -1, POSIX_FADV_DONTNEED));
    te(posix_fadvise(fd, 0, 4096, POSIX_FADV_DONTNEED));
    te(posix_fadvise(fd, 100000, 4096, POSIX_FADV_WILLNEED));
    te(posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE));
    slurp("content", fd);
    int n = 0, blk = 0;
    t(ioctl(fd, FIONREAD, &n));
    v(n);
    lseek(fd, 3, SEEK_SET);
    ioctl(fd, FIONREAD, &n);
    v(n);
    t(ioctl(fd, 0x1234567, &n));
    t(ioctl(99, FIONREAD, &n));
    t(ioctl(fd, TIOCGWINSZ, &n));
    t(ioctl(fd, 2, &blk));
    v(blk > 0);
    int on = 1;
    t(ioctl(fd, FIONBIO, &on));
    say("flags %#o\n", fcntl(fd, F_GETFL) & ~0100000);
    t(ioctl(fd, FIOCLEX));
    t(fcntl(fd, F_GETFD));
    t(ioctl(fd, FIONCLEX));
    t(fcntl(fd, F_GETFD));
    t(ioctl(dir, FIONREAD, &n));
    return 0;
}

/* open(2): access modes, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, and what F_GETFL tells. */
#include "../guest.h"

static void o(const char *path, int flags, const char *name)
{
    int fd = open(path, flags, 0640);
    if (fd < 0) { say("open %s %s: %s\n", path, name, ename(errno)); return; }
    say("open %s %s: fd %d, flags %#o, cloexec %d\n", path, name, fd, fcntl(fd, F_GETFL) & ~0100000, fcntl(fd, F_GETFD));
    close(fd);
}
#define O(path, flags) o(path, flags, #flags)

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "hello");
    mkdir("d", 0755);
    symlink("f", "lf");
    symlink("d", "ld");
    symlink("nowhere", "dangling");
    O("f", O_RDONLY);
    O("f", O_WRONLY);
    O("f", O_RDWR | O_CLOEXEC);
    O("f", O_RDWR | O_APPEND | O_NONBLOCK);
    O("f", O_RDWR | O_SYNC);
    O("f", O_RDWR | O_DSYNC);
    O("f", O_RDONLY | O_NOATIME);
    O("f", O_RDONLY | O_NOCTTY | O_CREAT);
    O("f", 3);
    O("f", O_CREAT | O_EXCL);
    O("f", O_RDONLY | O_DIRECTORY);
    O("d", O_RDONLY);
    O("d", O_RDONLY | O_DIRECTORY);
    O("d", O_WRONLY);
    O("d", O_RDWR);
    O("d", O_RDONLY | O_TRUNC);
    O("d", O_RDONLY | O_CREAT);
    O("d", O_CREAT | O_EXCL);
    O("new/", O_CREAT | O_WRONLY);
    O("f/", O_RDONLY);
    O("d/", O_RDONLY);
    O("lf", O_RDONLY);
    O("lf", O_RDONLY | O_NOFOLLOW);
    O("lf", O_CREAT | O_EXCL);
    O("ld", O_RDONLY | O_NOFOLLOW);
    O("ld", O_RDONLY | O_DIRECTORY);
    O("ld", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    O("ld/", O_RDONLY | O_NOFOLLOW);
    O("dangling", O_RDONLY);
    O("dangling", O_CREAT | O_EXCL | O_WRONLY);
    O("dangling", O_CREAT | O_WRONLY | O_NOFOLLOW);
    O("dangling", O_CREAT | O_WRONLY);
    struct stat st;
    t(lstat("nowhere", &st));
    say("mode %o\n", st.st_mode);
    O("missing", O_RDONLY);
    O("missing/x", O_CREAT | O_WRONLY);
    O("f/x", O_RDONLY);
    O("", O_RDONLY);
    O("", O_CREAT | O_WRONLY);
    O("g", O_CREAT | O_RDONLY | O_DIRECTORY);
    t(lstat("g", &st));
    t(syscall(SYS_open, 1, O_RDONLY, 0));
    t(syscall(SYS_open, "f", -1, 0));
    t(syscall(SYS_open, "f", 0x40000000, 0) >= 0);

    int fd = must(open("f", O_RDONLY | O_TRUNC));
    fstat(fd, &st);
    say("O_RDONLY|O_TRUNC left %ld bytes\n", (long)st.st_size);
    t(write(fd, "x", 1));
    int w = must(open("f", O_WRONLY));
    char c;
    t(read(w, &c, 1));
    int acc = must(open("f", 3));
    t(read(acc, &c, 1));
    t(write(acc, "x", 1));
    ok(ioctl(acc, FIONREAD, &(int){ 0 }));
    t(open("f", O_RDONLY | __O_TMPFILE));
    t(open(".", O_RDONLY | O_TMPFILE));
    return 0;
}

/* stat(2), fstatat(2), statx(2): types, modes, sizes, link counts, devices, times that move, bad arguments. */
#include "../guest.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void s(const char *p)
{
    struct stat st;
    if (lstat(p, &st) < 0) { say("%s: %s\n", p, ename(errno)); return; }
    say("%s: mode %o nlink %d uid %d gid %d size %ld rdev %d:%d\n", p, st.st_mode, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink,
        st.st_uid, st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long)st.st_size, major(st.st_rdev), minor(st.st_rdev));
}
static int before(struct timespec a, struct timespec b) { return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec); }

int main(void)
{
    fresh();
    xmkdtemp();
    struct stat a, b;
    struct statx x;
    put("file", "12345");
    mkdir("dir", 0700);
    symlink("file", "link");
    mkfifo("fifo", 0640);
    int sk = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un un = { AF_UNIX, "sock" };
    t(bind(sk, (void *)&un, sizeof un));
    link("file", "hard");
    const char *all[] = { "file", "hard", "dir", "link", "fifo", "sock", "none", "/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/random", "/dev/urandom" };
    for (int i = 0; i < COUNT(all); i++) s(all[i]);
    lstat("file", &a);
    lstat("hard", &b);
    v(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    lstat("dir", &b);
    v(a.st_ino != b.st_ino && a.st_dev == b.st_dev);
    v(a.st_blksize > 0 && a.st_blocks >= 0);

    nap(30);
    int fd = open("file", O_RDWR);
    t(write(fd, "x", 1));
    fstat(fd, &b);
    say("write: mtime moved %d ctime moved %d atime kept %d\n", before(a.st_mtim, b.st_mtim), before(a.st_ctim, b.st_ctim), !before(a.st_atim, b.st_atim));
    a = b;
    nap(30);
    t(fchmod(fd, 0600));
    fstat(fd, &b);
    say("chmod: mtime moved %d ctime moved %d\n", before(a.st_mtim, b.st_mtim), before(a.st_ctim, b.st_ctim));
    stat("dir", &a);
    nap(30);
    put("dir/new", "");
    stat("dir", &b);
    say("create: the directory's mtime moved %d ctime moved %d\n", before(a.st_mtim, b.st_mtim), before(a.st_ctim, b.st_ctim));
    stat("file", &a);
    nap(30);
    link("file", "hard2");
    stat("file", &b);
    say("link: mtime moved %d ctime moved %d nlink %d\n", before(a.st_mtim, b.st_mtim), before(a.st_ctim, b.st_ctim), (int)b.st_nlink);

    t(fstatat(AT_FDCWD, "link", &b, 0));
    say("mode %o\n", b.st_mode);
    t(fstatat(AT_FDCWD, "link", &b, AT_SYMLINK_NOFOLLOW));
    say("mode %o\n", b.st_mode);
    t(fstatat(fd, "", &b, AT_EMPTY_PATH));
    t(fstatat(fd, "", &b, 0));
    t(fstatat(fd, "x", &b, 0));
    t(fstatat(77, "x", &b, 0));
    t(fstatat(77, "/", &b, 0));
    t(fstatat(AT_FDCWD, "file", &b, 0x8));
    t(syscall(SYS_stat, "file", 1));
    t(syscall(SYS_fstat, 99, &b));

    t(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x));
    fstat(fd, &b);
    say("mask %#x mode %o nlink %u size %llu uid %u gid %u\n", x.stx_mask & 0x7ff, x.stx_mode, x.stx_nlink, x.stx_size, x.stx_uid, x.stx_gid);
    v(x.stx_ino == b.st_ino && x.stx_mtime.tv_sec == b.st_mtim.tv_sec && x.stx_mtime.tv_nsec == b.st_mtim.tv_nsec);
    v(makedev(x.stx_dev_major, x.stx_dev_minor) == b.st_dev);
    t(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC, STATX_TYPE, &x));
    say("mode %o\n", x.stx_mode & S_IFMT);
    t(statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &x));
    t(statx(AT_FDCWD, "file", 0, 0x80000000, &x));
    t(statx(AT_FDCWD, "file", 0x40000, 0, &x));
    t(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    say("size %llu\n", x.stx_size);
    t(statx(fd, 0, AT_EMPTY_PATH, STATX_SIZE, &x));
    t(statx(AT_FDCWD, "", 0, STATX_SIZE, &x));
    t(syscall(SYS_statx, AT_FDCWD, "file", 0, 0, 1));
    return 0;
}

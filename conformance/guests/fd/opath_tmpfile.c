/* open(2) O_PATH, O_TMPFILE, O_NOFOLLOW|O_PATH: what an O_PATH descriptor can and cannot do; nameless files and giving them a name. */
#include "../guest.h"
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

int main(void)
{
    fresh();
    xmkdtemp();
    char b[64], path[64];
    struct stat st;
    struct statfs sf;
    put("f", "content");
    mkdir("d", 0755);
    put("d/in", "inner");
    symlink("f", "l");
    int p = must(open("f", O_PATH | O_RDWR | O_CREAT | O_TRUNC | O_APPEND));
    say("flags %#o\n", fcntl(p, F_GETFL));
    cat("f");
    t(read(p, b, 1));
    t(write(p, b, 1));
    t(pread(p, b, 1, 0));
    t(lseek(p, 0, SEEK_CUR));
    t(ftruncate(p, 0));
    t(fchmod(p, 0600));
    t(fchown(p, 0, 0));
    t(ioctl(p, FIONREAD, b));
    t(flock(p, LOCK_SH));
    t(fsync(p));
    t(fcntl(p, F_SETFL, O_APPEND));
    t(fcntl(p, F_GETFD));
    t(fcntl(p, F_SETFD, FD_CLOEXEC));
    ok(fcntl(p, F_DUPFD, 20));
    ok(dup(p));
    t(fcntl(p, F_GETLK, &(struct flock){ .l_type = F_RDLCK }));
    t(fstat(p, &st));
    v(st.st_size);
    t(fstatfs(p, &sf));
    t(syscall(SYS_getdents64, p, b, 64));
    t(fgetxattr(p, "user.x", b, 1));
    snprintf(path, 64, "/proc/self/fd/%d", p);
    int again = ok(open(path, O_RDWR));
    slurp("opened through /proc", again);
    t(linkat(p, "", AT_FDCWD, "f2", AT_EMPTY_PATH));
    t(linkat(AT_FDCWD, path, AT_FDCWD, "f3", AT_SYMLINK_FOLLOW));
    fstat(p, &st);
    v(st.st_nlink);
    t(fchmodat(AT_FDCWD, path, 0640, 0));
    fstat(p, &st);
    say("mode %o\n", st.st_mode);
    int d = must(open("d", O_PATH | O_DIRECTORY));
    ok(openat(d, "in", O_RDONLY));
    t(mkdirat(d, "new", 0700));
    t(fchdir(d));
    cat("in");
    chdir("..");
    t(open("f", O_PATH | O_DIRECTORY));
    int l = must(open("l", O_PATH | O_NOFOLLOW));
    fstat(l, &st);
    say("link mode %o\n", st.st_mode);
    t(readlinkat(l, "", b, 64));
    t(openat(l, "x", O_RDONLY));
    snprintf(path, 64, "/proc/self/fd/%d", l);
    t(open(path, O_RDONLY));
    put("noread", "secret");
    chmod("noread", 0);
    pid_t c = spawn({ setuid(1000); t(open("noread", O_RDONLY)); int q = ok(open("noread", O_PATH)); snprintf(path, 64, "/proc/self/fd/%d", q); t(open(path, O_RDONLY)); t(fstat(q, &st)); });
    reap(c, "user");

    say("-- O_TMPFILE\n");
    int n = must(open(".", O_TMPFILE | O_RDWR, 0640));
    fstat(n, &st);
    say("mode %o nlink %d size %ld\n", st.st_mode, (int)st.st_nlink, (long)st.st_size);
    t(write(n, "nameless", 8));
    int count = 0;
    DIR *dir = opendir(".");
    for (struct dirent *e; (e = readdir(dir));) count++;
    say("names in the directory %d\n", count);
    snprintf(path, 64, "/proc/self/fd/%d", n);
    t(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    cat("named");
    fstat(n, &st);
    v(st.st_nlink);
    n = must(open("d", O_TMPFILE | O_WRONLY | O_EXCL, 0600));
    snprintf(path, 64, "/proc/self/fd/%d", n);
    t(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    t(linkat(n, "", AT_FDCWD, "never", AT_EMPTY_PATH));
    t(open("f", O_TMPFILE | O_RDWR, 0600));
    t(open("none", O_TMPFILE | O_RDWR, 0600));
    t(open(".", O_TMPFILE | O_RDONLY, 0600));
    t(open("l", O_TMPFILE | O_RDWR, 0600));
    return 0;
}

// Every call that takes a descriptor, on every type of file opened in every way. Each call's own page, section ERRORS.
#include "matrix.h"
#include <sys/sendfile.h>
#include <sys/vfs.h>
#include <sys/epoll.h>
#include <poll.h>

static char buf[64];
typedef long (*fd_call)(int fd);
#define CALL(name, ...) static long f_##name(int fd UNUSED) { return __VA_ARGS__; }
CALL(read, read(fd, buf, 4))
CALL(read_bad, read(fd, (void *)8, 4))
CALL(read_0, read(fd, buf, 0))
CALL(write, write(fd, "ab", 2))
CALL(write_bad, write(fd, (void *)8, 4))
CALL(write_0, write(fd, "", 0))
CALL(pread, pread(fd, buf, 4, 2))
CALL(pread_neg, pread(fd, buf, 4, -2))
CALL(pwrite, pwrite(fd, "ab", 2, 3))
CALL(pwrite_neg, pwrite(fd, "ab", 2, -3))
CALL(readv, ({ struct iovec v[2] = { { buf, 1 }, { buf, 2 } }; readv(fd, v, 2); }))
CALL(readv_0, readv(fd, 0, 0))
CALL(readv_many, readv(fd, 0, 1025))
CALL(preadv2_append, ({ struct iovec v = { "q", 1 }; pwritev2(fd, &v, 1, -1, RWF_APPEND); }))
CALL(preadv2_bad, ({ struct iovec v = { buf, 1 }; preadv2(fd, &v, 1, 0, 0x8000); }))
CALL(lseek_set, lseek(fd, 3, SEEK_SET))
CALL(lseek_end, lseek(fd, 0, SEEK_END))
CALL(lseek_neg, lseek(fd, -1, SEEK_SET))
CALL(lseek_data, lseek(fd, 0, SEEK_DATA))
CALL(lseek_hole, lseek(fd, 0, SEEK_HOLE))
CALL(lseek_data_end, lseek(fd, 100, SEEK_DATA))
CALL(lseek_bad, lseek(fd, 0, 9))
CALL(ftruncate, ftruncate(fd, 5))
CALL(ftruncate_neg, ftruncate(fd, -5))
CALL(ftruncate_max, ftruncate(fd, 0x7fffffffffffffff))
CALL(fallocate, fallocate(fd, 0, 0, 5000))
CALL(fallocate_keep, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5000))
CALL(fallocate_punch, fallocate(fd, 3, 1, 3))
CALL(fallocate_punch_only, fallocate(fd, 2, 1, 3))
CALL(fallocate_zero, fallocate(fd, 0x10, 1, 3))
CALL(fallocate_collapse, fallocate(fd, 8, 0, 4096))
CALL(fallocate_insert, fallocate(fd, 0x20, 0, 4096))
CALL(fallocate_unshare, fallocate(fd, 0x40, 0, 4096))
CALL(fallocate_bad, fallocate(fd, 0x400, 0, 4096))
CALL(fallocate_0, fallocate(fd, 0, 0, 0))
CALL(fallocate_neg, fallocate(fd, 0, -1, 10))
CALL(fchmod, fchmod(fd, 0700))
CALL(fchown, fchown(fd, -1, 7))
CALL(futimens, futimens(fd, 0))
CALL(futimens_bad, ({ struct timespec t[2] = { { 0, 2000000000 }, { 0, 0 } }; futimens(fd, t); }))
CALL(fstat, ({ struct stat st; fstat(fd, &st); }))
CALL(fstatfs, ({ struct statfs st; fstatfs(fd, &st); }))
CALL(fchdir, ({ int back = open(".", O_PATH); long r = fchdir(fd); int e = errno; if (!r) fchdir(back); close(back); errno = e; r; }))
CALL(fsync, fsync(fd))
CALL(fdatasync, fdatasync(fd))
CALL(syncfs, syncfs(fd))
CALL(sync_range, sync_file_range(fd, 0, 10, 2))
CALL(sync_range_bad, sync_file_range(fd, 0, 10, 8))
CALL(readahead, readahead(fd, 0, 10))
CALL(fadvise, posix_fadvise(fd, 0, 10, POSIX_FADV_DONTNEED) ? (errno = posix_fadvise(fd, 0, 10, POSIX_FADV_DONTNEED), -1) : 0)
CALL(fadvise_bad, ({ int e = posix_fadvise(fd, 0, 10, 77); errno = e; e ? -1 : 0; }))
CALL(getdents, syscall(SYS_getdents64, fd, buf, sizeof buf) < 0 ? -1 : 0)
CALL(getdents_small, syscall(SYS_getdents64, fd, buf, 8))
CALL(fgetxattr, fgetxattr(fd, "user.a", buf, 8))
CALL(fsetxattr, fsetxattr(fd, "user.a", "1", 1, 0))
CALL(fsetxattr_create, fsetxattr(fd, "user.a", "1", 1, XATTR_CREATE | XATTR_REPLACE))
CALL(fsetxattr_trusted, fsetxattr(fd, "trusted.a", "1", 1, 0))
CALL(flistxattr, flistxattr(fd, buf, sizeof buf) < 0 ? -1 : 0)
CALL(fremovexattr, fremovexattr(fd, "user.none"))
CALL(flock_sh, flock(fd, LOCK_SH | LOCK_NB))
CALL(flock_ex, flock(fd, LOCK_EX | LOCK_NB))
CALL(flock_un, flock(fd, LOCK_UN))
CALL(flock_bad, flock(fd, 77))
static long lock(int fd, int cmd, int type, int whence, off_t start, off_t len)
{
    struct flock l = { .l_type = type, .l_whence = whence, .l_start = start, .l_len = len };
    return fcntl(fd, cmd, &l);
}
CALL(setlk_rd, lock(fd, F_SETLK, F_RDLCK, 0, 0, 1))
CALL(setlk_wr, lock(fd, F_SETLK, F_WRLCK, 0, 0, 1))
CALL(setlk_un, lock(fd, F_SETLK, F_UNLCK, 0, 0, 1))
CALL(setlk_bad, lock(fd, F_SETLK, 9, 0, 0, 1))
CALL(setlk_neg, lock(fd, F_SETLK, F_RDLCK, 0, -1, 1))
CALL(setlk_negative_length, lock(fd, F_SETLK, F_RDLCK, 0, 5, -5))
CALL(setlk_whence, lock(fd, F_SETLK, F_RDLCK, 7, 0, 1))
CALL(getlk, lock(fd, F_GETLK, F_WRLCK, 0, 0, 1))
CALL(ofd_setlk_rd, lock(fd, F_OFD_SETLK, F_RDLCK, 0, 0, 1))
CALL(ofd_setlk_wr, lock(fd, F_OFD_SETLK, F_WRLCK, 0, 0, 1))
CALL(ofd_setlk_pid, ({ struct flock l = { .l_type = F_RDLCK, .l_len = 1, .l_pid = 5 }; fcntl(fd, F_OFD_SETLK, &l); }))
CALL(ofd_getlk, lock(fd, F_OFD_GETLK, F_WRLCK, 0, 0, 1))
CALL(setlease_rd, fcntl(fd, F_SETLEASE, F_RDLCK))
CALL(setlease_wr, fcntl(fd, F_SETLEASE, F_WRLCK))
CALL(setlease_un, fcntl(fd, F_SETLEASE, F_UNLCK))
CALL(setlease_bad, fcntl(fd, F_SETLEASE, 9))
CALL(getlease, fcntl(fd, F_GETLEASE))
CALL(get_seals, fcntl(fd, F_GET_SEALS))
CALL(add_seals, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW))
CALL(getpipe_sz, fcntl(fd, F_GETPIPE_SZ))
CALL(setfl, fcntl(fd, F_SETFL, O_APPEND))
CALL(setfl_direct, fcntl(fd, F_SETFL, O_DIRECT))
CALL(setfl_noatime, fcntl(fd, F_SETFL, O_NOATIME))
CALL(setown, fcntl(fd, F_SETOWN, 0))
CALL(dupfd, shut(fcntl(fd, F_DUPFD, 100)))
CALL(bad_fcntl, fcntl(fd, 999, 0))
CALL(rw_hint, ({ uint64_t h = 0; fcntl(fd, F_GET_RW_HINT, &h); }))
CALL(fionread, ({ int n; ioctl(fd, FIONREAD, &n); }))
CALL(fionbio, ({ int n = 1; ioctl(fd, FIONBIO, &n); }))
CALL(fioclex, ioctl(fd, FIOCLEX))
CALL(fioqsize, ({ long n; ioctl(fd, FIOQSIZE, &n); }))
CALL(figetbsz, ({ int n; ioctl(fd, 2, &n); }))
CALL(getflags, ({ long n; ioctl(fd, 0x80086601, &n); }))
CALL(tcgets, ({ char t[64]; ioctl(fd, TCGETS, t); }))
CALL(mmap_shared_r, ({ void *m = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0); m == MAP_FAILED ? -1 : munmap(m, 4096); }))
CALL(mmap_shared_rw, ({ void *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); m == MAP_FAILED ? -1 : munmap(m, 4096); }))
CALL(mmap_private_rw, ({ void *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); m == MAP_FAILED ? -1 : munmap(m, 4096); }))
CALL(mmap_none, ({ void *m = mmap(0, 4096, PROT_NONE, MAP_SHARED, fd, 0); m == MAP_FAILED ? -1 : munmap(m, 4096); }))
CALL(epoll, ({ int ep = epoll_create1(0); struct epoll_event ev = { EPOLLIN }; long r = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev); int e = errno; close(ep); errno = e; r; }))
CALL(poll, ({ struct pollfd p = { fd, POLLIN | POLLOUT }; long r = poll(&p, 1, 0); add(" revents=%x", p.revents); r; }))
static int other_file(void) { int f = open("other", O_RDWR | O_CREAT, 0600); ftruncate(f, 0); write(f, "otherfile", 9); lseek(f, 0, 0); return f; }
#define OTHER(expr) ({ int o = other_file(); long r_ = (expr); int e_ = errno; close(o); errno = e_; r_; })
CALL(sendfile_from, OTHER(sendfile(o, fd, 0, 4)))
CALL(sendfile_to, OTHER(sendfile(fd, o, 0, 4)))
CALL(copy_range_from, OTHER(copy_file_range(fd, 0, o, 0, 4, 0)))
CALL(copy_range_to, OTHER(copy_file_range(o, 0, fd, 0, 4, 0)))
CALL(copy_range_self, copy_file_range(fd, 0, fd, 0, 4, 0))
#define PIPED(expr) ({ int p[2]; must(pipe2(p, O_NONBLOCK)); must(write(p[1], "piped", 5)); long r_ = (expr); int e_ = errno; close(p[0]); close(p[1]); errno = e_; r_; })
CALL(splice_from, PIPED(splice(fd, 0, p[1], 0, 4, SPLICE_F_NONBLOCK)))
CALL(splice_to, PIPED(splice(p[0], 0, fd, 0, 4, SPLICE_F_NONBLOCK)))
CALL(tee_, PIPED(tee(p[0], fd, 4, SPLICE_F_NONBLOCK)))
CALL(ficlone, OTHER(ioctl(fd, 0x40049409, o)))
CALL(linkat_empty, ({ unlink("d/made"); linkat(fd, "", AT_FDCWD, "d/made", AT_EMPTY_PATH); }))
CALL(linkat_proc, ({ char n[64]; snprintf(n, sizeof n, "/proc/self/fd/%d", fd); unlink("d/made"); linkat(AT_FDCWD, n, AT_FDCWD, "d/made", AT_SYMLINK_FOLLOW); }))
CALL(openat_child, shut(openat(fd, "child", O_RDONLY)))
CALL(openat_dot, shut(openat(fd, ".", O_PATH)))
CALL(fstatat_empty, ({ struct stat st; fstatat(fd, "", &st, AT_EMPTY_PATH); }))
CALL(faccessat_empty, syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH))
CALL(fchmodat_empty, syscall(SYS_fchmodat2, fd, "", 0755, AT_EMPTY_PATH))
CALL(fchownat_empty, fchownat(fd, "", -1, 5, AT_EMPTY_PATH))
CALL(utimensat_empty, syscall(SYS_utimensat, fd, "", 0, AT_EMPTY_PATH))
CALL(utimensat_null, syscall(SYS_utimensat, fd, 0, 0, 0))
CALL(readlinkat_empty, readlinkat(fd, "", buf, sizeof buf))
CALL(unlinkat_empty, unlinkat(fd, "", 0))
CALL(mkdirat, ({ unlinkat(fd, "made", AT_REMOVEDIR); mkdirat(fd, "made", 0700); }))
CALL(symlinkat, ({ unlinkat(fd, "made", 0); symlinkat("t", fd, "made"); }))
CALL(execveat_check, syscall(SYS_execveat, fd, "", (char *[]){ "x", 0 }, (char *[]){ 0 }, AT_EMPTY_PATH | 0x10000))
CALL(reopen, ({ char n[64]; snprintf(n, sizeof n, "/proc/self/fd/%d", fd); shut(open(n, O_RDWR | O_NONBLOCK)); }))
CALL(handle, ({ struct { struct file_handle h; char b[128]; } h; int id; h.h.handle_bytes = 128; syscall(SYS_name_to_handle_at, fd, "", &h, &id, AT_EMPTY_PATH); }))
CALL(setsockopt, ({ int one = 1; setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, 4); }))
CALL(accept, accept(fd, 0, 0))
CALL(close_, 0)
#define E(name) { #name, f_##name }
static const struct { const char *name; fd_call call; } fd_calls[] = {
    E(read), E(read_bad), E(read_0), E(write), E(write_bad), E(write_0), E(pread), E(pread_neg), E(pwrite), E(pwrite_neg), E(readv),
    E(readv_0), E(readv_many), E(preadv2_append), E(preadv2_bad), E(lseek_set), E(lseek_end), E(lseek_neg), E(lseek_data),
    E(lseek_hole), E(lseek_data_end), E(lseek_bad), E(ftruncate), E(ftruncate_neg), E(ftruncate_max), E(fallocate),
    E(fallocate_keep), E(fallocate_punch), E(fallocate_punch_only), E(fallocate_zero), E(fallocate_collapse), E(fallocate_insert),
    E(fallocate_unshare), E(fallocate_bad), E(fallocate_0), E(fallocate_neg), E(fchmod), E(fchown), E(futimens), E(futimens_bad),
    E(fstat), E(fstatfs), E(fchdir), E(fsync), E(fdatasync), E(syncfs), E(sync_range), E(sync_range_bad), E(readahead), E(fadvise),
    E(fadvise_bad), E(getdents), E(getdents_small), E(fgetxattr), E(fsetxattr), E(fsetxattr_create), E(fsetxattr_trusted),
    E(flistxattr), E(fremovexattr), E(flock_sh), E(flock_ex), E(flock_un), E(flock_bad), E(setlk_rd), E(setlk_wr), E(setlk_un),
    E(setlk_bad), E(setlk_neg), E(setlk_negative_length), E(setlk_whence), E(getlk), E(ofd_setlk_rd), E(ofd_setlk_wr),
    E(ofd_setlk_pid), E(ofd_getlk), E(setlease_rd), E(setlease_wr), E(setlease_un), E(setlease_bad), E(getlease),
    E(get_seals), E(add_seals), E(getpipe_sz), E(setfl), E(setfl_direct), E(setfl_noatime), E(setown), E(dupfd), E(bad_fcntl),
    E(rw_hint), E(fionread), E(fionbio), E(fioclex), E(fioqsize), E(figetbsz), E(getflags), E(tcgets), E(mmap_shared_r),
    E(mmap_shared_rw), E(mmap_private_rw), E(mmap_none), E(epoll), E(poll), E(sendfile_from), E(sendfile_to), E(copy_range_from),
    E(copy_range_to), E(copy_range_self), E(splice_from), E(splice_to), E(tee_), E(ficlone), E(linkat_empty), E(linkat_proc),
    E(openat_child), E(openat_dot), E(fstatat_empty), E(faccessat_empty), E(fchmodat_empty), E(fchownat_empty), E(utimensat_empty),
    E(utimensat_null), E(readlinkat_empty), E(unlinkat_empty), E(mkdirat), E(symlinkat), E(execveat_check), E(reopen), E(handle),
    E(setsockopt), E(accept), E(close_),
};

/* What there is to open: a type, then how. */
enum { K_REG, K_DIR, K_FIFO, K_CHR, K_LINK, K_SOCKNODE, K_UNLINKED, K_TMPFILE, K_PIPE_R, K_PIPE_W, K_SOCKET, K_MEMFD, K_BAD, KINDS };
static const char *const kind_names[] = { "reg", "dir", "fifo", "null", "symlink", "socknode", "unlinked", "tmpfile", "pipe-r", "pipe-w",
    "socket", "memfd", "bad" };
static const int ways[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_PATH, 3 };
static const char *const way_names[] = { "r", "w", "rw", "append", "path", "mode3" };

static int get(int kind, int way)
{
    int p[2], flags = ways[way] | O_NONBLOCK | (ways[way] & O_PATH ? O_NOFOLLOW : 0);
    static const int types[] = { REG, DIR_, FIFO, CHR, DANGLING, SOCK, REG };
    wipe("d"); must(mkdir("d", 0777));
    if (kind <= K_UNLINKED) {
        make("d/x", types[kind], 0755);
        if (kind == K_DIR) put("d/x/child", "c");
        int fd = open("d/x", flags);
        if (kind == K_UNLINKED) must(unlink("d/x"));
        return fd;
    }
    switch (kind) {
    case K_TMPFILE: return way == 0 || way == 4 ? -1 : open("d", ways[way] | O_TMPFILE, 0644);
    case K_PIPE_R: if (way) return -1; must(pipe2(p, O_NONBLOCK)); close(p[1]); return p[0];
    case K_PIPE_W: if (way != 1) return -1; must(pipe2(p, O_NONBLOCK)); close(p[0]); return p[1];
    case K_SOCKET: return way != 2 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    case K_MEMFD: return way != 2 ? -1 : memfd_create("m", MFD_ALLOW_SEALING);
    }
    return way ? -1 : 900;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    world();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGIO, SIG_IGN);
    for (int k = 0; k < KINDS; k++)
        for (int w = 0; w < COUNT(ways); w++)
            for (int c = 0; c < COUNT(fd_calls); c++) {
                if (!take()) continue;
                int fd = get(k, w);
                if (fd < 0) continue;
                add("%s %s %s:", fd_calls[c].name, kind_names[k], way_names[w]);
                errno = 0;
                long r = fd_calls[c].call(fd);
                int e = errno;
                struct stat st;
                if (r < 0) add(" %s", ename(e)); else add(" %ld", r);
                if (fstat(fd, &st) == 0) add(" %o,%d,%d", st.st_mode, st.st_gid, (int)st.st_nlink);
                if (S_ISREG(st.st_mode)) add(",%ld", (long)st.st_size);
                /* Positions in a directory are the file system's own affair. */
                add(" at %ld\n", S_ISDIR(st.st_mode) ? 0 : (long)lseek(fd, 0, SEEK_CUR));
                if (k != K_BAD) close(fd);
            }
    return 0;
}

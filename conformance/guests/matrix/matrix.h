/*
 * matrix.h - the frame of the case matrices: each program loops over the product of a few lists (calls, file types, modes,
 * callers...), makes the same small world anew for each case, and prints one line: the case, what the call answered, and
 * what became of the files.
 *
 * By default one case in MATRIX_STRIDE (7) is run, for everyday use; with MATRIX=all in the environment all are.
 */
#ifndef MATRIX_H
#define MATRIX_H
#include "../guest.h"
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <sys/file.h>
#include <linux/openat2.h>
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

/* The callers: who they are and how they stand to files of OWNER and its group. */
enum { ROOT, OWNER, MEMBER, OTHER, CALLERS };
static const char *const caller_names[] = { "root", "owner", "member", "other" };
#define OWNER_UID 1001
#define OWNER_GID 2001
static const uid_t caller_uid[] = { 0, OWNER_UID, 1002, 1003 };
static const gid_t caller_gid[] = { 0, OWNER_GID, 2002, 2003 };

/* Become a caller: only the effective ids change, so that the way back is open. */
static UNUSED void become(int who)
{
    gid_t extra = OWNER_GID;
    if (who == ROOT) return;
    must(setgroups(who == MEMBER ? 1 : 0, &extra));
    must(setresgid(-1, caller_gid[who], -1));
    must(setresuid(-1, caller_uid[who], -1));
}
static UNUSED void unbecome(void)
{
    if (geteuid() == 0) return;
    must(setresuid(-1, 0, -1));
    must(setresgid(-1, 0, -1));
    must(setgroups(0, 0));
}

static char out_[1 << 16];
static int out_n_, stride_ = -1;
static long case_;

static UNUSED void flush_lines(void)
{
    for (int off = 0; off < out_n_;) {
        ssize_t w = write(1, out_ + off, out_n_ - off);
        if (w <= 0) break;
        off += w;
    }
    out_n_ = 0;
}
static UNUSED __attribute__((format(printf, 1, 2))) void add(const char *fmt, ...)
{
    va_list ap;
    if (out_n_ > (int)sizeof out_ - 4096) flush_lines();
    va_start(ap, fmt);
    out_n_ += vsnprintf(out_ + out_n_, sizeof out_ - out_n_, fmt, ap);
    va_end(ap);
}

/* Is the next case one of those to run? */
static UNUSED int take(void)
{
    if (stride_ < 0) {
        const char *all = getenv("MATRIX"), *s = getenv("MATRIX_STRIDE");
        stride_ = all ? 1 : s ? atoi(s) : 7;
    }
    return case_++ % stride_ == 0;
}

/* A private tmpfs as the working directory. */
static UNUSED void world(void)
{
    fresh();
    umask(0);
    xmkdtemp();
    must(unshare(CLONE_NEWNS));
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    must(mount("matrix", ".", "tmpfs", 0, "mode=755"));
    static char cwd[PATH_MAX];
    must(getcwd(cwd, sizeof cwd) ? 0 : -1);
    must(chdir(cwd));
    atexit(flush_lines);
}

/* What a name can be. */
enum { NONE, REG, DIR_, FIFO, SOCK, CHR, BLK, TOREG, TODIR, DANGLING, LOOP, TYPES };
static const char *const type_names[] = { "none", "reg", "dir", "fifo", "sock", "chr", "blk", "to-reg", "to-dir",
    "dangling", "loop" };

/* Make `path` of a type, owner OWNER. The targets of links lie beside it, with the same mode. */
static UNUSED void make(const char *path, int type, mode_t mode)
{
    char target[PATH_MAX];
    int fd;
    switch (type) {
    case NONE: return;
    case REG:
        fd = must(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600));
        must(write(fd, "content\n", 8));
        close(fd);
        break;
    case DIR_: must(mkdir(path, 0700)); break;
    case FIFO: must(mknod(path, S_IFIFO | 0600, 0)); break;
    case SOCK: must(mknod(path, S_IFSOCK | 0600, 0)); break;
    case CHR: must(mknod(path, S_IFCHR | 0600, makedev(1, 3))); break;
    case BLK: must(mknod(path, S_IFBLK | 0600, makedev(240, 77))); break;
    case TOREG:
    case TODIR:
        snprintf(target, sizeof target, "%s.t", path);
        make(target, type == TOREG ? REG : DIR_, mode);
        snprintf(target, sizeof target, "%s.t", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
        must(symlink(target, path));
        must(lchown(path, OWNER_UID, OWNER_GID));
        return;
    case DANGLING: must(symlink("nothing", path)); must(lchown(path, OWNER_UID, OWNER_GID)); return;
    case LOOP:
        must(symlink(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, path));
        must(lchown(path, OWNER_UID, OWNER_GID));
        return;
    }
    must(chown(path, OWNER_UID, OWNER_GID));
    must(chmod(path, mode));
}

static UNUSED int wipe_one_(const char *p, const struct stat *st UNUSED, int flag UNUSED, struct FTW *f UNUSED)
{
    return remove(p), 0;
}
/* Remove a tree, as root. */
static UNUSED void wipe(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0) return;
    if (!S_ISDIR(st.st_mode)) { must(unlink(path)); return; }
    if (rmdir(path) == 0) return;
    nftw(path, wipe_one_, 16, FTW_DEPTH | FTW_PHYS);
}

/* Old times, so that a change shows. */
static UNUSED void age(const char *path)
{
    struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
    utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW);
}

/* " name=type,mode,uid,gid,nlink,size,times": which of a(ccess), m(odify) are no longer old. Nothing for what is not there. */
static UNUSED void add_state(const char *label, const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0) { add(" %s=-", label); return; }
    add(" %s=%o,%d,%d,%d", label, st.st_mode, st.st_uid, st.st_gid, (int)st.st_nlink);
    if (S_ISREG(st.st_mode)) add(",%ld", (long)st.st_size);
    add(",%s%s", st.st_atim.tv_sec != 1000 ? "a" : "", st.st_mtim.tv_sec != 1000 ? "m" : "");
}
static UNUSED void add_result(long r) { int e = errno; add(" = %s", r < 0 ? ename(e) : "ok"); errno = e; }
/* Result of a call that makes a descriptor: it is closed. */
static UNUSED long shut(long fd) { if (fd >= 0) close(fd); return fd; }
#endif

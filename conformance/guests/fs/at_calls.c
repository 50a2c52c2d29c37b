/* openat(2), mkdirat(2), linkat(2), unlinkat(2), fchmodat(2), fchownat(2), faccessat2(2), readlinkat(2), openat2(2): directory descriptors,
 * AT_FDCWD, absolute paths, AT_* flags, resolve flags. */
#include "../guest.h"
#include <linux/openat2.h>

static long o2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size)
{
    struct { struct open_how how; uint64_t more[2]; } h = { { flags, mode, resolve }, { 0 } };
    return syscall(SYS_openat2, dir, path, &h, size);
}
static void r(const char *path, uint64_t resolve)
{
    int d = open("sub", O_RDONLY | O_DIRECTORY);
    long fd = o2(d, path, O_RDONLY, 0, resolve, sizeof(struct open_how));
    say("openat2 %s resolve %#lx: %s\n", path, resolve, fd < 0 ? ename(errno) : "ok");
    if (fd >= 0) close(fd);
    close(d);
}

int main(void)
{
    fresh();
    const char *base = xmkdtemp();
    char abs[128], b[32];
    struct stat st;
    mkdir("sub", 0755);
    put("sub/f", "in sub");
    put("f", "in top");
    symlink("f", "sub/l");
    symlink("../f", "sub/up");
    symlink("/proc", "sub/abs");
    snprintf(abs, 128, "%s/f", base);
    int d = must(open("sub", O_RDONLY | O_DIRECTORY)), f = must(open("f", O_RDONLY));
    slurp("relative", openat(d, "f", O_RDONLY));
    slurp("cwd", openat(AT_FDCWD, "f", O_RDONLY));
    slurp("absolute", openat(d, abs, O_RDONLY));
    slurp("absolute, bad descriptor", openat(99, abs, O_RDONLY));
    t(openat(99, "f", O_RDONLY));
    t(openat(f, "f", O_RDONLY));
    t(openat(-1, "f", O_RDONLY));
    t(openat(f, "", O_RDONLY));
    ok(openat(d, "..", O_RDONLY));
    t(mkdirat(d, "m", 0700));
    t(fstatat(d, "m", &st, 0));
    t(symlinkat("target", d, "sl"));
    t(readlinkat(d, "sl", b, 32));
    t(linkat(d, "f", AT_FDCWD, "hard", 0));
    t(linkat(AT_FDCWD, "sub/l", AT_FDCWD, "hardlink-to-link", 0));
    lstat("hardlink-to-link", &st);
    say("mode %o\n", st.st_mode);
    t(linkat(AT_FDCWD, "sub/l", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW));
    lstat("hard2", &st);
    say("mode %o nlink %d\n", st.st_mode, (int)st.st_nlink);
    t(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x1));
    t(linkat(AT_FDCWD, "sub", AT_FDCWD, "x", 0));
    t(unlinkat(d, "m", 0));
    t(unlinkat(d, "m", AT_REMOVEDIR));
    t(unlinkat(d, "sl", AT_REMOVEDIR));
    t(unlinkat(d, "sl", 0));
    t(renameat(d, "f", AT_FDCWD, "g"));
    t(renameat(AT_FDCWD, "g", d, "f"));
    t(mknodat(d, "fifo", S_IFIFO | 0600, 0));
    t(fchmodat(d, "f", 0604, 0));
    fstatat(d, "f", &st, 0);
    say("mode %o\n", st.st_mode);
    t(syscall(SYS_fchmodat2, d, "f", 0600, AT_SYMLINK_NOFOLLOW));
    t(syscall(SYS_fchmodat2, d, "l", 0600, AT_SYMLINK_NOFOLLOW));
    t(syscall(SYS_fchmodat2, f, "", 0640, AT_EMPTY_PATH));
    t(syscall(SYS_fchmodat2, d, "f", 0600, 0x1));
    t(fchownat(d, "l", 7, 8, AT_SYMLINK_NOFOLLOW));
    fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW);
    say("link's owner %d %d\n", st.st_uid, st.st_gid);
    t(fchownat(f, "", 9, -1, AT_EMPTY_PATH));
    fstat(f, &st);
    say("file's owner %d %d\n", st.st_uid, st.st_gid);
    t(fchownat(f, "", 9, -1, 0));
    t(fchownat(d, "f", 1, 1, 0x1));
    t(faccessat(d, "f", R_OK, 0));
    t(syscall(SYS_faccessat2, d, "f", R_OK, 0x1));
    t(syscall(SYS_faccessat2, f, "", R_OK, AT_EMPTY_PATH));
    t(syscall(SYS_faccessat2, d, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    t(utimensat(d, "f", (struct timespec[2]){ { 100, 0 }, { 200, 0 } }, 0));
    fstatat(d, "f", &st, 0);
    say("times %ld %ld\n", (long)st.st_atim.tv_sec, (long)st.st_mtim.tv_sec);
    /* The directory descriptor follows its directory. */
    t(rename("sub", "moved"));
    ok(openat(d, "f", O_RDONLY));
    t(rename("moved", "sub"));

    r("f", 0);
    r("l", 0);
    r("l", RESOLVE_NO_SYMLINKS);
    r("up", RESOLVE_BENEATH);
    r("../f", RESOLVE_BENEATH);
    r("./../sub/f", RESOLVE_BENEATH);
    r("m/../f", RESOLVE_BENEATH);
    r("/etc", RESOLVE_BENEATH);
    r("abs", RESOLVE_BENEATH);
    r("up", RESOLVE_IN_ROOT);
    r("../../f", RESOLVE_IN_ROOT);
    r("/f", RESOLVE_IN_ROOT);
    r("abs", RESOLVE_IN_ROOT);
    r("abs/self/exe", RESOLVE_NO_MAGICLINKS);
    r("abs/self/status", RESOLVE_NO_MAGICLINKS);
    r("abs/self/status", RESOLVE_NO_XDEV);
    r("f", RESOLVE_BENEATH | RESOLVE_IN_ROOT);
    r("f", 0x1000);
    t(o2(d, "f", O_RDONLY, 0600, 0, 24));
    t(o2(d, "new", O_CREAT | O_WRONLY, 010600, 0, 24));
    t(o2(d, "f", 1ULL << 40, 0, 0, 24));
    t(o2(d, "f", O_RDONLY, 0, 0, 23));
    ok(o2(d, "f", O_RDONLY, 0, 0, 32));
    t(o2(d, "f", O_RDONLY, 0, 0, 5000));
    ok(o2(d, "new", O_CREAT | O_WRONLY, 0600, 0, 24));
    t(o2(d, "f", O_PATH | O_RDWR, 0, 0, 24));
    return 0;
}

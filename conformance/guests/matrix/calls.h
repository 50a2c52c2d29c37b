/* calls.h - the calls that take one path, each as a function of it. `d2` is a directory anybody may write, `f2` a file there. */
#ifndef CALLS_H
#define CALLS_H
#include "matrix.h"
#include <linux/stat.h>
#include <sys/inotify.h>
#include <sys/vfs.h>

typedef long (*path_call)(const char *p);
#define CALL(name, ...) static UNUSED long c_##name(const char *p UNUSED) { return __VA_ARGS__; }
CALL(open_r, shut(open(p, O_RDONLY | O_NONBLOCK)))
CALL(open_w, shut(open(p, O_WRONLY | O_NONBLOCK)))
CALL(open_rw, shut(open(p, O_RDWR | O_NONBLOCK)))
CALL(open_path, shut(open(p, O_PATH)))
CALL(open_path_nofollow, shut(open(p, O_PATH | O_NOFOLLOW)))
CALL(open_creat, shut(open(p, O_CREAT | O_RDWR | O_NONBLOCK, 0644)))
CALL(open_excl, shut(open(p, O_CREAT | O_EXCL | O_RDWR, 0644)))
CALL(open_trunc, shut(open(p, O_WRONLY | O_TRUNC | O_NONBLOCK)))
CALL(open_append, shut(open(p, O_WRONLY | O_APPEND | O_NONBLOCK)))
CALL(open_noatime, shut(open(p, O_RDONLY | O_NOATIME | O_NONBLOCK)))
CALL(open_dir, shut(open(p, O_RDONLY | O_DIRECTORY)))
CALL(open_tmpfile, shut(open(p, O_TMPFILE | O_RDWR, 0640)))
CALL(creat_, shut(open(p, O_CREAT | O_WRONLY | O_TRUNC | O_NONBLOCK, 0640)))
CALL(stat_, ({ struct stat st; stat(p, &st); }))
CALL(lstat_, ({ struct stat st; lstat(p, &st); }))
CALL(statx_, ({ struct statx st; syscall(SYS_statx, AT_FDCWD, p, 0, STATX_ALL, &st); }))
CALL(access_f, access(p, F_OK))
CALL(access_r, access(p, R_OK))
CALL(eaccess_r, syscall(SYS_faccessat2, AT_FDCWD, p, R_OK, AT_EACCESS))
CALL(eaccess_w, syscall(SYS_faccessat2, AT_FDCWD, p, W_OK, AT_EACCESS))
CALL(eaccess_x, syscall(SYS_faccessat2, AT_FDCWD, p, X_OK, AT_EACCESS))
CALL(eaccess_link, syscall(SYS_faccessat2, AT_FDCWD, p, R_OK | W_OK | X_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW))
CALL(chmod_, chmod(p, 0111))
CALL(chmod_link, syscall(SYS_fchmodat2, AT_FDCWD, p, 0111, AT_SYMLINK_NOFOLLOW))
CALL(chown_same, chown(p, OWNER_UID, OWNER_GID))
CALL(chown_away, chown(p, 1003, -1))
CALL(chgrp_own, chown(p, -1, getegid()))
CALL(chgrp_away, chown(p, -1, 2003))
CALL(chown_none, chown(p, -1, -1))
CALL(lchown_, lchown(p, -1, getegid()))
CALL(truncate_, truncate(p, 3))
CALL(truncate_grow, truncate(p, 10000))
CALL(utimes_now, utimensat(AT_FDCWD, p, 0, 0))
CALL(utimes_set, ({ struct timespec t[2] = { { 5, 6 }, { 7, 8 } }; utimensat(AT_FDCWD, p, t, 0); }))
CALL(utimes_mtime_now, ({ struct timespec t[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } }; utimensat(AT_FDCWD, p, t, 0); }))
CALL(utimes_link, utimensat(AT_FDCWD, p, 0, AT_SYMLINK_NOFOLLOW))
CALL(readlink_, ({ char b[64]; readlink(p, b, sizeof b); }))
CALL(mkdir_, mkdir(p, 0750))
CALL(mkfifo_, mkfifo(p, 0640))
CALL(mknod_reg, mknod(p, S_IFREG | 0640, 0))
CALL(mknod_chr, mknod(p, S_IFCHR | 0640, makedev(1, 3)))
CALL(mknod_white, mknod(p, S_IFCHR | 0640, 0))
CALL(mknod_sock, mknod(p, S_IFSOCK | 0640, 0))
CALL(mknod_dir, mknod(p, S_IFDIR | 0640, 0))
CALL(symlink_, symlink("anywhere", p))
CALL(link_from, link(p, "d2/new"))
CALL(link_follow, linkat(AT_FDCWD, p, AT_FDCWD, "d2/new", AT_SYMLINK_FOLLOW))
CALL(link_to, link("d2/f2", p))
CALL(unlink_, unlink(p))
CALL(rmdir_, rmdir(p))
CALL(rename_from, rename(p, "d2/new"))
CALL(rename_to, rename("d2/f2", p))
CALL(rename_dir_to, rename("d2/s2", p))
CALL(rename_noreplace, syscall(SYS_renameat2, AT_FDCWD, "d2/f2", AT_FDCWD, p, RENAME_NOREPLACE))
CALL(rename_exchange, syscall(SYS_renameat2, AT_FDCWD, "d2/f2", AT_FDCWD, p, RENAME_EXCHANGE))
CALL(rename_whiteout, syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, "d2/new", RENAME_WHITEOUT))
CALL(getxattr_user, ({ char b[64]; getxattr(p, "user.k", b, sizeof b); }))
CALL(setxattr_user, setxattr(p, "user.k", "v", 1, 0))
CALL(lsetxattr_user, lsetxattr(p, "user.k", "v", 1, 0))
CALL(setxattr_trusted, setxattr(p, "trusted.k", "v", 1, 0))
CALL(lsetxattr_trusted, lsetxattr(p, "trusted.k", "v", 1, 0))
CALL(setxattr_security, setxattr(p, "security.k", "v", 1, 0))
CALL(removexattr_user, removexattr(p, "user.k"))
CALL(listxattr_, ({ char b[256]; listxattr(p, b, sizeof b); }))
CALL(chdir_, ({ int back = open(".", O_PATH); long r = chdir(p); int e = errno; if (r == 0) fchdir(back); close(back); errno = e; r; }))
CALL(statfs_, ({ struct statfs st; statfs(p, &st); }))
CALL(bind_, ({ struct sockaddr_un a = { AF_UNIX }; strncpy(a.sun_path, p, 100); int s = socket(AF_UNIX, SOCK_STREAM, 0);
    long r = bind(s, (void *)&a, sizeof a); int e = errno; close(s); errno = e; r; }))
CALL(connect_, ({ struct sockaddr_un a = { AF_UNIX }; strncpy(a.sun_path, p, 100); int s = socket(AF_UNIX, SOCK_STREAM, 0);
    long r = connect(s, (void *)&a, sizeof a); int e = errno; close(s); errno = e; r; }))
CALL(inotify_, ({ int i = inotify_init1(0); long r = inotify_add_watch(i, p, IN_OPEN); int e = errno; close(i); errno = e; r; }))
CALL(exec_check, syscall(SYS_execveat, AT_FDCWD, p, (char *[]){ "x", 0 }, (char *[]){ 0 }, 0x10000))
CALL(umount_, umount2(p, 0))
CALL(openat2_beneath, ({ struct open_how h = { .flags = O_PATH, .resolve = RESOLVE_BENEATH };
    shut(syscall(SYS_openat2, AT_FDCWD, p, &h, sizeof h)); }))
CALL(openat2_nolinks, ({ struct open_how h = { .flags = O_RDONLY | O_NONBLOCK, .resolve = RESOLVE_NO_SYMLINKS };
    shut(syscall(SYS_openat2, AT_FDCWD, p, &h, sizeof h)); }))
#define E(name) { #name, c_##name }
static const struct { const char *name; path_call call; } calls[] = {
    E(open_r), E(open_w), E(open_rw), E(open_path), E(open_path_nofollow), E(open_creat), E(open_excl), E(open_trunc),
    E(open_append), E(open_noatime), E(open_dir), E(open_tmpfile), E(creat_), E(stat_), E(lstat_), E(statx_), E(access_f),
    E(access_r), E(eaccess_r), E(eaccess_w), E(eaccess_x), E(eaccess_link), E(chmod_), E(chmod_link), E(chown_same),
    E(chown_away), E(chgrp_own), E(chgrp_away), E(chown_none), E(lchown_), E(truncate_), E(truncate_grow), E(utimes_now),
    E(utimes_set), E(utimes_mtime_now), E(utimes_link), E(readlink_), E(mkdir_), E(mkfifo_), E(mknod_reg), E(mknod_chr),
    E(mknod_white), E(mknod_sock), E(mknod_dir), E(symlink_), E(link_from), E(link_follow), E(link_to), E(unlink_),
    E(rmdir_), E(rename_from), E(rename_to), E(rename_dir_to), E(rename_noreplace), E(rename_exchange), E(rename_whiteout),
    E(getxattr_user), E(setxattr_user), E(lsetxattr_user), E(setxattr_trusted), E(lsetxattr_trusted), E(setxattr_security),
    E(removexattr_user), E(listxattr_), E(chdir_), E(statfs_), E(bind_), E(connect_), E(inotify_), E(exec_check),
    E(umount_), E(openat2_beneath), E(openat2_nolinks),
};
#undef E

/* d2: a directory of everybody's, with a file and a directory in it. */
static UNUSED void second_dir(void)
{
    wipe("d2");
    must(mkdir("d2", 0777));
    make("d2/f2", REG, 0666);
    must(mkdir("d2/s2", 0777));
    must(chown("d2/s2", OWNER_UID, OWNER_GID));
}
#endif

// Overlays made with mount(2): what shows, what a change leaves in the upper layer, and layers used again. overlayfs.rst.
#include "overlay.h"

static void layers(void)
{
    put("l1/a", "a of l1"); put("l2/a", "a of l2"); put("l2/b", "b of l2"); put("l3/c", "c of l3");
    mkdir("l1/dir", 0755); mkdir("l2/dir", 0700); mkdir("l3/dir", 0777);
    put("l1/dir/one", "1"); put("l2/dir/two", "2"); put("l3/dir/three", "3");
    mkdir("l2/only", 0750); put("l2/only/x", "x"); mkdir("l2/only/deep", 0755); put("l2/only/deep/y", "y");
    symlink("dir/two", "l2/sym");
    mkfifo("l3/fifo", 0640);
    put("l2/hard1", "linked"); link("l2/hard1", "l2/hard2");
    mkdir("l2/gone", 0755); put("l2/gone/f", "f");
    mknod("l1/c", S_IFCHR, 0);
    mkdir("l1/opq", 0755); put("l1/opq/new", "n"); mkdir("l2/opq", 0755); put("l2/opq/old", "o");
    must(setxattr("l1/opq", "trusted.overlay.opaque", "y", 1, 0));
    must(setxattr("l2/b", "user.note", "kept", 4, 0));
    mkdir("l2/mv", 0755); put("l2/mv/in", "in"); mkdir("l2/mv/sub", 0755); put("l2/mv/sub/z", "z");
    put("l3/file-then-dir", "f"); mkdir("l2/file-then-dir", 0755); put("l2/file-then-dir/k", "k");
}

static void changes(void)
{
    struct stat st, was;
    int fd;
    t(access("u/b", F_OK));
    must(stat("m/b", &was));
    fd = must(open("m/b", O_WRONLY | O_APPEND));
    t(write(fd, "+", 1));
    close(fd);
    cat("m/b"); cat("u/b"); cat("l2/b");
    must(stat("m/b", &st));
    v(st.st_ino == was.st_ino);
    v(st.st_dev == was.st_dev);
    t(access("u/a", F_OK));
    t(chmod("m/a", 0600));
    cat("u/a");
    t(unlink("m/a"));
    t(access("m/a", F_OK));
    t(unlink("m/dir/two"));
    t(access("m/sym", F_OK));
    put("m/dir/two", "again");
    cat("m/sym");
    t(unlink("m/dir/one")); t(unlink("m/dir/two")); t(rmdir("m/dir"));
    t(unlink("m/dir/three")); t(rmdir("m/dir")); t(mkdir("m/dir", 0711));
    put("m/dir/fresh", "f");
    t(rmdir("m/gone")); t(unlink("m/gone/f")); t(rmdir("m/gone"));
    t(rename("m/only", "m/moved"));
    t(rename("m/only/x", "m/only/renamed"));
    t(rename("m/only/renamed", "m/up"));
    t(mkdir("m/made", 0755)); t(rename("m/made", "m/made2"));
    t(syscall(SYS_renameat2, AT_FDCWD, "m/up", AT_FDCWD, "m/sym", 2));
    t(syscall(SYS_renameat2, AT_FDCWD, "m/up", AT_FDCWD, "m/sym", 1));
    t(syscall(SYS_renameat2, AT_FDCWD, "m/up", AT_FDCWD, "m/none", 4));
    must(stat("m/hard1", &st));
    v(st.st_nlink);
    put("m/hard1", "changed");
    cat("m/hard1"); cat("m/hard2");
    must(stat("m/hard1", &st));
    v(st.st_nlink);
    t(link("m/hard2", "m/hard3"));
    must(stat("m/hard3", &st));
    v(st.st_nlink);
    t(mknod("m/white", S_IFCHR, 0));
    t(mknod("m/null", S_IFCHR | 0666, makedev(1, 3)));
    fd = must(open("m/only", O_TMPFILE | O_RDWR, 0640));
    t(write(fd, "tmp", 3));
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    t(linkat(AT_FDCWD, self, AT_FDCWD, "m/only/tmp", AT_SYMLINK_FOLLOW));
    close(fd);
    t(truncate("m/only/deep/y", 0));
    t(chown("m/fifo", 5, 6));
    t(symlink("up", "m/link")); t(mkdir("m/new", 0700)); t(mkdir("m/new/inner", 0700));
    t(setxattr("m/mv/in", "user.x", "1", 1, 0));
    t(setxattr("m/mv/sub", "trusted.overlay.thing", "t", 1, 0));
    char value[64];
    t(getxattr("m/mv/sub", "trusted.overlay.thing", value, 64));
    t(getxattr("m/mv/sub", "trusted.overlay.opaque", value, 64));
    t(removexattr("m/mv/sub", "trusted.overlay.none"));
    fd = must(open("m/file-then-dir/k", O_RDONLY));
    t(unlink("m/file-then-dir/k"));
    t(read(fd, value, 1));
    close(fd);
    t(rmdir("m/file-then-dir"));
    put("m/file-then-dir", "file");
}

/* A description opened before the copy, and what direct use of the upper layer shows. */
static void beside(void)
{
    char buf[16] = { 0 };
    put("l3/log", "old");
    int r = must(open("m/log", O_RDONLY)), dir = must(open("u", O_RDONLY | O_DIRECTORY));
    t(faccessat(dir, "log", F_OK, 0));
    int w = must(open("m/log", O_WRONLY));
    t(write(w, "NEW", 3));
    t(read(r, buf, 3));
    say("%s\n", buf);
    t(faccessat(dir, "log", F_OK, 0));
    int direct = must(openat(dir, "log", O_RDONLY));
    t(unlink("m/log"));
    t(pread(direct, buf, 3, 0));
    t(pread(r, buf, 3, 0));
    struct stat st;
    must(fstatat(dir, "log", &st, AT_SYMLINK_NOFOLLOW));
    say("now %06o\n", st.st_mode);
    close(r); close(w);
    t(pread(direct, buf, 3, 0));
    close(direct); close(dir);
    must(mkdir("m/cwd", 0755));
    must(chdir("u/cwd"));
    t(rmdir("../../m/cwd"));
    t(access(".", F_OK));
    t(mkdir("x", 0700));
    must(chdir(base));
}

int main(void)
{
    fresh();
    need_overlays();
    xmkdtemp();
    must(unshare(CLONE_NEWNS));
    start();
    layers();
    t(ovl("m", "lowerdir=l1:l2:l3,upperdir=u,workdir=w"));
    overlays("mounted");
    struct statfs sf;
    must(statfs("m", &sf));
    say("type %lx\n", (long)sf.f_type);
    tree("m");
    tree("u"); tree("w");
    changes();
    say("shown\n"); tree("m");
    say("upper\n"); tree("u");
    beside();
    t(umount("m"));
    t(ovl("m", "lowerdir=l1:l2:l3,upperdir=u,workdir=w"));
    say("again\n"); tree("m");
    t(umount("m"));
    /* What was the upper layer is a lower one. */
    t(ovl("m", "lowerdir=u:l1:l2:l3,upperdir=u2,workdir=w2,redirect_dir=on"));
    overlays("redirecting");
    say("stacked\n"); tree("m");
    t(rename("m/mv", "m/mv2"));
    t(mkdir("m/into", 0755));
    t(rename("m/mv2/sub", "m/into/sub2"));
    t(rename("m/mv2", "m/mv3"));
    t(mkdir("m/mv", 0755));
    t(syscall(SYS_renameat2, AT_FDCWD, "m/mv3", AT_FDCWD, "m/only", 2));
    tree("m/mv"); tree("m/mv3"); tree("m/into"); tree("m/only");
    say("its upper\n"); tree("u2");
    t(umount("m"));
    t(ovl("m", "lowerdir=u2:u:l1:l2:l3"));
    overlays("read-only");
    say("three high\n"); tree("m");
    t(mkdir("m/x", 0755));
    t(open("m/a", O_WRONLY));
    t(mount(0, "m", 0, MS_REMOUNT, 0));
    t(umount("m"));
    return 0;
}

/* mount_setattr(2), MOUNT_ATTR_IDMAP: a mount that shows other owners than its file system keeps. Who may make one, what stat, chown, access,
 * create, unlink, access control lists and set-user-ID programs say through it, and what the file system then has. */
// kernel: fresh -- mounts
#include "../guest.h"
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <sys/fsuid.h>
#include <grp.h>

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x100000
#endif
static int open_tree_(int d, const char *p, unsigned f) { return syscall(428, d, p, f); }
static int move_mount_(int d, const char *p, int td, const char *tp, unsigned f) { return syscall(429, d, p, td, tp, f); }
static int setattr_(int d, const char *p, unsigned f, struct mount_attr *a, size_t n) { return syscall(442, d, p, f, a, n); }

/* A user namespace with these maps; null: none. */
static int userns(const char *uids, const char *gids)
{
    int up[2], go[2];
    must(pipe(up)); must(pipe(go));
    pid_t p = fork();
    if (p == 0) {
        close(go[1]);
        if (unshare(CLONE_NEWUSER)) _exit(1);
        must(write(up[1], "", 1));
        char c;
        while (read(go[0], &c, 1) > 0) {}
        _exit(0);
    }
    char c, path[64];
    must(read(up[0], &c, 1));
    if (uids) { sprintf(path, "/proc/%d/uid_map", p); put(path, uids); }
    if (gids) { sprintf(path, "/proc/%d/gid_map", p); put(path, gids); }
    sprintf(path, "/proc/%d/ns/user", p);
    int fd = must(open(path, O_RDONLY | O_CLOEXEC));
    close(go[1]); close(go[0]); close(up[0]); close(up[1]);
    waitpid(p, 0, 0);
    return fd;
}
static void owner(const char *path)
{
    struct stat st;
    if (lstat(path, &st)) { say("%s: %s\n", path, ename(errno)); return; }
    say("%s: %d:%d %o\n", path, st.st_uid, st.st_gid, st.st_mode & 07777);
}
static int map(int tree, int ns)
{
    struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = ns };
    return setattr_(tree, "", AT_EMPTY_PATH, &a, sizeof a);
}
static void as(int uid, int gid, void (*what)(void))
{
    int st;
    pid_t p = fork();
    if (p == 0) { setgroups(0, 0); must(setgid(gid)); must(setuid(uid)); what(); _exit(0); }
    waitpid(p, &st, 0);
    if (!WIFEXITED(st) || WEXITSTATUS(st)) say("it ended %x\n", st);
}
static void acl(const char *label, const char *path)
{
    unsigned char b[200];
    long n = getxattr(path, "system.posix_acl_access", b, sizeof b);
    if (n < 0) { say("%s: %s\n", label, ename(errno)); return; }
    say("%s:", label);
    for (long i = 4; i < n; i += 8) say(" %d/%d/%d", b[i] | b[i + 1] << 8, b[i + 2], *(int *)(b + i + 4));
    say("\n");
}
static void user_10005(void)
{
    t(open("m/five", O_RDWR)); t(open("m/root", O_RDONLY)); t(open("m/root", O_RDWR)); t(open("m/outside", O_RDWR));
    t(access("m/five", W_OK)); t(access("m/outside", R_OK)); t(access("m/outside", W_OK));
    t(mkdir("m/made", 0700)); t(open("m/made/f", O_CREAT | O_WRONLY, 0644)); owner("m/made"); owner("m/made/f");
    t(symlink("x", "m/link")); t(mkfifo("m/fifo", 0600)); t(link("m/five", "m/hard")); t(link("m/outside", "m/hard2"));
    t(chmod("m/five", 0640)); t(chmod("m/root", 0600)); t(chown("m/five", -1, 10005)); t(chown("m/five", 10006, -1)); t(unlink("m/hard"));
    t(rename("m/link", "m/link2")); t(unlink("m/sticky/other")); t(unlink("m/sticky/mine"));
    t(utimensat(AT_FDCWD, "m/root", 0, 0)); t(utimensat(AT_FDCWD, "m/five", 0, 0)); t(open("m/five", O_RDONLY | O_NOATIME)); t(open("m/root", O_RDONLY | O_NOATIME));
    t(open("m", O_TMPFILE | O_RDWR, 0600)); t(access("m/byacl", W_OK)); t(chdir("m/private"));
}
static void user_5(void)
{
    t(open("m/five", O_RDONLY)); t(open("m/five", O_RDWR)); t(mkdir("m/other", 0700)); t(open("m/g", O_CREAT | O_WRONLY, 0644)); t(open("m", O_TMPFILE | O_RDWR, 0600));
    t(open("t/five", O_RDWR));
}

int main(void)
{
    fresh();
    if (geteuid()) skip("root makes mounts");
    must(chdir(xmkdtemp()));
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
    mkdir("t", 0755); mkdir("m", 0755); mkdir("p", 0755);
    must(mount("none", "t", "tmpfs", 0, "mode=777"));
    const char *names[] = { "root", "five", "outside" };
    int owners[] = { 0, 5, 70000 };
    for (int i = 0; i < 3; i++) { char p[20]; sprintf(p, "t/%s", names[i]); put(p, "x"); must(chmod(p, 0606)); must(chown(p, owners[i], owners[i])); }
    must(chmod("t/root", 0604));
    must(mkdir("t/sticky", 0)); must(chmod("t/sticky", 01777)); put("t/sticky/mine", ""); put("t/sticky/other", ""); must(chown("t/sticky/mine", 5, 5));
    must(mkdir("t/private", 0700)); must(chown("t/private", 5, 5));
    put("t/byacl", ""); must(chmod("t/byacl", 0600));
    unsigned char list[] = { 2,0,0,0, 1,0,6,0,255,255,255,255, 2,0,6,0,5,0,0,0, 4,0,0,0,255,255,255,255, 16,0,6,0,255,255,255,255, 32,0,0,0,255,255,255,255 };
    must(setxattr("t/byacl", "system.posix_acl_access", list, sizeof list, 0));

    int ns = userns("0 10000 1000", "0 10000 1000"), none = userns(0, 0), own = must(open("/proc/self/ns/user", O_RDONLY)), mnt = must(open("/proc/self/ns/mnt", O_RDONLY));
    int tree = must(open_tree_(AT_FDCWD, "t", OPEN_TREE_CLONE | AT_RECURSIVE));
    int attached = must(open("t", O_RDONLY | O_DIRECTORY)), proc = must(open_tree_(AT_FDCWD, "/proc", OPEN_TREE_CLONE));
    te(map(tree, own) ? errno : 0); te(map(tree, mnt) ? errno : 0); te(map(tree, -1) ? errno : 0); te(map(tree, 99) ? errno : 0); te(map(tree, attached) ? errno : 0);
    te(map(tree, none) ? errno : 0); te(map(attached, ns) ? errno : 0); te(map(proc, ns) ? errno : 0);
    struct mount_attr clear = { .attr_clr = MOUNT_ATTR_IDMAP, .userns_fd = ns };
    te(setattr_(tree, "", AT_EMPTY_PATH, &clear, sizeof clear) ? errno : 0);
    te(map(tree, ns) ? errno : 0);
    te(map(tree, ns) ? errno : 0);
    must(move_mount_(tree, "", AT_FDCWD, "m", MOVE_MOUNT_F_EMPTY_PATH));

    say("-- what root sees\n");
    owner("m"); owner("m/root"); owner("m/five"); owner("m/outside"); owner("t/five"); acl("acl by the mount", "m/byacl"); acl("acl", "t/byacl");
    t(open("m/five", O_RDWR)); t(open("m/outside", O_RDONLY)); t(open("m/outside", O_RDWR)); t(mkdir("m/byroot", 0700)); t(open("m/byroot", O_CREAT | O_RDWR, 0600));
    t(unlink("m/outside")); t(chmod("m/outside", 0777)); t(chown("m/five", 10006, 10007)); owner("t/five"); t(chown("m/five", 3, -1)); t(chown("m/five", 10005, 10005)); t(truncate("m/outside", 0));
    t(rename("m/outside", "m/elsewhere")); t(setxattr("m/outside", "user.x", "1", 1, 0)); t(rmdir("m/private")); must(mkdir("t/private", 0700)); must(chown("t/private", 5, 5));
    list[16] = 0x15; list[17] = 0x27;
    t(setxattr("m/byacl", "system.posix_acl_access", list, sizeof list, 0)); acl("acl set by the mount", "t/byacl");
    say("-- 10005\n");
    as(10005, 10005, user_10005);
    say("-- 5\n");
    as(5, 5, user_5);
    say("-- what there is\n");
    owner("t/made"); owner("t/made/f"); owner("t/link2"); owner("t/fifo"); owner("t/five");
    mount("m", "p", 0, MS_BIND, 0); owner("p/made");
    char line[4096]; FILE *f = fopen("/proc/self/mountinfo", "r");
    int shown = 0;
    while (fgets(line, sizeof line, f)) shown += strstr(line, ",idmapped") != 0;
    say("mounts shown as such: %d\n", shown);
    say("-- in the namespace itself\n");
    list[16] = 7; list[17] = 0;
    must(setxattr("t/byacl", "system.posix_acl_access", list, sizeof list, 0));
    pid_t p = spawn({
        t(setns(ns, CLONE_NEWUSER)); t(setgid(0)); t(setuid(0));
        acl("of a stranger", "t/byacl"); acl("of one of its own", "m/byacl"); owner("m/five"); owner("t/five");
        put("m/mine", ""); t(setxattr("m/mine", "system.posix_acl_access", list, sizeof list, 0)); acl("its own", "m/mine");
        list[17] = 0x70;
        t(setxattr("m/mine", "system.posix_acl_access", list, sizeof list, 0));
    });
    reap(p, "child"); acl("seen from outside", "m/mine"); acl("as it is kept", "t/mine");
    umount2("p", MNT_DETACH); umount2("m", MNT_DETACH); umount2("t", MNT_DETACH);
    return 0;
}

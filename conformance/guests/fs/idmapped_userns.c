// mount_setattr(2), MOUNT_ATTR_IDMAP, by the root of a user namespace: of file systems mounted in it, and of others.
// kernel: fresh -- mounts
#include "guest.h"
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static void map_of(pid_t p, const char *file, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", p, file);
    put(path, text);
}
/* A user namespace whose ids begin at `outside` of this one. */
static int userns(const char *ids)
{
    int up[2], go[2];
    must(pipe(up)); must(pipe(go));
    pid_t p = must(fork());
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
    map_of(p, "uid_map", ids);
    map_of(p, "gid_map", ids);
    snprintf(path, sizeof path, "/proc/%d/ns/user", p);
    int fd = must(open(path, O_RDONLY | O_CLOEXEC));
    close(go[1]); close(go[0]); close(up[0]); close(up[1]);
    waitpid(p, 0, 0);
    return fd;
}
static void owner(const char *path)
{
    struct stat st;
    if (lstat(path, &st)) say("%s: %s\n", path, ename(errno));
    else say("%s: %d:%d %o\n", path, st.st_uid, st.st_gid, st.st_mode & 07777);
}
static int clone_of(const char *path) { return must(syscall(SYS_open_tree, AT_FDCWD, path, 1)); }
static int map(int tree, int ns)
{
    struct mount_attr a = { .attr_set = 0x100000, .userns_fd = ns };
    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &a, sizeof a);
}
static void as(int id, void (*what)(void))
{
    pid_t p = must(fork());
    if (p == 0) { setgroups(0, 0); must(setgid(id)); must(setuid(id)); what(); _exit(0); }
    waitpid(p, 0, 0);
}
static void user(void)
{
    ok(open("m/zero", O_RDWR)); ok(open("m/five", O_RDWR)); ok(open("t/five", O_RDWR));
    ok(open("m/made", O_CREAT | O_WRONLY, 0644));
    owner("m/made"); owner("t/made");
    t(chmod("m/five", 0600)); t(chmod("m/zero", 0600)); t(chown("m/zero", -1, 1000)); t(chown("m/zero", 1001, -1));
}
static void stranger(void)
{
    t(mkdir("m/none", 0755)); ok(open("m/zero", O_RDWR));
}

static void inside(void)
{
    must(setgid(0)); must(setuid(0));
    /* Its own again: who changes ids gives that up. */
    must(prctl(PR_SET_DUMPABLE, 1));
    must(unshare(CLONE_NEWNS));
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    must(mount("t", "t", "tmpfs", 0, "mode=777"));
    put("t/zero", "0"); put("t/five", "5"); must(chown("t/five", 5, 5)); put("t/high", "h"); must(chown("t/high", 30000, 30000));
    int ns = userns("0 1000 1000"), own = must(open("/proc/self/ns/user", O_RDONLY));
    int tree = clone_of("t"), outer = clone_of("o");
    te(map(outer, ns) ? errno : 0);
    te(map(tree, own) ? errno : 0);
    te(map(must(open("t", O_RDONLY)), ns) ? errno : 0);
    te(map(tree, ns) ? errno : 0);
    te(map(tree, ns) ? errno : 0);
    must(syscall(SYS_move_mount, tree, "", AT_FDCWD, "m", 4));
    owner("t/zero"); owner("m/zero"); owner("t/five"); owner("m/five"); owner("m/high"); owner("m");
    ok(open("m/zero", O_RDWR)); ok(open("m/made0", O_CREAT | O_WRONLY, 0644)); t(chown("m/zero", 1005, 1006)); owner("t/zero");
    t(chown("m/zero", 3, 3)); t(chown("m/zero", 1000, 1000));
    ok(open("m/high", O_RDWR)); t(unlink("m/high"));
    say("-- 1000\n");
    as(1000, user);
    say("-- 3\n");
    as(3, stranger);
}

int main(void)
{
    fresh();
    if (geteuid()) skip("root maps ids");
    xmkdtemp();
    must(chmod(".", 0755));
    mkdir("t", 0777); mkdir("m", 0777); mkdir("o", 0777);
    must(unshare(CLONE_NEWNS));
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    int up[2], go[2];
    must(pipe(up)); must(pipe(go));
    pid_t p = must(fork());
    if (p == 0) {
        char c;
        must(unshare(CLONE_NEWUSER));
        must(write(up[1], "", 1));
        must(read(go[0], &c, 1));
        inside();
        _exit(0);
    }
    char c;
    must(read(up[0], &c, 1));
    map_of(p, "uid_map", "0 100000 65536");
    map_of(p, "gid_map", "0 100000 65536");
    must(write(go[1], "", 1));
    int status;
    must(waitpid(p, &status, 0));
    v(status);
    return 0;
}

/* mount(2), umount2(2), pivot_root(2), mount_namespaces(7): tmpfs mounts, binds of directories and files, stacking, moving, remounting, what is busy, what
 * lazy unmounting leaves, '..' over mounts, flags of a mount, links and renames between mounts, a new root. */
#include "../guest.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

static void at(const char *p)
{
    char b[256];
    int fd = open(p, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, b, 255);
    if (n < 0) say("%s: %s\n", p, ename(errno));
    else say("%s: %.*s\n", p, (int)n, b);
    if (fd >= 0) close(fd);
}
static long dev(const char *p) { struct stat st; return lstat(p, &st) ? -1 : (long)st.st_dev; }
static void same(const char *a, const char *b) { say("%s and %s: %s file system\n", a, b, dev(a) == dev(b) ? "one" : "another"); }
static void flags(const char *p)
{
    struct statvfs s;
    if (statvfs(p, &s)) { say("flags %s: %s\n", p, ename(errno)); return; }
    say("flags %s:%s%s%s%s%s%s%s\n", p, s.f_flag & ST_RDONLY ? " ro" : " rw", s.f_flag & ST_NOSUID ? " nosuid" : "", s.f_flag & ST_NODEV ? " nodev" : "",
        s.f_flag & ST_NOEXEC ? " noexec" : "", s.f_flag & ST_NOATIME ? " noatime" : "", s.f_flag & ST_NODIRATIME ? " nodiratime" : "", s.f_flag & ST_RELATIME ? " relatime" : "");
}
/* Lines of mountinfo about places below `dir`: mount point, options. */
static void info(const char *dir)
{
    char line[1024], root[256], point[256], opts[256], type[64];
    FILE *f = fopen("/proc/self/mountinfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%*d %*d %*s %255s %255s %255s", root, point, opts) != 3) continue;
        char *sep = strstr(line, " - ");
        if (strncmp(point, dir, strlen(dir)) || !sep || sscanf(sep, " - %63s", type) != 1 || !*type) continue;
        say("  %s %s\n", point + strlen(dir), opts);
    }
    if (f) fclose(f);
}
static const char *below(const char *base, const char *p) { static char b[4][300]; static int i; char *r = b[i++ & 3]; snprintf(r, 300, "%s/%s", base, p); return r; }

int main(void)
{
    fresh();
    const char *base = strdup(xmkdtemp());
    if (unshare(CLONE_NEWNS) < 0) die("unshare");
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    must(mkdir("m", 0755)); must(mkdir("n", 0755)); must(mkdir("src", 0755));
    put("under", "underneath"); put("m/under", "covered"); put("src/f", "source file"); put("file", "plain");

    say("-- a new file system\n");
    t(mount("some", "m", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755"));
    same(".", "m"); same("m", "m/.."); same(".", "m/..");
    at("m/under"); flags("m");
    put("m/f", "on tmpfs"); must(mkdir("m/d", 0700));
    t(rename("m/f", "f")); t(link("m/f", "f")); t(rename("under", "m/under"));
    t(rmdir("m")); t(rename("m", "x")); t(unlink("m"));
    t(mount("some", "m/none", "tmpfs", 0, 0)); t(mount("some", "file", "tmpfs", 0, 0));
    t(mount("some", "n", "nosuchfs", 0, 0)); t(mount("some", "n", 0, 0, 0)); t(mount("some", "n", "tmpfs", 0, "nonsense=1"));
    info(base);

    say("-- stacked\n");
    t(mount("top", "m", "tmpfs", MS_NOEXEC | MS_NOATIME, 0));
    at("m/f"); flags("m"); info(base);
    t(umount("m")); at("m/f");

    say("-- bind\n");
    t(mount("src", "n", 0, MS_BIND, 0)); at("n/f"); same("src", "n");
    put("n/new", "through the bind"); at("src/new");
    t(rename("n/new", "src/x")); t(link("n/f", "src/x"));
    t(mount(0, "n", 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0));
    t(open("n/y", O_CREAT | O_WRONLY, 0644)); t(open("src/y", O_CREAT | O_WRONLY, 0644)); t(unlink("n/f")); t(chmod("n/f", 0600)); t(access("n/f", W_OK)); t(open("n/f", O_RDWR));
    flags("n"); flags("src");
    t(mount("file", "under", 0, MS_BIND, 0)); at("under"); t(unlink("under")); t(mount("file", "n", 0, MS_BIND, 0)); t(mount("src", "under", 0, MS_BIND, 0));
    t(umount("under")); at("under");
    t(mount("none", "n", 0, MS_BIND, 0));
    info(base);

    say("-- recursive\n");
    must(mkdir("r", 0755)); must(mkdir("r2", 0755)); must(mkdir("r/in", 0755));
    t(mount("r", "r/in", "tmpfs", 0, 0)); put("r/in/f", "inner");
    t(mount("r", "r2", 0, MS_BIND, 0)); at("r2/in/f"); t(umount("r2"));
    t(mount("r", "r2", 0, MS_BIND | MS_REC, 0)); at("r2/in/f"); same("r2/in", "r/in");
    t(umount("r2")); t(umount("r2/in")); t(umount("r2")); at("r/in/f");

    say("-- moved\n");
    t(mount("m", "r2", 0, MS_MOVE, 0)); at("m/under"); at("r2/f"); t(mount("src", "r2", 0, MS_MOVE, 0));
    must(mkdir("r2/sub", 0755)); t(mount("r2", "r2/sub", 0, MS_MOVE, 0)); t(mount("r2", "m", 0, MS_MOVE, 0)); at("m/f");

    say("-- busy\n");
    int fd = open("m/f", O_RDONLY);
    t(umount("m")); t(umount2("m", MNT_EXPIRE)); close(fd);
    must(chdir("m")); t(umount(".")); must(chdir(".."));
    fd = open("m/f", O_WRONLY);
    t(mount(0, "m", 0, MS_REMOUNT | MS_RDONLY, 0)); close(fd);
    t(mount(0, "m", 0, MS_REMOUNT | MS_RDONLY, 0)); t(open("m/f", O_WRONLY)); flags("m"); t(mount(0, "m", 0, MS_REMOUNT, 0)); t(close(open("m/f", O_WRONLY)));
    t(umount2("m", MNT_EXPIRE)); t(umount2("m", MNT_EXPIRE)); at("m/f");
    t(umount("m")); t(umount("none")); t(umount2("n", 64)); t(umount2("n", MNT_EXPIRE | MNT_FORCE)); t(umount(".")); 

    say("-- lazily\n");
    t(mount("lazy", "m", "tmpfs", 0, 0)); put("m/f", "lazy"); must(mkdir("m/d", 0755));
    must(chdir("m/d"));
    t(umount2(below(base, "m"), MNT_DETACH));
    at("../f"); put("g", "still writable"); at("g");
    char cwd[512];
    say("cwd: %s\n", getcwd(cwd, sizeof cwd) ? cwd : ename(errno));
    t(chdir("../..")); at("f"); say("cwd: %s\n", getcwd(cwd, sizeof cwd) ? cwd : ename(errno));
    must(chdir(base)); at("m/f");

    say("-- propagation\n");
    t(mount(0, "n", 0, MS_PRIVATE, 0)); t(mount(0, "n", 0, MS_SLAVE, 0)); t(mount(0, "m", 0, MS_PRIVATE, 0)); t(mount(0, "n", 0, MS_PRIVATE | MS_SLAVE, 0));

    say("-- without the right\n");
    pid_t p = spawn({ setuid(1000); t(mount("x", "m", "tmpfs", 0, 0)); t(umount("n")); t(syscall(SYS_pivot_root, ".", ".")); t(unshare(CLONE_NEWNS)); });
    reap(p, "user");

    say("-- a namespace of its own\n");
    p = spawn({ must(unshare(CLONE_NEWNS)); t(mount("own", "m", "tmpfs", 0, 0)); put("m/own", "mine"); at("m/own"); t(umount("n")); });
    reap(p, "child"); at("m/own"); at("n/f");

    say("-- a new root\n");
    p = spawn({
        must(unshare(CLONE_NEWNS));
        t(mount("root", "m", "tmpfs", 0, 0)); must(mkdir("m/old", 0755)); put("m/here", "new root");
        t(syscall(SYS_pivot_root, "m", "n")); t(syscall(SYS_pivot_root, "m/here", "m/old"));
        t(syscall(SYS_pivot_root, "m", "m/old"));
        say("cwd: %s\n", getcwd(cwd, sizeof cwd) ? "somewhere" : ename(errno));
        t(chdir("/")); at("here"); v(access(below(below("old", base), "src/f"), F_OK)); at("old/../here"); t(access("old/proc", F_OK));
        t(umount2("old", MNT_DETACH)); t(access("old/proc", F_OK)); t(rmdir("old"));
    });
    reap(p, "child");
    at("src/f");
    return 0;
}

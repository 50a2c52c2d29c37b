// What mount(2), fsopen(2) and fsconfig(2) make of the options of an overlay, what mountinfo says, and overlays in user namespaces.
#include "overlay.h"

static void try_(const char *options)
{
    int r = ovl("m", options);
    say("[%s] %s\n", options, r < 0 ? ename(errno) : "mounted");
    if (r < 0) return;
    overlays(" ");
    must(umount("m"));
}

static void options(void)
{
    static const char *const all[] = { "", "lowerdir=l1", "lowerdir=l1:l2", "lowerdir=none", "lowerdir=l1:none", "lowerdir=l1:",
        "lowerdir=:l1", "lowerdir=l1:l2:::l3", "lowerdir=file", "upperdir=u,workdir=w", "lowerdir=l1,upperdir=u", "lowerdir=l1,workdir=w",
        "lowerdir=l1:l2,workdir=w", "lowerdir=l1,upperdir=u,workdir=u", "lowerdir=l1,upperdir=u,workdir=u/w", "lowerdir=l1,upperdir=w/u,workdir=w",
        "lowerdir=l1,upperdir=none,workdir=w", "lowerdir=l1,upperdir=file,workdir=w", "lowerdir=l1,upperdir=other,workdir=w",
        "lowerdir=l1,upperdir=ro,workdir=ro", "lowerdir=u,upperdir=u,workdir=w", "lowerdir=u/in,upperdir=u,workdir=w",
        "lowerdir=l1:l1,upperdir=u,workdir=w", "lowerdir=l1:l1/in", "lowerdir=w,upperdir=u,workdir=w", "lowerdir=l1,upperdir=l1/in,workdir=w",
        "lowerdir=l1,upperdir=u,workdir=w,redirect_dir=on", "lowerdir=l1,upperdir=u,workdir=w,redirect_dir=off",
        "lowerdir=l1,upperdir=u,workdir=w,redirect_dir=follow", "lowerdir=l1,upperdir=u,workdir=w,redirect_dir=nofollow",
        "lowerdir=l1,upperdir=u,workdir=w,redirect_dir=maybe", "lowerdir=l1,upperdir=u,workdir=w,redirect_dir",
        "lowerdir=l1,upperdir=u,workdir=w,index=off", "lowerdir=l1:l2,redirect_dir=on", "lowerdir=l1:l2,metacopy=on",
        "lowerdir=l1,upperdir=u,workdir=w,metacopy=on", "lowerdir=l1,upperdir=u,workdir=w,metacopy=on,redirect_dir=off",
        "lowerdir=l1,upperdir=u,workdir=w,xino=on", "lowerdir=l1:other,xino=on", "lowerdir=l1:other,xino=auto",
        "lowerdir=l1,upperdir=u,workdir=w,userxattr", "lowerdir=l1,upperdir=u,workdir=w,userxattr,redirect_dir=on",
        "lowerdir=l1,upperdir=u,workdir=w,userxattr,metacopy=on", "lowerdir=l1,upperdir=u,workdir=w,userxattr=1",
        "lowerdir=l1,upperdir=u,workdir=w,default_permissions", "lowerdir=l1,upperdir=u,workdir=w,nonsense",
        "lowerdir=l1,upperdir=u,workdir=w,nonsense=3", "lowerdir=l1,upperdir=u,workdir=w,ro", "lowerdir=l1:l2,rw",
        "lowerdir=with\\:colon:l2", "lowerdir=with\\,comma:l2", "lowerdir=with\\:colon:l2,upperdir=u,workdir=w", "lowerdir=l1,lowerdir=l2:l3",
        "lowerdir=l1:l2,lowerdir=", "lowerdir+=l1,lowerdir+=l2", "lowerdir+=l1,lowerdir+=with:colon", "lowerdir=l1,lowerdir+=l2",
        "lowerdir+=l1,lowerdir=l2:l3", "lowerdir+=,lowerdir+=l2", "lowerdir=l1,upperdir=u,workdir=w,nfs_export=maybe",
        "lowerdir=l1,upperdir=u,workdir=w,uuid=null" };
    put("file", "");
    mkdir("u/in", 0755); mkdir("u/w", 0755); mkdir("w/u", 0755); mkdir("l1/in", 0755); mkdir("other", 0755); mkdir("ro", 0755);
    mkdir("with:colon", 0755); mkdir("with,comma", 0755); put("with:colon/f", "colon"); put("with,comma/f", "comma");
    must(mount("o", "other", "tmpfs", 0, "mode=755"));
    must(mount("r", "ro", "tmpfs", MS_RDONLY, "mode=755"));
    for (int i = 0; i < COUNT(all); i++) try_(all[i]);
    must(umount("ro"));
}

static void message(int fd)
{
    char buf[300];
    for (;;) {
        long n = read(fd, buf, sizeof buf - 1);
        if (n < 0) { say("  (%s)\n", ename(errno)); return; }
        buf[n] = 0;
        rebase(buf);
        say("  %s", buf);
    }
}
#define cfg(cmd, key, value, aux) do { t(syscall(SYS_fsconfig, fd, cmd, key, value, aux)); message(fd); } while (0)

static void contexts(void)
{
    char small[4];
    int fd = must(syscall(SYS_fsopen, "overlay", 0)), l3 = must(open("l3", O_PATH)), file = must(open("file", O_RDONLY));
    cfg(1, "source", "src", 0);
    cfg(1, "source", "more", 0);
    cfg(0, "source", 0, 0);
    cfg(1, "lowerdir+", "l1", 0);
    cfg(1, "lowerdir+", "", 0);
    cfg(1, "lowerdir+", "none", 0);
    cfg(1, "lowerdir+", "file", 0);
    cfg(0, "lowerdir+", 0, 0);
    cfg(2, "lowerdir+", "l1", 2);
    cfg(3, "lowerdir+", "l1", AT_FDCWD);
    cfg(5, "lowerdir+", 0, 99);
    cfg(5, "lowerdir+", 0, l3);
    cfg(5, "lowerdir+", 0, file);
    cfg(1, "upperdir", "u", 0);
    cfg(1, "workdir", "w", 0);
    cfg(1, "index", "perhaps", 0);
    cfg(0, "index", 0, 0);
    cfg(1, "userxattr", "x", 0);
    cfg(0, "unheard", 0, 0);
    cfg(1, "unheard", "x", 0);
    t(syscall(SYS_fsconfig, fd, 0, "unheard", 0, 0));
    t(read(fd, small, sizeof small));
    message(fd);
    for (int i = 0; i < 12; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        syscall(SYS_fsconfig, fd, 0, key, 0, 0);
    }
    message(fd);
    cfg(6, 0, 0, 0);
    cfg(6, 0, 0, 0);
    int m = must(syscall(SYS_fsmount, fd, 0, 0));
    t(syscall(SYS_move_mount, m, "", AT_FDCWD, "m", 4));
    overlays("by context");
    close(m);
    close(fd);
    fd = must(syscall(SYS_fspick, AT_FDCWD, "m", 0));
    cfg(1, "xino", "on", 0);
    cfg(0, "ro", 0, 0);
    cfg(7, 0, 0, 0);
    close(fd);
    overlays("picked");
    t(mkdir("m/no", 0755));
    t(umount("m"));
    fd = must(syscall(SYS_fsopen, "overlay", 0));
    cfg(1, "lowerdir", "l1:l2", 0);
    cfg(1, "lowerdir+", "l3", 0);
    cfg(6, 0, 0, 0);
    cfg(1, "lowerdir", "l1", 0);
    close(fd);
    fd = must(syscall(SYS_fsopen, "tmpfs", 0));
    cfg(1, "size", "lots", 0);
    cfg(0, "size", 0, 0);
    cfg(5, "size", 0, file);
    cfg(3, "size", "file", AT_FDCWD);
    cfg(1, "mode", "9", 0);
    cfg(1, "noswap", "x", 0);
    cfg(1, "unheard", "x", 0);
    close(fd); close(l3); close(file);
}

/* On each other, and on what is not mounted any more. */
static void stacks(void)
{
    put("l1/low", "low");
    t(ovl("m", "lowerdir=l1,upperdir=u,workdir=w"));
    t(ovl("m2", "lowerdir=m,upperdir=u2,workdir=w2"));
    cat("m2/low");
    put("m2/low", "higher");
    cat("m/low");
    t(ovl("m3", "lowerdir=m2:l3"));
    mkdir("m/u", 0755); mkdir("m/w", 0755);
    t(ovl("m3", "lowerdir=l3,upperdir=m/u,workdir=m/w"));
    t(umount("m"));
    cat("m2/low");
    t(umount("m2"));
    put("other/f", "of the other");
    mkdir("other/u", 0755); mkdir("other/w", 0755); mkdir("other/l", 0755); put("other/l/g", "g");
    t(ovl("m", "lowerdir=other/l,upperdir=other/u,workdir=other/w"));
    t(umount("other"));
    put("m/g", "changed"); put("m/h", "h");
    cat("m/g");
    tree("m");
    int fd = must(open("m/g", O_RDONLY));
    t(umount("m"));
    t(umount2("m", MNT_DETACH));
    char c;
    t(read(fd, &c, 1));
    close(fd);
    t(ovl("m", "lowerdir=l1,upperdir=u,workdir=w,index=on"));
    t(ovl("m2", "lowerdir=l2,upperdir=u,workdir=w2,index=on"));
    t(ovl("m2", "lowerdir=u:l2,index=on"));
    t(umount("m"));
}

static void spell(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) die(path);
    close(fd);
}

static void in_namespace(void)
{
    put("l2/theirs", "t"); chmod("l2/theirs", 0644); put("l2/gone", "g"); mkdir("l2/d", 0755); put("l2/d/x", "x");
    chown("l2/theirs", 5, 5);
    pid_t pid = must(fork());
    if (pid == 0) {
        must(unshare(CLONE_NEWUSER | CLONE_NEWNS));
        spell("/proc/self/setgroups", "deny");
        spell("/proc/self/uid_map", "0 0 1");
        spell("/proc/self/gid_map", "0 0 1");
        must(mount("n", "m3", "tmpfs", 0, "mode=755"));
        mkdir("m3/u", 0755); mkdir("m3/w", 0755); mkdir("m3/m", 0755); mkdir("m3/u2", 0755); mkdir("m3/w2", 0755);
        t(ovl("m3/m", "lowerdir=l2,upperdir=m3/u,workdir=m3/w,redirect_dir=on"));
        t(ovl("m3/m", "lowerdir=l2,upperdir=m3/u,workdir=m3/w,metacopy=on"));
        t(ovl("m3/m", "lowerdir=l2,upperdir=m3/u,workdir=m3/w,verity=on"));
        for (int user = 0; user < 2; user++) {
            t(ovl("m3/m", user ? "lowerdir=l2,upperdir=m3/u2,workdir=m3/w2,userxattr" : "lowerdir=l2,upperdir=m3/u,workdir=m3/w"));
            overlays("in a namespace");
            cat("m3/m/theirs");
            t(chmod("m3/m/theirs", 0600));
            t(rename("m3/m/theirs", "m3/m/stolen"));
            t(unlink("m3/m/gone"));
            put("m3/m/d/x", "changed");
            t(unlink("m3/m/d/x")); t(rmdir("m3/m/d")); t(mkdir("m3/m/d", 0755));
            t(setxattr("m3/m/d", "user.overlay.own", "1", 1, 0));
            tree("m3/m");
            t(umount("m3/m"));
            tree(user ? "m3/u2" : "m3/u");
        }
        _exit(0);
    }
    int status;
    must(waitpid(pid, &status, 0));
    v(status);
}

int main(void)
{
    fresh();
    need_overlays();
    xmkdtemp();
    must(unshare(CLONE_NEWNS));
    start();
    options();
    contexts();
    stacks();
    in_namespace();
    return 0;
}

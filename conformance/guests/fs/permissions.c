/* credentials(7), path_resolution(7): owner, group and other classes after seteuid; search permission; the sticky
 * bit; access(2) uses the real ids, faccessat2(2) AT_EACCESS the effective ones. */
#include "../guest.h"
#include <grp.h>

static void as(int uid, int gid, int ngroups, gid_t *groups, void (*fn)(void), const char *name)
{
    pid_t p = spawn({
        must(setgroups(ngroups, groups));
        must(setresgid(gid, gid, gid));
        must(setresuid(uid, uid, uid));
        say("-- %s\n", name);
        fn();
    });
    reap(p, name);
}
static void classes(void)
{
    static const char *f[] = { "u4", "g4", "o4", "u2", "g2", "o2", "u1", "all" };
    for (int i = 0; i < COUNT(f); i++)
        say("%s: read %s, write %s, exec %s, access %d%d%d\n", f[i],
            open(f[i], O_RDONLY) < 0 ? ename(errno) : "ok", open(f[i], O_WRONLY) < 0 ? ename(errno) : "ok",
            execl(f[i], f[i], NULL) < 0 ? ename(errno) : "", access(f[i], R_OK) == 0, access(f[i], W_OK) == 0, access(f[i], X_OK) == 0);
    ok(open("noexec/f", O_RDONLY));
    ok(open("noexec", O_RDONLY));
    ok(open("noread", O_RDONLY));
    ok(open("noread/f", O_RDONLY));
    ok(open("noread/none", O_RDONLY));
    ok(open("noexec/none", O_RDONLY));
    ok(open("mine", O_CREAT | O_WRONLY, 0600));
    ok(mkdir("nowrite/x", 0700));
    ok(unlink("nowrite/f"));
    ok(rename("nowrite/f", "sticky/x"));
    ok(chmod("all", 0777));
    ok(chown("all", 1001, -1));
    ok(utimensat(AT_FDCWD, "all", 0, 0));
    ok(utimensat(AT_FDCWD, "u4", 0, 0));
    ok(utimensat(AT_FDCWD, "all", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0));
    ok(truncate("u4", 0));
    ok(unlink("sticky/a"));
    ok(rename("sticky/b", "sticky/bb"));
    ok(unlink("sticky/c"));
    ok(open("all", O_RDONLY | O_NOATIME));
    ok(chroot("."));
    ok(mknod("sticky/dev", S_IFCHR | 0600, 0x103));
    ok(chdir("noexec"));
}

int main(void)
{
    fresh();
    xmkdtemp();
    struct { const char *n; int m; } files[] = { { "u4", 0400 }, { "g4", 040 }, { "o4", 04 }, { "u2", 0200 }, { "g2", 020 }, { "o2", 02 }, { "u1", 0100 }, { "all", 0666 } };
    for (int i = 0; i < COUNT(files); i++) { put(files[i].n, "garbage"); chown(files[i].n, 1000, 2000); chmod(files[i].n, files[i].m); }
    const char *dirs[] = { "noexec", "noread", "nowrite" };
    int modes[] = { 0644, 0311, 0555 };
    for (int i = 0; i < 3; i++) {
        mkdir(dirs[i], 0755);
        char f[32];
        snprintf(f, 32, "%s/f", dirs[i]);
        put(f, "");
        chown(dirs[i], 1000, 2000);
        chmod(dirs[i], modes[i]);
    }
    chmod("noread", 0311);
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    chown("sticky", 1500, 0);
    for (char c = 'a'; c <= 'c'; c++) { char f[] = { 's', 't', 'i', 'c', 'k', 'y', '/', c, 0 }; put(f, ""); chown(f, c == 'a' ? 1001 : 1002, 0); }
    gid_t g2000[] = { 3, 2000 };
    as(1000, 100, 0, 0, classes, "the owner");
    as(1001, 2000, 0, 0, classes, "the group");
    as(1002, 100, 2, g2000, classes, "a supplementary group");
    as(1003, 100, 0, 0, classes, "another user");
    pid_t p = spawn({
        must(setresuid(1003, 0, 0));
        say("-- real user 1003, effective root\n");
        t(access("u4", R_OK));
        t(syscall(SYS_faccessat2, AT_FDCWD, "u4", R_OK, AT_EACCESS));
        ok(open("u4", O_RDONLY));
        must(setresuid(0, 1003, 0));
        say("-- real root, effective 1003\n");
        t(access("u4", R_OK));
        t(syscall(SYS_faccessat2, AT_FDCWD, "u4", R_OK, AT_EACCESS));
        ok(open("u4", O_RDONLY));
    });
    reap(p, "mixed");
    say("-- root\n");
    t(access("u4", W_OK));
    t(access("u4", X_OK));
    t(access("u1", X_OK));
    t(access("u4", 8));
    return 0;
}

/* utimensat(2), utime(2), utimes(2), futimesat(2): explicit times, UTIME_NOW, UTIME_OMIT, links, far dates, which call moves which time, errors. */
#include "../guest.h"
#include <utime.h>

static struct stat st;
static void times_(const char *what, const char *p)
{
    if (lstat(p, &st) < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %ld.%09ld %ld.%09ld\n", what, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}
static int recent(struct timespec t_) { return time(0) - t_.tv_sec < 100 && t_.tv_sec <= time(0) + 1; }
static long set(const char *p, long as, long an, long ms, long mn, int flags)
{
    struct timespec ts[2] = { { as, an }, { ms, mn } };
    return utimensat(AT_FDCWD, p, ts, flags);
}

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "x");
    symlink("f", "l");
    mkdir("d", 0755);
    t(set("f", 1000, 123456789, 2000, 999999999, 0));
    times_("set", "f");
    v(recent(st.st_ctim));
    t(set("f", 0, UTIME_OMIT, 3000, 5, 0));
    times_("atime left", "f");
    t(set("f", 4000, 6, 0, UTIME_OMIT, 0));
    times_("mtime left", "f");
    t(set("f", 0, UTIME_OMIT, 0, UTIME_OMIT, 0));
    times_("both left", "f");
    t(set("f", 0, UTIME_NOW, 7, UTIME_OMIT, 0));
    lstat("f", &st);
    say("now %d, mtime %ld\n", recent(st.st_atim), (long)st.st_mtim.tv_sec);
    t(utimensat(AT_FDCWD, "f", 0, 0));
    lstat("f", &st);
    say("both now %d %d equal %d\n", recent(st.st_atim), recent(st.st_mtim), st.st_atim.tv_sec == st.st_mtim.tv_sec && st.st_atim.tv_nsec == st.st_mtim.tv_nsec);
    t(set("l", 50, 0, 60, 0, AT_SYMLINK_NOFOLLOW));
    times_("link", "l");
    t(set("l", 70, 0, 80, 0, 0));
    times_("target", "f");
    /* Following the link may have moved its atime: that is the mount's choice. */
    lstat("l", &st);
    say("link: mtime %ld\n", (long)st.st_mtim.tv_sec);
    t(set("d", 90, 0, 91, 0, 0));
    times_("directory", "d");
    int fd = open("f", O_RDONLY);
    t(futimens(fd, (struct timespec[2]){ { 11, 1 }, { 12, 2 } }));
    times_("by descriptor", "f");
    t(syscall(SYS_utimensat, fd, 0, 0, 0));
    t(utimensat(fd, "", (struct timespec[2]){ { 13, 0 }, { 14, 0 } }, AT_EMPTY_PATH));
    times_("empty path", "f");
    struct utimbuf ub = { 21, 22 };
    t(utime("f", &ub));
    times_("utime", "f");
    struct timeval tv[2] = { { 31, 310000 }, { 32, 320000 } };
    t(utimes("f", tv));
    times_("utimes", "f");
    t(syscall(SYS_futimesat, AT_FDCWD, "f", tv));
    t(set("f", -5, 0, 2147483648, 0, 0));
    times_("before 1970 and after 2038", "f");
    t(set("f", 1, 1000000000, 1, 0, 0));
    t(set("f", 1, -1, 1, 0, 0));
    t(set("f", 1, 0, 1, 0, 0x1));
    t(set("none", 1, 0, 1, 0, 0));
    t(set("", 1, 0, 1, 0, 0));
    t(set("f/x", 1, 0, 1, 0, 0));
    t(futimens(99, 0));
    t(utimensat(AT_FDCWD, "f", (void *)8, 0));
    tv[0].tv_usec = 1000000;
    t(utimes("f", tv));

    say("-- which call moves what: a, m, c\n");
    fd = open("f", O_RDWR);
    struct { const char *name; int kind; } ops[] = { { "write", 0 }, { "write of nothing", 1 }, { "truncate to the same size", 2 }, { "chmod", 3 }, { "link", 4 }, { "rename", 5 }, { "unlink of another name", 6 }, { "stat", 7 }, { "pwrite", 8 }, { "fallocate", 9 }, { "chown to the same", 10 }, { "utimensat", 11 }, { "lseek", 12 } };
    for (int i = 0; i < COUNT(ops); i++) {
        set(ops[i].kind == 6 ? "f2" : "f", 1000, 0, 1000, 0, 0);
        fstat(fd, &st);
        struct stat old = st;
        nap(15);
        switch (ops[i].kind) {
        case 0: write(fd, "w", 1); break;
        case 1: write(fd, "w", 0); break;
        case 2: fstat(fd, &st); ftruncate(fd, st.st_size); break;
        case 3: chmod("f", 0644); break;
        case 4: link("f", "f2"); break;
        case 5: rename("f", "f3"); rename("f3", "f"); break;
        case 6: unlink("f2"); break;
        case 7: stat("f", &st); break;
        case 8: pwrite(fd, "p", 1, 0); break;
        case 9: fallocate(fd, 0, 0, 10000); break;
        case 10: chown("f", 0, 0); break;
        case 11: set("f", 1000, 0, 1000, 0, 0); break;
        case 12: lseek(fd, 0, SEEK_SET); break;
        }
        fstat(fd, &st);
        say("%s: %d %d %d\n", ops[i].name, memcmp(&old.st_atim, &st.st_atim, 16) != 0, memcmp(&old.st_mtim, &st.st_mtim, 16) != 0, memcmp(&old.st_ctim, &st.st_ctim, 16) != 0);
    }
    say("-- of directories\n");
    for (int k = 0; k < 5; k++) {
        set("d", 1000, 0, 1000, 0, 0);
        nap(15);
        if (k == 0) put("d/new", "");
        if (k == 1) put("d/new", "content");
        if (k == 2) rename("d/new", "d/other");
        if (k == 3) chmod("d/other", 0600);
        if (k == 4) unlink("d/other");
        stat("d", &st);
        say("step %d: mtime moved %d\n", k, st.st_mtim.tv_sec != 1000);
    }
    return 0;
}

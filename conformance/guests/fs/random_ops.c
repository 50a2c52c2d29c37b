/* path_resolution(7), open(2), openat2(2), rename(2), link(2), chmod(2), chown(2), access(2): thousands of random calls by three users in a small
 * tree of directories, files, links and loops, each with its errno and what it left behind. The same seed makes the same calls. */
#include "../guest.h"
#include <grp.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>

static unsigned long long rng;
static unsigned rnd(unsigned n)
{
    rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(rng >> 33) % n;
}

/* A random path over few names, with dots, doubled and trailing slashes now and then. */
static const char *path(void)
{
    static char buf[8][256];
    static int turn;
    char *p = buf[turn++ & 7], *q = p;
    static const char *names[] = { "a", "b", "a", "b", "c", "d", "l" };
    if (rnd(3) == 0) *q++ = '/';
    int parts = 1 + rnd(5) / 2;
    for (int i = 0; i < parts; i++) {
        if (i) { *q++ = '/'; if (rnd(12) == 0) *q++ = '/'; }
        unsigned k = rnd(16);
        q = stpcpy(q, k == 0 ? "." : k == 1 ? ".." : names[rnd(COUNT(names))]);
    }
    if (rnd(12) == 0) *q++ = '/';
    *q = 0;
    if (rnd(200) == 0) *p = 0;
    return p;
}

static void become(unsigned who)
{
    static const gid_t groups[] = { 100, 50 };
    if (seteuid(0) || setegid(0)) die("seteuid");
    if (who == 0) { setgroups(0, 0); return; }
    setgroups(who, groups);
    if (setegid(100 * who) || seteuid(1000 * who)) die("become");
}

static int fds[4] = { -1, -1, -1, -1 };
static int dirfd_(void)
{
    return rnd(5) ? AT_FDCWD : fds[rnd(4)];
}

static void show_stat(const char *p, int flags)
{
    struct stat st;
    if (fstatat(AT_FDCWD, p, &st, flags) < 0) { say("    %s\n", ename(errno)); return; }
    int dir = S_ISDIR(st.st_mode);
    say("    %06o %d:%d n%d s%ld\n", st.st_mode, st.st_uid, st.st_gid, dir ? 0 : (int)st.st_nlink, dir ? 0 : (long)st.st_size);
}

#define R(...) ({ errno = 0; long r_ = (__VA_ARGS__); r_ < 0 ? -(long)errno : r_; })

static void put_result(const char *what, const char *a, const char *b, long extra, long r)
{
    if (r < 0) say("%s %s %s %lo: %s\n", what, a, b, extra, ename((int)-r));
    else say("%s %s %s %lo: %ld\n", what, a, b, extra, r);
}

static void keep(int fd)
{
    if (fd < 0) return;
    int slot = rnd(4);
    if (fds[slot] >= 0) close(fds[slot]);
    /* Numbers of descriptors are part of the result: keep them low and in order. */
    fds[slot] = fd;
}

static const int open_flags[] = { O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_APPEND, O_CREAT, O_TMPFILE, O_NOATIME };

static int random_flags(void)
{
    int flags = O_NONBLOCK | (rnd(8) == 0 ? 3 : (int)rnd(3));
    for (int n = rnd(3); n > 0; n--) flags |= open_flags[rnd(COUNT(open_flags))];
    return flags;
}

static const mode_t modes[] = { 0777, 0777, 01777, 02777, 0755, 0711, 0700, 0666, 0644, 0400, 06755, 02745, 0 };

static const char *target(void)
{
    static const char *targets[] = { "a", "b/c", "../a", "/", "/a/b", ".", "..", "l", "m/", "/l/d", "./b/", "none", "c//d" };
    return targets[rnd(COUNT(targets))];
}

static void one(void)
{
    const char *p = path(), *q = "";
    int at = dirfd_(), at2;
    long x = 0, r;
    char buf[256];
    switch (rnd(26)) {
    case 0: case 1: r = R(mkdirat(at, p, x = 0777 | rnd(2) << 9)); put_result("mkdir", p, q, x, r); break;
    case 2: r = R(unlinkat(at, p, AT_REMOVEDIR)); put_result("rmdir", p, q, x, r); break;
    case 3: r = R(unlinkat(at, p, 0)); put_result("unlink", p, q, x, r); break;
    case 4: case 5: case 6: case 7:
        x = random_flags();
        r = R(openat(at, p, x, 0600 | rnd(0200) | rnd(2) << 11));
        put_result("open", p, q, x, r < 0 ? r : 0);
        if (r >= 0) {
            struct stat st;
            fstat(r, &st);
            say("    %06o %d:%d fl %o w %s\n", st.st_mode, st.st_uid, st.st_gid, fcntl(r, F_GETFL), ename(R(write(r, "text", rnd(5))) < 0 ? errno : 0));
            keep(r);
        }
        break;
    case 8: case 9: {
        struct open_how how = { .flags = (unsigned)random_flags() };
        static const unsigned res[] = { RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS };
        for (int n = rnd(3); n > 0; n--) how.resolve |= res[rnd(COUNT(res))];
        if (how.flags & O_CREAT || (how.flags & O_TMPFILE) == O_TMPFILE) how.mode = 0640;
        r = R(syscall(SYS_openat2, at, p, &how, sizeof how));
        say("openat2 %s %llo %llo: %s\n", p, (unsigned long long)how.flags, (unsigned long long)how.resolve, ename(r < 0 ? (int)-r : 0));
        if (r >= 0) close(r);
        break;
    }
    case 10: case 11: at2 = dirfd_(); q = path(); r = R(renameat(at, p, at2, q)); put_result("rename", p, q, x, r); break;
    case 12: at2 = dirfd_(); q = path(); r = R(renameat2(at, p, at2, q, x = 1 + rnd(3))); put_result("renameat2", p, q, x, r); break;
    case 13: at2 = dirfd_(); q = path(); r = R(linkat(at, p, at2, q, x = rnd(2) ? AT_SYMLINK_FOLLOW : 0)); put_result("link", p, q, x, r); break;
    case 14: case 15: q = target(); r = R(symlinkat(q, at, p)); put_result("symlink", q, p, x, r); break;
    case 16: case 17: r = R(fchmodat(at, p, x = modes[rnd(COUNT(modes))], 0)); put_result("chmod", p, q, x, r); break;
    case 18: r = R(fchownat(at, p, rnd(3) ? -1 : (int)rnd(3) * 1000, rnd(3) ? (int)rnd(3) * 100 : -1, x = rnd(2) ? AT_SYMLINK_NOFOLLOW : 0)); put_result("chown", p, q, x, r); break;
    case 19: r = R(truncate(p, x = rnd(9000))); put_result("truncate", p, q, x, r); break;
    case 20: r = R(faccessat(at, p, x = rnd(8), rnd(2) ? AT_EACCESS : 0)); put_result("access", p, q, x, r); break;
    case 21:
        r = R(readlinkat(at, p, buf, sizeof buf - 1));
        buf[r < 0 ? 0 : r] = 0;
        put_result("readlink", p, buf, x, r);
        break;
    case 22: r = R(mknodat(at, p, x = (rnd(2) ? S_IFIFO : S_IFREG) | 0644, 0)); put_result("mknod", p, q, x, r); break;
    case 23: {
        static const long ns[] = { 5, UTIME_NOW, UTIME_OMIT };
        struct timespec ts[2] = { { 1000, ns[rnd(3)] }, { 2000, ns[rnd(3)] } };
        r = R(utimensat(at, p, ts, rnd(2) ? AT_SYMLINK_NOFOLLOW : 0));
        put_result("utimens", p, q, x, r);
        break;
    }
    case 24:
        if (rnd(3)) { r = R(chdir(p)); put_result("chdir", p, q, x, r); }
        else {
            r = R(fchdir(fds[rnd(4)]));
            put_result("fchdir", "", q, x, r);
        }
        say("    cwd %s\n", getcwd(buf, sizeof buf) ? buf : ename(errno));
        break;
    default: umask(x = rnd(4) ? 022 : rnd(01000)); say("umask %lo\n", x); break;
    }
    if (rnd(3) == 0) show_stat(p, rnd(2) ? AT_SYMLINK_NOFOLLOW : 0);
}

static int dump(const char *p, const struct stat *st, int type, struct FTW *f)
{
    (void)f;
    char buf[256] = "";
    if (type == FTW_SL || type == FTW_SLN) buf[readlink(p, buf, 255)] = 0;
    int dir = S_ISDIR(st->st_mode);
    say("%s %06o %d:%d n%d s%ld %s\n", p, st->st_mode, st->st_uid, st->st_gid, dir ? 0 : (int)st->st_nlink, dir ? 0 : (long)st->st_size, buf);
    return 0;
}

static int wipe(const char *p, const struct stat *st, int type, struct FTW *f)
{
    (void)st; (void)type;
    if (f->level) remove(p);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The tree in order of names: order of listing is the file system's business. */
static void tree(const char *dir)
{
    char *names[64], p[4096];
    int n = 0;
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d)) && n < 64;)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) names[n++] = strdup(e->d_name);
    closedir(d);
    qsort(names, n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) {
        struct stat st;
        snprintf(p, sizeof p, "%s/%s", strcmp(dir, "/") ? dir : "", names[i]);
        free(names[i]);
        if (lstat(p, &st) < 0) continue;
        struct FTW f = { 0, 1 };
        dump(p, &st, S_ISLNK(st.st_mode) ? FTW_SL : FTW_F, &f);
        if (S_ISDIR(st.st_mode)) tree(p);
    }
}

static void rounds(unsigned long long seed, int n)
{
    must(chroot("."));
    signal(SIGPIPE, SIG_IGN);
    for (int round = 0; round < n; round++) {
        rng = (seed + round) * 2654435761ULL + 12345;
        for (int i = 0; i < 8; i++) rnd(2);
        say("== round %d\n", round);
        become(0);
        must(chdir("/"));
        umask(0);
        must(chmod("/", 0777));
        static const char *const dirs[] = { "a", "b", "a/a", "a/b", "b/a" };
        for (int i = 0; i < COUNT(dirs); i++) must(mkdir(dirs[i], modes[rnd(4)]));
        put("c", "file");
        put("a/c", "");
        must(symlink("a", "l"));
        must(symlink("../l/b", "a/l"));
        fds[0] = must(open("a", O_RDONLY | O_DIRECTORY));
        fds[1] = must(open("a/c", O_RDWR));
        for (int i = 0; i < 300; i++) {
            unsigned who = rnd(5);
            who = who < 3 ? who : 0;
            become(who);
            say("%u ", who);
            one();
        }
        become(0);
        for (int i = 0; i < 4; i++) if (fds[i] >= 0) { close(fds[i]); fds[i] = -1; }
        must(chdir("/"));
        must(chmod("/", 0755));
        must(chown("/", 0, 0));
        tree("/");
        nftw("/", wipe, 16, FTW_PHYS | FTW_DEPTH);
    }
}

int main(void)
{
    fresh();
    xmkdtemp();
    const char *seed = getenv("RANDOM_OPS_SEED");
    pid_t p = spawn({ rounds(seed ? strtoull(seed, 0, 10) : 1, seed ? 1 : 12); });
    reap(p, "all rounds");
    return 0;
}

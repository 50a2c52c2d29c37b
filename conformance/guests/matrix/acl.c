// POSIX access control lists through their attributes: which are valid, who is let in by them, what chmod makes of them, and
// what files inherit of a default list. acl(5).
#include "matrix.h"

#define U 1
#define NU 2
#define G 4
#define NG 8
#define M 16
#define O 32
struct entry { uint16_t tag, perm; uint32_t id; };
struct list { const char *name; uint32_t version; int n; struct entry e[8]; int cut; };
static const struct list lists[] = {
    { "minimal", 2, 3, { { U, 6, -1 }, { G, 4, -1 }, { O, 1, -1 } } },
    { "user-other", 2, 5, { { U, 7, -1 }, { NU, 6, 1003 }, { G, 4, -1 }, { M, 7, -1 }, { O, 0, -1 } } },
    { "user-other-masked", 2, 5, { { U, 7, -1 }, { NU, 7, 1003 }, { G, 7, -1 }, { M, 4, -1 }, { O, 7, -1 } } },
    { "user-denied", 2, 5, { { U, 7, -1 }, { NU, 0, 1003 }, { G, 7, -1 }, { M, 7, -1 }, { O, 7, -1 } } },
    { "group-denied", 2, 5, { { U, 7, -1 }, { G, 0, -1 }, { NG, 7, 2003 }, { M, 7, -1 }, { O, 7, -1 } } },
    { "group-split", 2, 6, { { U, 7, -1 }, { G, 4, -1 }, { NG, 2, 2001 }, { NG, 1, 2002 }, { M, 7, -1 }, { O, 0, -1 } } },
    { "mask-none", 2, 5, { { U, 7, -1 }, { NU, 7, 1003 }, { G, 7, -1 }, { M, 0, -1 }, { O, 5, -1 } } },
    { "mask-unneeded", 2, 4, { { U, 7, -1 }, { G, 7, -1 }, { M, 1, -1 }, { O, 0, -1 } } },
    { "no-mask", 2, 4, { { U, 7, -1 }, { NU, 7, 1003 }, { G, 7, -1 }, { O, 0, -1 } } },
    { "no-other", 2, 2, { { U, 7, -1 }, { G, 7, -1 } } },
    { "no-owner", 2, 2, { { G, 7, -1 }, { O, 7, -1 } } },
    { "order", 2, 3, { { G, 7, -1 }, { U, 7, -1 }, { O, 7, -1 } } },
    { "twice", 2, 4, { { U, 7, -1 }, { U, 7, -1 }, { G, 7, -1 }, { O, 7, -1 } } },
    { "two-users", 2, 6, { { U, 7, -1 }, { NU, 4, 1002 }, { NU, 6, 1003 }, { G, 1, -1 }, { M, 6, -1 }, { O, 0, -1 } } },
    { "same-user-twice", 2, 6, { { U, 7, -1 }, { NU, 4, 1003 }, { NU, 6, 1003 }, { G, 1, -1 }, { M, 6, -1 }, { O, 0, -1 } } },
    { "perm", 2, 3, { { U, 8, -1 }, { G, 4, -1 }, { O, 1, -1 } } },
    { "tag", 2, 3, { { U, 7, -1 }, { 64, 4, -1 }, { O, 1, -1 } } },
    { "bad-id", 2, 5, { { U, 7, -1 }, { NU, 6, -1 }, { G, 4, -1 }, { M, 7, -1 }, { O, 0, -1 } } },
    { "stray-id", 2, 3, { { U, 7, 5 }, { G, 4, 6 }, { O, 1, 7 } } },
    { "version", 1, 3, { { U, 7, -1 }, { G, 4, -1 }, { O, 1, -1 } } },
    { "empty", 2, 0, {} },
    { "cut", 2, 3, { { U, 7, -1 }, { G, 4, -1 }, { O, 1, -1 } }, 3 },
    { "short", 2, 0, {}, 2 },
};
static const char *const names[] = { "system.posix_acl_access", "system.posix_acl_default" };

static int pack(const struct list *l, char *buf)
{
    memcpy(buf, &l->version, 4);
    memcpy(buf + 4, l->e, l->n * 8);
    return 4 + l->n * 8 - l->cut;
}
static void add_acl(const char *path, int which)
{
    char buf[512];
    long n = lgetxattr(path, names[which], buf, sizeof buf);
    if (n < 0) { add(" %c:%s", "ad"[which], ename(errno)); return; }
    add(" %c:", "ad"[which]);
    for (int at = 4; at + 8 <= n; at += 8) {
        struct entry e;
        memcpy(&e, buf + at, 8);
        add("%d/%d/%d,", e.tag, e.perm, (int)e.id);
    }
}

int main(void)
{
    char buf[512];
    static const int types[] = { REG, DIR_, FIFO, TOREG };
    static const mode_t modes[] = { 0755, 0777, 02770, 04700 };
    world();
    must(mkdir("d", 0777));
    /* Set by each caller; then what everybody may do. */
    for (int l = 0; l < COUNT(lists); l++)
        for (int which = 0; which < 2; which++)
            for (int t = 0; t < COUNT(types); t++)
                for (int m = 0; m < COUNT(modes); m++)
                    for (int who = 0; who < CALLERS; who++) {
                        if (!take()) continue;
                        wipe("d/x"); wipe("d/x.t");
                        make("d/x", types[t], modes[m]);
                        int n = pack(&lists[l], buf);
                        become(who);
                        errno = 0;
                        long r = setxattr("d/x", names[which], buf, n, 0);
                        int e = errno;
                        unbecome();
                        errno = e;
                        add("set %s %c %s %o %s", lists[l].name, "ad"[which], type_names[types[t]], modes[m], caller_names[who]);
                        add_result(r);
                        add_state("x", "d/x");
                        const char *real = types[t] == TOREG ? "d/x.t" : "d/x";
                        add_acl(real, 0); add_acl(real, 1);
                        for (int w = 0; w < CALLERS; w++) {
                            become(w);
                            add(" ");
                            for (int bit = 0; bit < 3; bit++)
                                add("%c", syscall(SYS_faccessat2, AT_FDCWD, "d/x", 4 >> bit, AT_EACCESS) == 0 ? "rwx"[bit] : '-');
                            unbecome();
                        }
                        long k = listxattr("d/x", buf, sizeof buf);
                        add(" list %ld", k < 0 ? -1 : k);
                        /* chmod and the list. */
                        chmod("d/x", 0641);
                        add_state("chmod", real); add_acl(real, 0);
                        errno = 0;
                        become(who);
                        r = removexattr("d/x", names[which]);
                        e = errno;
                        unbecome();
                        errno = e;
                        add_result(r);
                        add_state("then", real); add_acl(real, which);
                        add("\n");
                    }
    /* Inherited from a default list. */
    static const mode_t asked[] = { 0666, 0777, 0600, 0751, 02775 }, masks[] = { 0, 022, 077 };
    static const char *const kinds[] = { "open", "mkdir", "mkfifo", "symlink", "tmpfile", "rename", "link" };
    for (int l = 0; l < 9; l++)
        for (int k = 0; k < COUNT(kinds); k++)
            for (int a = 0; a < COUNT(asked); a++)
                for (int u = 0; u < COUNT(masks); u++)
                    for (int who = 0; who < CALLERS; who++) {
                        if (!take()) continue;
                        wipe("p"); wipe("f");
                        must(mkdir("p", 0777));
                        put("f", "");
                        if (setxattr("p", names[1], buf, pack(&lists[l], buf), 0) < 0) { add("default %s = %s\n", lists[l].name, ename(errno)); continue; }
                        umask(masks[u]);
                        become(who);
                        errno = 0;
                        long r = 0;
                        int fd;
                        char proc[64];
                        switch (k) {
                        case 0: r = shut(open("p/x", O_CREAT | O_WRONLY, asked[a])); break;
                        case 1: r = mkdir("p/x", asked[a]); break;
                        case 2: r = mkfifo("p/x", asked[a]); break;
                        case 3: r = symlink("t", "p/x"); break;
                        case 4:
                            r = fd = open("p", O_TMPFILE | O_RDWR, asked[a]);
                            snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
                            if (fd >= 0) { r = linkat(AT_FDCWD, proc, AT_FDCWD, "p/x", AT_SYMLINK_FOLLOW); close(fd); }
                            break;
                        case 5: r = rename("f", "p/x"); break;
                        case 6: r = link("f", "p/x"); break;
                        }
                        int e = errno;
                        unbecome();
                        umask(0);
                        errno = e;
                        add("inherit %s %s %o umask %o %s", lists[l].name, kinds[k], asked[a], masks[u], caller_names[who]);
                        add_result(r);
                        add_state("x", "p/x"); add_acl("p/x", 0); add_acl("p/x", 1);
                        add("\n");
                    }
    return 0;
}

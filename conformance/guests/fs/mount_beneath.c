// move_mount(2): MOVE_MOUNT_BENEATH (below the topmost mount, on shared and private ones, and what refuses) and MOVE_MOUNT_SET_GROUP.
#include "guest.h"
#include <sched.h>
#include <sys/mount.h>

#define F_EMPTY 4
#define T_EMPTY 0x40
#define SET_GROUP 0x100
#define BENEATH 0x200

static char base[PATH_MAX];

/* The mounts below the scratch directory, with their relations: group numbers replaced by the order they appear in. */
static void show_mounts(const char *label)
{
    static char text[65536], line[1024];
    int seen[64], n_seen = 0;
    FILE *f = fopen("/proc/self/mountinfo", "r");
    char out[8192];
    int o = snprintf(out, sizeof out, "%s:", label);
    while (fgets(line, sizeof line, f)) {
        char root[256], at[512], opts[256], rest[512];
        if (sscanf(line, "%*d %*d %*s %255s %511s %255s %511[^\n]", root, at, opts, rest) < 4) continue;
        if (strncmp(at, base, strlen(base))) continue;
        o += snprintf(out + o, sizeof out - o, " %s", at[strlen(base)] ? at + strlen(base) : "/");
        char *p = rest;
        for (char *w = strtok(p, " "); w && strcmp(w, "-"); w = strtok(0, " ")) {
            int id;
            char *colon = strchr(w, ':');
            if (!colon || !strncmp(w, "propagate_from", 14)) { if (!colon) o += snprintf(out + o, sizeof out - o, "(%s)", w); continue; }
            id = atoi(colon + 1);
            int k = 0;
            while (k < n_seen && seen[k] != id) k++;
            if (k == n_seen) seen[n_seen++] = id;
            o += snprintf(out + o, sizeof out - o, "(%.*s:g%d)", (int)(colon - w), w, k);
        }
    }
    fclose(f);
    say("%s\n", out);
    (void)text;
}
/* A tmpfs mounted nowhere, with one file that tells which it is. */
static int detached(const char *name)
{
    int f = syscall(SYS_fsopen, "tmpfs", 0);
    syscall(SYS_fsconfig, f, 1, "source", name, 0);
    must(syscall(SYS_fsconfig, f, 6, 0, 0, 0));
    int m = syscall(SYS_fsmount, f, 0, 0);
    close(f);
    must(m);
    close(openat(m, name, O_CREAT | O_RDWR, 0600));
    must(mkdirat(m, "sub", 0700));
    return m;
}
static void has(const char *dir)
{
    static const char *const names[] = { "A", "B", "C", "D", "E", "F", "G" };
    char line[256], p[256];
    int o = snprintf(line, sizeof line, "%s has", dir);
    for (int i = 0; i < COUNT(names); i++) {
        snprintf(p, sizeof p, "%s/%s", dir, names[i]);
        if (access(p, F_OK) == 0) o += snprintf(line + o, sizeof line - o, " %s", names[i]);
    }
    say("%s\n", line);
}
static int beneath(int m, const char *at) { return syscall(SYS_move_mount, m, "", AT_FDCWD, at, F_EMPTY | BENEATH); }
static int move(int m, const char *at) { return syscall(SYS_move_mount, m, "", AT_FDCWD, at, F_EMPTY); }
static int set_group(const char *from, const char *to)
{
    return syscall(SYS_move_mount, AT_FDCWD, from, AT_FDCWD, to, SET_GROUP);
}

static void test_beneath(void)
{
    mkdir("p", 0755); mkdir("q", 0755); mkdir("file.d", 0755);
    close(open("file", O_CREAT | O_RDWR, 0600));
    int a = detached("A"), b = detached("B"), c = detached("C");
    ok(beneath(a, "p"));
    ok(move(a, "p"));
    has("p");
    ok(beneath(b, "p/sub"));
    ok(beneath(b, "file"));
    ok(beneath(b, "/"));
    ok(beneath(b, "."));
    ok(syscall(SYS_move_mount, b, "", AT_FDCWD, "p", F_EMPTY | BENEATH | SET_GROUP));
    ok(beneath(b, "p"));
    has("p");
    ok(beneath(c, "p"));
    has("p");
    show_mounts("three");
    ok(beneath(a, "p"));
    ok(umount("p"));
    has("p");
    ok(umount("p"));
    has("p");
    ok(umount("p"));
    has("p");

    // One that is attached moves, from elsewhere and from above.
    must(mount("A", "p", "tmpfs", 0, 0));
    close(open("p/A", O_CREAT | O_RDWR, 0600));
    must(mount("B", "q", "tmpfs", 0, 0));
    close(open("q/B", O_CREAT | O_RDWR, 0600));
    ok(syscall(SYS_move_mount, AT_FDCWD, "q", AT_FDCWD, "p", BENEATH));
    show_mounts("q below p");
    ok(umount("p"));
    has("p");
    mkdir("p/in", 0700);
    must(mount("C", "p/in", "tmpfs", 0, 0));
    ok(syscall(SYS_move_mount, AT_FDCWD, "p/in", AT_FDCWD, "p", BENEATH));
    ok(syscall(SYS_move_mount, AT_FDCWD, "p", AT_FDCWD, "p/in", BENEATH));
    show_mounts("as before");
    umount("p/in"); umount("p");
}

static void test_shared(void)
{
    mkdir("s", 0755); mkdir("t", 0755); mkdir("u", 0755);
    must(mount("S", "s", "tmpfs", 0, 0));
    must(mkdir("s/x", 0755));
    must(mount(0, "s", 0, MS_SHARED, 0));
    must(mount("s", "t", 0, MS_BIND, 0));
    must(mount("s", "u", 0, MS_BIND, 0));
    must(mount(0, "u", 0, MS_SLAVE, 0));
    ok(move(detached("D"), "s/x"));
    show_mounts("D everywhere");
    ok(beneath(detached("E"), "s/x"));
    show_mounts("E below it");
    ok(umount("s/x"));
    has("s/x"); has("t/x"); has("u/x");
    show_mounts("D gone");
    // Whose root is where it would go is covered by its own copy.
    must(mount("s/x", "s/x", 0, MS_BIND, 0));
    show_mounts("bound to itself");
    ok(beneath(detached("F"), "s/x"));
    must(mount("s", "s", 0, MS_BIND, 0));
    ok(beneath(detached("G"), "s"));
    has("s");
    show_mounts("end");
    umount2("s", MNT_DETACH); umount2("s", MNT_DETACH); umount2("s", MNT_DETACH);
    umount2("t", MNT_DETACH); umount2("u", MNT_DETACH);
}

static void test_group(void)
{
    mkdir("g", 0755); mkdir("h", 0755); mkdir("i", 0755); mkdir("k", 0755);
    must(mount("G", "g", "tmpfs", 0, 0));
    must(mkdir("g/x", 0755)); must(mkdir("g/x/y", 0755)); must(mkdir("g/other", 0755));
    must(mount(0, "g", 0, MS_PRIVATE, 0));
    must(mount("g/x", "h", 0, MS_BIND, 0));
    ok(set_group("g", "h"));
    must(mount(0, "g", 0, MS_SHARED, 0));
    ok(set_group("g/x", "h"));
    ok(set_group("g", "h/y"));
    ok(set_group("h", "g"));
    ok(set_group("g", "nowhere"));
    ok(set_group("g", "."));
    ok(set_group("g", "h"));
    show_mounts("h joined g");
    ok(set_group("g", "h"));
    must(mount("new", "g/x/y", "tmpfs", 0, 0));
    show_mounts("told to h");
    // Wider than what it takes from.
    must(mount("g/x", "i", 0, MS_BIND, 0));
    must(mount(0, "i", 0, MS_PRIVATE, 0));
    must(mount("g/other", "k", 0, MS_BIND, 0));
    must(mount(0, "k", 0, MS_PRIVATE, 0));
    ok(set_group("k", "i"));
    ok(set_group("h", "k"));
    must(mount(0, "k", 0, MS_SHARED, 0));
    ok(set_group("k", "i"));
    must(mount(0, "k", 0, MS_PRIVATE, 0));
    // A slave's master.
    must(mount(0, "h", 0, MS_SLAVE, 0));
    ok(set_group("h", "i"));
    show_mounts("i a slave as h");
    must(mount(0, "h", 0, MS_SHARED, 0));
    must(mount(0, "i", 0, MS_PRIVATE, 0));
    ok(set_group("h", "i"));
    show_mounts("i slave and shared");
    ok(umount("g/x/y"));
    show_mounts("y gone");
    // One that is mounted nowhere yet.
    int tree = syscall(SYS_open_tree, AT_FDCWD, "k", 1);
    must(tree);
    ok(syscall(SYS_move_mount, AT_FDCWD, "g", tree, "", T_EMPTY | SET_GROUP));
    ok(syscall(SYS_move_mount, tree, "", AT_FDCWD, "k", F_EMPTY | SET_GROUP));
    ok(syscall(SYS_move_mount, tree, "", AT_FDCWD, "k", F_EMPTY));
    show_mounts("end of groups");
}

int main(void)
{
    fresh();
    xmkdtemp();
    must(unshare(CLONE_NEWNS));
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    must(getcwd(base, sizeof base) ? 0 : -1);
    must(mount("t", base, "tmpfs", 0, "mode=755"));
    must(chdir(base));
    test_beneath();
    test_shared();
    test_group();
    return 0;
}

// Shared subtrees: what is mounted and unmounted on shared, slave, private and unbindable mounts shows elsewhere or not; bind,
// move, namespaces. mount_namespaces(7), mount(2).
#include "guest.h"
#include <sched.h>
#include <sys/mount.h>

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
static int make_dirs(const char *d)
{
    char p[64];
    static const char *const sub[] = { "", "/x", "/y", "/z" };
    for (int i = 0; i < 4; i++) { snprintf(p, sizeof p, "%s%s", d, sub[i]); mkdir(p, 0755); }
    return 0;
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
    make_dirs("a"); make_dirs("b"); make_dirs("c"); make_dirs("d"); make_dirs("e");
    must(mount("A", "a", "tmpfs", 0, 0));
    make_dirs("a");
    show_mounts("private");
    ok(mount(0, "a", 0, MS_SHARED, 0));
    ok(mount("a", "b", 0, MS_BIND, 0));
    show_mounts("shared, bound");
    ok(mount("new", "a/x", "tmpfs", 0, 0));
    show_mounts("on a");
    ok(mount("new2", "b/y", "tmpfs", 0, 0));
    show_mounts("on b");
    ok(umount("b/x"));
    show_mounts("b/x gone");
    ok(mount("a", "c", 0, MS_BIND, 0));
    ok(mount(0, "c", 0, MS_SLAVE, 0));
    show_mounts("c slave");
    ok(mount("n", "a/z", "tmpfs", 0, 0));
    ok(mount("m", "c/x", "tmpfs", 0, 0));
    show_mounts("slave hears, tells not");
    ok(umount("a/z"));
    show_mounts("a/z gone");
    ok(mount(0, "c", 0, MS_SHARED, 0));
    ok(mount("c", "d", 0, MS_BIND, 0));
    show_mounts("slave and shared");
    ok(mount("n", "a/z", "tmpfs", 0, 0));
    show_mounts("through a slave group");
    ok(umount("d/z"));
    show_mounts("d/z gone");
    ok(umount2("a/z", MNT_DETACH));
    show_mounts("a/z gone lazily");
    ok(mount(0, "d", 0, MS_PRIVATE, 0));
    ok(mount(0, "b", 0, MS_UNBINDABLE, 0));
    show_mounts("d private, b unbindable");
    ok(mount("b", "e", 0, MS_BIND, 0));
    ok(mount("d", "e", 0, MS_BIND | MS_REC, 0));
    show_mounts("d to e");
    ok(mount(".", "e/z", 0, MS_BIND | MS_REC, 0));
    show_mounts("all to e/z, unbindable not");
    ok(umount2("e/z", MNT_DETACH));
    /* A file below a busy copy. */
    ok(mount(0, "a", 0, MS_SHARED, 0));
    ok(mount("a", "e", 0, MS_BIND, 0));
    ok(mount("busy", "a/z", "tmpfs", 0, 0));
    int fd = must(open("e/z", O_RDONLY));
    ok(umount("a/z"));
    close(fd);
    ok(umount("a/z"));
    /* Moving. */
    ok(mount("a/y", "d/z", 0, MS_MOVE, 0));
    ok(mount("p", "d/z", "tmpfs", 0, 0));
    ok(mount("d/z", "d/x", 0, MS_MOVE, 0));
    show_mounts("moved");
    ok(mount("d/x", "a/z", 0, MS_MOVE, 0));
    show_mounts("moved onto shared");
    ok(mount("d", "d/y", 0, MS_MOVE, 0));
    /* Odd arguments. */
    ok(mount(0, "a", 0, MS_SHARED | MS_PRIVATE, 0));
    ok(mount(0, "a/x/none", 0, MS_SHARED, 0));
    ok(mount(0, "c/z", 0, MS_SHARED, 0));
    ok(mount(0, "a", 0, MS_SHARED | MS_RDONLY, 0));
    ok(mount(0, base, 0, MS_SHARED | MS_REC, 0));
    show_mounts("all shared");
    /* A namespace of its own hears of shared mounts, and tells. */
    int p[2], q[2];
    must(pipe(p)); must(pipe(q));
    pid_t child = spawn(
        char c;
        must(unshare(CLONE_NEWNS));
        must(write(p[1], "1", 1));
        must(read(q[0], &c, 1));
        show_mounts("child after parent mounted");
        ok(mount("childs", "b/z", "tmpfs", 0, 0));
        ok(mount(0, base, 0, MS_SLAVE | MS_REC, 0));
        ok(mount("own", "b/x", "tmpfs", 0, 0));
        show_mounts("child slave"));
    char c;
    must(read(p[0], &c, 1));
    ok(mount("parents", "e/y", "tmpfs", 0, 0));
    must(write(q[1], "1", 1));
    reap(child, "child");
    show_mounts("parent at the end");
    ok(umount2(base, MNT_DETACH));
    chdir("/");
    return 0;
}

/* What the guests about overlays share: a tmpfs of their own, and ways to print trees. */
#include "guest.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static char base[PATH_MAX];

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
/* One line a name: type, mode, size of files, links, marks; directories are gone into. */
static UNUSED void tree(const char *path)
{
    char *names[200];
    int n = 0;
    DIR *d = opendir(path);
    if (!d) { say("  %s: %s\n", path, ename(errno)); return; }
    for (struct dirent *e; (e = readdir(d)) && n < 200;)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) names[n++] = strdup(e->d_name);
    closedir(d);
    qsort(names, n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) {
        char p[PATH_MAX], marks[512], line[1024], value[256];
        struct stat st;
        snprintf(p, sizeof p, "%s/%s", path, names[i]);
        free(names[i]);
        if (lstat(p, &st) < 0) { say("  %s: %s\n", p, ename(errno)); continue; }
        int o = snprintf(line, sizeof line, "  %s %06o", p, st.st_mode);
        if (S_ISREG(st.st_mode)) o += snprintf(line + o, sizeof line - o, " size %ld links %ld", (long)st.st_size, (long)st.st_nlink);
        if (S_ISCHR(st.st_mode)) o += snprintf(line + o, sizeof line - o, " dev %d:%d", major(st.st_rdev), minor(st.st_rdev));
        int len = llistxattr(p, marks, sizeof marks);
        char *sorted[32];
        int k = 0;
        for (int at = 0; at < len; at += strlen(marks + at) + 1) sorted[k++] = marks + at;
        qsort(sorted, k, sizeof *sorted, by_name);
        for (int j = 0; j < k; j++) {
            /* Which file it is a copy of, and of which layer: numbers of this boot. */
            int binary = strstr(sorted[j], ".origin") || strstr(sorted[j], ".uuid") || strstr(sorted[j], ".upper");
            int vl = binary ? 0 : lgetxattr(p, sorted[j], value, sizeof value - 1);
            if (vl < 0) vl = 0;
            value[vl] = 0;
            if (!binary) o += snprintf(line + o, sizeof line - o, " %s=%s", sorted[j], value);
        }
        say("%s\n", line);
        if (S_ISDIR(st.st_mode)) tree(p);
    }
}
/* Before anything else: is there what the program is about? */
static UNUSED void need_overlays(void)
{
    char types[4096] = { 0 };
    int fd = must(open("/proc/filesystems", O_RDONLY));
    if (read(fd, types, sizeof types - 1) < 0 || !strstr(types, "\toverlay\n")) skip("no overlays in this kernel");
    close(fd);
    if (geteuid()) skip("root mounts overlays");
}
/* Take the name of the base out of a text. */
static UNUSED void rebase(char *text)
{
    for (char *at; (at = strstr(text, base));) memmove(at, at + strlen(base), strlen(at + strlen(base)) + 1);
}
/* Mounts of type overlay below the base, without it. */
static UNUSED void overlays(const char *label)
{
    char line[2048];
    FILE *f = fopen("/proc/self/mountinfo", "r");
    while (fgets(line, sizeof line, f)) {
        char root[256], at[512], opts[256], rest[1200], type[32], src[64], sb[1024];
        if (sscanf(line, "%*d %*d %*s %255s %511s %255s %1199[^\n]", root, at, opts, rest) < 4) continue;
        if (strncmp(at, base, strlen(base)) || !at[strlen(base)]) continue;
        sscanf(strstr(rest, "- ") + 2, "%31s %63s %1023s", type, src, sb);
        rebase(sb);
        if (!strcmp(type, "overlay")) say("%s: %s %s %s %s %s\n", label, root, at + strlen(base), opts, src, sb);
    }
    fclose(f);
}
static UNUSED int ovl(const char *at, const char *options) { return mount("ovl", at, "overlay", 0, options); }

/* A mount namespace of its own with a tmpfs, where the program stands; in it l1 to l3, u, w, m. */
static UNUSED void start(void)
{
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    must(getcwd(base, sizeof base) ? 0 : -1);
    must(mount("t", base, "tmpfs", 0, "mode=755"));
    must(chdir(base));
    static const char *const dirs[] = { "l1", "l2", "l3", "u", "w", "m", "m2", "m3", "u2", "w2" };
    for (int i = 0; i < COUNT(dirs); i++) must(mkdir(dirs[i], 0755));
}

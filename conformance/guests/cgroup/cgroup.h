/* cgroup.h - helpers of the programs of this folder: a group of one's own below that of the caller. */
#include "../ns/ns.h"
#include <grp.h>
#include <poll.h>

/* The group all is done in, and where its hierarchy is mounted. */
static char top[PATH_MAX], mnt[PATH_MAX];

static UNUSED const char *in(const char *group, const char *file)
{
    static char b[8][PATH_MAX];
    static int turn;
    char *p = b[turn++ & 7];
    snprintf(p, sizeof b[0], "%s%s%s%s%s", top, *group ? "/" : "", group, *file ? "/" : "", file);
    return p;
}

static UNUSED int cg_put(const char *group, const char *file, const char *text)
{
    return store_text(in(group, file), text);
}

static UNUSED const char *cg_get(const char *group, const char *file)
{
    return load_text(in(group, file));
}

static UNUSED int cg_move(const char *group, const char *file, pid_t pid)
{
    char b[16];
    snprintf(b, sizeof b, "%d", pid);
    return cg_put(group, file, b);
}

static UNUSED int cg_make(const char *group)
{
    return mkdir(in(group, ""), 0755);
}

/* Whether `pid` is in the list of a group. */
static UNUSED int lists(const char *group, const char *file, pid_t pid)
{
    char b[16];
    snprintf(b, sizeof b, "%d\n", pid);
    const char *l = cg_get(group, file);
    for (const char *s = l; (s = strstr(s, b)); s++)
        if (s == l || s[-1] == '\n') return 1;
    return 0;
}

static UNUSED int lines(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* The last part of the path of a process's group. */
static UNUSED const char *group_of(pid_t pid)
{
    static char b[PATH_MAX];
    snprintf(b, sizeof b, "/proc/%d/cgroup", pid);
    char *l = strstr((char *)load_text(b), "0::");
    if (!l) return "?";
    l[strcspn(l, "\n")] = 0;
    snprintf(b, sizeof b, "%s", strncmp(l + 3, top + strlen(mnt), strlen(top + strlen(mnt))) ? l + 3 : l + 3 + strlen(top + strlen(mnt)));
    return b;
}

/* A process that waits until the pipe is closed, in `group`. */
static int hold[2];
static UNUSED pid_t sleeper(const char *group)
{
    pid_t p = fork();
    if (p == 0) {
        char c;
        close(hold[1]);
        read(hold[0], &c, 1);
        _exit(0);
    }
    if (cg_move(group, "cgroup.procs", p) < 0) say("moving it: %s\n", ename(errno));
    return p;
}

static UNUSED void let_go(void)
{
    close(hold[1]);
    close(hold[0]);
    while (wait(0) > 0) ;
    pipe(hold);
}

static int drop_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    if (type == FTW_DP) rmdir(path);
    return 0;
}

static void clean_up(void)
{
    if (!*top) return;
    char out[PATH_MAX + 16];
    snprintf(out, sizeof out, "%s/cgroup.procs", mnt);
    store_text(out, "0");
    nftw(top, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

static UNUSED void begin(void)
{
    FILE *f = fopen("/proc/self/mounts", "r");
    char line[PATH_MAX], type[64];
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%*s %s %63s", mnt, type) == 2 && !strcmp(type, "cgroup2")) break;
        else *mnt = 0;
    if (f) fclose(f);
    if (*mnt) snprintf(top, sizeof top, "%s/guest-%d", mnt, getpid());
    if (!*mnt || mkdir(top, 0755) < 0) {
        say("SKIP no cgroup2 hierarchy that can be written\n");
        exit(0);
    }
    pipe(hold);
    atexit(clean_up);
}

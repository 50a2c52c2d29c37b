/* CLONE_INTO_CGROUP of clone3(2), and cgroup namespaces (cgroup_namespaces(7)). */
#include "cgroup.h"
#include <linux/sched.h>

static pid_t into(int fd, unsigned long long more, size_t size)
{
    struct clone_args a = { .flags = CLONE_INTO_CGROUP | more, .exit_signal = SIGCHLD, .cgroup = fd };
    return syscall(SYS_clone3, &a, size);
}

static void start(const char *what, int fd)
{
    errno = 0;
    pid_t p = into(fd, 0, sizeof(struct clone_args));
    if (p == 0) {
        say("%s: %s\n", what, group_of(getpid()));
        _exit(0);
    }
    if (p < 0) say("%s: %s\n", what, ename(errno));
    else ended(p);
}

/* The path a process has in the present namespace, from the last of its parts we know on. */
static const char *own_path(pid_t pid)
{
    static char b[PATH_MAX];
    snprintf(b, sizeof b, "/proc/%d/cgroup", pid);
    char *l = strstr((char *)load_text(b), "0::");
    l[strcspn(l, "\n")] = 0;
    return l + 3;
}

int main(void)
{
    begin();
    must(cg_make("a"));
    must(cg_make("a/b"));
    must(cg_make("t"));
    int fd = must(open(in("a", ""), O_RDONLY | O_DIRECTORY));
    start("a", fd);
    close(fd);
    fd = must(open(in("a/b", ""), O_PATH));
    start("path", fd);
    close(fd);
    fd = must(open(in("a", "cgroup.procs"), O_RDWR));
    start("procs", fd);
    close(fd);
    start("none", 999);
    fd = must(open("/", O_RDONLY));
    start("another file system", fd);
    close(fd);
    fd = must(open(in("a/b", ""), O_PATH));
    must(rmdir(in("a/b", "")));
    start("removed", fd);
    close(fd);
    must(cg_make("a/b"));
    must(cg_put("t", "cgroup.type", "threaded"));
    fd = must(open(in("t", ""), O_PATH));
    start("threaded", fd);
    close(fd);
    must(rmdir(in("t", "")));
    must(cg_make("t"));
    fd = must(open(in("a", ""), O_PATH));
    TRY("size", into(fd, 0, 80));
    TRY("wide", into(-1, 0, sizeof(struct clone_args)));
    must(cg_put("a", "cgroup.freeze", "1"));
    pid_t p = into(fd, 0, sizeof(struct clone_args));
    if (p == 0) {
        say("thawed\n");
        _exit(0);
    }
    say("frozen: %s ended %d\n", group_of(p), waitpid(p, 0, WNOHANG));
    must(cg_put("a", "cgroup.freeze", "0"));
    ended(p);
    if (geteuid() != 0) return 0;
    int no = open("/", O_RDONLY);
    pid_t u = spawn({
        setgid(65534);
        setuid(65534);
        start("as another", fd);
        (void)no;
    });
    ended(u);
    close(fd);
    say("-- namespaces\n");
    pid_t outside = sleeper("t");
    pid_t below = sleeper("a/b");
    pid_t q = fork();
    if (q == 0) {
        must(cg_put("a", "cgroup.procs", "0"));
        ino_t was = number("/proc/self/ns/cgroup");
        must(unshare(CLONE_NEWCGROUP));
        say("another %d\n", number("/proc/self/ns/cgroup") != was);
        say("own %s\n", own_path(getpid()));
        say("below %s\n", own_path(below));
        say("outside %s\n", own_path(outside));
        say("parent %s\n", own_path(getppid()));
        must(unshare(CLONE_NEWNS));
        must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
        char at[PATH_MAX];
        TRY("over itself", mount("none", mnt, "cgroup2", 0, 0));
        must(mount("none", "/mnt", "cgroup2", 0, 0));
        strcpy(mnt, "/mnt");
        struct stat s;
        snprintf(at, sizeof at, "%s/b", mnt);
        TRY("b is there", stat(at, &s));
        snprintf(at, sizeof at, "%s/t", mnt);
        TRY("t is not", stat(at, &s));
        snprintf(at, sizeof at, "%s/cgroup.type", mnt);
        say("type %s", load_text(at));
        snprintf(at, sizeof at, "%s/cgroup.procs", mnt);
        say("procs %d\n", lines(load_text(at)));
        snprintf(at, sizeof at, "%s/n", mnt);
        TRY("make", mkdir(at, 0755));
        snprintf(at, sizeof at, "%s/n/cgroup.procs", mnt);
        TRY("move", store_text(at, "0"));
        say("now %s\n", own_path(getpid()));
        say("parent %s\n", own_path(getppid()));
        char line[PATH_MAX];
        char root[PATH_MAX] = "?";
        FILE *f = fopen("/proc/self/mountinfo", "r");
        while (fgets(line, sizeof line, f))
            if (strstr(line, " /mnt ")) sscanf(line, "%*s %*s %*s %s", root);
        fclose(f);
        say("mount shows %s\n", root);
        pid_t c = spawn({
            unshare(CLONE_NEWCGROUP);
            say("nested own %s parent %s\n", own_path(getpid()), own_path(below));
        });
        ended(c);
        snprintf(at, sizeof at, "%s/cgroup.procs", mnt);
        TRY("back", store_text(at, "0"));
        snprintf(at, sizeof at, "%s/n", mnt);
        TRY("rmdir", rmdir(at));
        _exit(0);
    }
    ended(q);
    say("%s\n", group_of(below));
    let_go();
    return 0;
}

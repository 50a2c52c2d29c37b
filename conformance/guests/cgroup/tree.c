/* Groups of cgroup2: making and removing them, their files and what is refused (cgroups(7)). */
#include "cgroup.h"

static const char *const files[] = { "cgroup.type", "cgroup.procs", "cgroup.threads", "cgroup.controllers",
    "cgroup.subtree_control", "cgroup.events", "cgroup.max.descendants", "cgroup.max.depth", "cgroup.stat",
    "cgroup.freeze", "cgroup.kill", "cpu.stat" };

static void show_files(const char *group)
{
    for (int i = 0; i < COUNT(files); i++) {
        struct stat s;
        if (stat(in(group, files[i]), &s) < 0) say("%s: %s\n", files[i], ename(errno));
        else if (!strcmp(files[i], "cpu.stat") || !strcmp(files[i], "cgroup.stat")) say("%s: %o\n", files[i], s.st_mode);
        else say("%s: %o %ld '%s'\n", files[i], s.st_mode, (long)s.st_size, cg_get(group, files[i]));
    }
}

static void numbers(const char *file)
{
    static const char *const texts[] = { "max", "5", " 6\n", "0x10", "010", "-1", "", "x", "5 5", "2147483647",
        "2147483648", "99999999999999999999", "max\n", "maxx", "+3", "\n", "0" };
    for (int i = 0; i < COUNT(texts); i++) {
        TRY(texts[i], cg_put("", file, texts[i]));
        say("%s", cg_get("", file));
    }
    TRY("max", cg_put("", file, "max"));
}

int main(void)
{
    begin();
    say("-- files\n");
    show_files("");
    struct stat s;
    must(stat(top, &s));
    say("dir %o links %ld\n", s.st_mode, (long)s.st_nlink);
    say("-- making\n");
    TRY("a", cg_make("a"));
    TRY("again", cg_make("a"));
    TRY("over a file", cg_make("cgroup.procs"));
    TRY("newline", cg_make("a\nb"));
    TRY("in nothing", cg_make("no/b"));
    TRY("a/b", cg_make("a/b"));
    TRY("blank", cg_make("a/x y"));
    must(stat(in("a", ""), &s));
    say("links %ld\n", (long)s.st_nlink);
    TRY("file", open(in("a", "new"), O_CREAT | O_RDWR, 0600));
    TRY("fifo", mkfifo(in("a", "fifo"), 0600));
    TRY("device", mknod(in("a", "null"), S_IFCHR | 0600, 0x103));
    TRY("symlink", symlink("x", in("a", "link")));
    TRY("link", link(in("a", "cgroup.procs"), in("a", "hard")));
    TRY("unlink", unlink(in("a", "cgroup.procs")));
    TRY("unlink dir", unlink(in("a", "")));
    TRY("rename", rename(in("a", ""), in("c", "")));
    TRY("rename file", rename(in("a", "cgroup.procs"), in("a", "procs")));
    TRY("rmdir file", rmdir(in("a", "cgroup.procs")));
    TRY("truncate", truncate(in("a", "cgroup.procs"), 0));
    TRY("trunc open", open(in("a", "cgroup.freeze"), O_WRONLY | O_TRUNC));
    TRY("rmdir full", rmdir(in("a", "")));
    TRY("rmdir a/b", rmdir(in("a/b", "")));
    TRY("rmdir blank", rmdir(in("a/x y", "")));
    TRY("chmod", chmod(in("a", "cgroup.procs"), 0600));
    must(stat(in("a", "cgroup.procs"), &s));
    say("mode %o\n", s.st_mode);
    TRY("chown", chown(in("a", ""), 12, 34));
    must(stat(in("a", ""), &s));
    say("owner %d %d\n", s.st_uid, s.st_gid);
    say("-- in a removed one\n");
    int dir = must(open(in("a", ""), O_RDONLY | O_DIRECTORY));
    int procs = must(openat(dir, "cgroup.procs", O_RDWR));
    int events = must(openat(dir, "cgroup.events", O_RDWR));
    TRY("rmdir a", rmdir(in("a", "")));
    char b[5000];
    TRY("read", read(procs, b, sizeof b));
    TRY("write", write(procs, "0", 1));
    TRY("write events", write(events, "0", 1));
    TRY("mkdirat", mkdirat(dir, "x", 0755));
    TRY("openat", openat(dir, "cgroup.procs", O_RDONLY));
    struct pollfd p = { events, POLLIN | POLLPRI, 0 };
    say("poll %d %x\n", poll(&p, 1, 0), p.revents);
    must(fstat(dir, &s));
    say("links %ld\n", (long)s.st_nlink);
    close(dir);
    close(procs);
    close(events);
    say("-- reading and writing\n");
    int fd = must(open(in("", "cgroup.controllers"), O_RDWR));
    TRY("controllers", write(fd, "cpu", 3));
    close(fd);
    fd = must(open(in("", "cgroup.kill"), O_RDWR));
    TRY("read kill", read(fd, b, sizeof b));
    TRY("kill 0", write(fd, "0", 1));
    TRY("kill 2", write(fd, "2", 1));
    TRY("kill x", write(fd, "x", 1));
    TRY("kill 1", write(fd, "1", 1));
    TRY("kill nothing", write(fd, "", 0));
    close(fd);
    fd = must(open(in("", "cgroup.freeze"), O_RDWR));
    memset(b, ' ', sizeof b);
    b[4094] = '0';
    TRY("a page", write(fd, b, 4096));
    TRY("more than a page", write(fd, b, 4097));
    TRY("bad address", write(fd, (void *)8, 3));
    TRY("nul", write(fd, "0\0001", 3));
    TRY("2", write(fd, "2", 1));
    TRY("-1", write(fd, "-1", 2));
    TRY("at 7", pwrite(fd, "0", 1, 7));
    close(fd);
    say("-- cgroup.subtree_control\n");
    TRY("unknown", cg_put("", "cgroup.subtree_control", "+nothing"));
    TRY("no sign", cg_put("", "cgroup.subtree_control", "memory"));
    TRY("empty", cg_put("", "cgroup.subtree_control", "  \n"));
    say("-- cgroup.type\n");
    TRY("domain", cg_put("", "cgroup.type", "domain"));
    say("-- cgroup.max.descendants\n");
    numbers("cgroup.max.descendants");
    TRY("two", cg_put("", "cgroup.max.descendants", "2"));
    TRY("a", cg_make("a"));
    TRY("a/b", cg_make("a/b"));
    TRY("a/b/c", cg_make("a/b/c"));
    TRY("d", cg_make("d"));
    TRY("max", cg_put("", "cgroup.max.descendants", "max"));
    TRY("d", cg_make("d"));
    say("-- cgroup.max.depth\n");
    numbers("cgroup.max.depth");
    TRY("three", cg_put("", "cgroup.max.depth", "3"));
    TRY("a/b/c", cg_make("a/b/c"));
    TRY("a/b/c/d", cg_make("a/b/c/d"));
    TRY("one in a/b", cg_put("a/b", "cgroup.max.depth", "1"));
    TRY("a/b/e", cg_make("a/b/e"));
    TRY("zero in d", cg_put("d", "cgroup.max.depth", "0"));
    TRY("d/e", cg_make("d/e"));
    say("%.17s\n", cg_get("", "cgroup.stat"));
    say("%.17s\n", cg_get("a", "cgroup.stat"));
    return 0;
}

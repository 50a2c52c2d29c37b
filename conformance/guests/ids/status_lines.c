/* proc(5) /proc/pid/status, credentials(7): Uid, Gid, Groups, Cap lines and files' owners of /proc/self follow each change of ids. */
#include "../guest.h"
#include <grp.h>
#include <sys/prctl.h>

static void lines(const char *what)
{
    char b[8192];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    close(fd);
    b[n > 0 ? n : 0] = 0;
    say("%s\n", what);
    for (char *l = strtok(b, "\n"); l; l = strtok(0, "\n")) {
        if (!strncmp(l, "Uid:", 4) || !strncmp(l, "Gid:", 4) || !strncmp(l, "Groups:", 7)) say("  %s\n", l);
        if (!strncmp(l, "CapEff:", 7)) say("  some effective capabilities %d\n", strtoul(l + 7, 0, 16) != 0);
        if (!strncmp(l, "CapAmb:", 7)) say("  %s\n", l);
    }
    struct stat a, s;
    stat("/proc/self/", &a);
    stat("/proc/self/status", &s);
    say("  directory's owner %d:%d file's owner %d:%d\n", a.st_uid, a.st_gid, s.st_uid, s.st_gid);
}

int main(void)
{
    fresh();
    pid_t p = spawn({
        setgroups(0, 0);
        lines("root");
        gid_t g[] = { 30, 10, 20 };
        setgroups(3, g);
        setresgid(5, 6, 7);
        lines("groups");
        setresuid(0, 1000, 0);
        lines("effective user");
        prctl(PR_SET_DUMPABLE, 1);
        lines("made dumpable");
        setresuid(0, 0, 0);
        syscall(SYS_setfsuid, 77);
        syscall(SYS_setfsgid, 78);
        lines("file system ids");
        setresuid(1, 2, 3);
        lines("three users");
        pid_t q = spawn(lines("child"));
        reap(q, "child");
    });
    reap(p, "first");
    say("-- another process's files\n");
    int pp[2];
    char c;
    must(pipe(pp));
    p = spawn({ setuid(1000); write(pp[1], "x", 1); pause(); });
    read(pp[0], &c, 1);
    char path[64];
    const char *files[] = { "status", "stat", "cmdline", "maps", "environ", "exe", "cwd", "fd", "io", "mem" };
    pid_t q = spawn({
        setuid(1000);
        prctl(PR_SET_DUMPABLE, 1);
        for (int i = 0; i < COUNT(files); i++) {
            snprintf(path, 64, "/proc/%d/%s", p, files[i]);
            int fd = open(path, O_RDONLY);
            char b[64];
            say("a non-dumpable process of the same user, %s: %s, readlink %s\n", files[i], fd < 0 ? ename(errno) : "opens", i == 5 || i == 6 ? readlink(path, b, 64) < 0 ? ename(errno) : "ok" : "-");
        }
    });
    reap(q, "reader");
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    return 0;
}

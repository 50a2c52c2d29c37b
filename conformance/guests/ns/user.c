/* user_namespaces(7): maps and who may write them, setgroups, overflow ids, capabilities in and over namespaces, files' owners. */
#include "ns.h"
#include <grp.h>

static int go[2], done[2];

static void ids(const char *what)
{
    say("%s: uid %d euid %d gid %d %s\n", what, getuid(), geteuid(), getgid(), status_line("CapEff:") + 8 - 0 ? "" : "");
}

static int capable(int cap)
{
    return (strtoull(status_line("CapEff:") + 7, 0, 16) >> cap) & 1;
}

static void inside(void)
{
    ids("unmapped");
    say("map '%s' setgroups %s", load_text("/proc/self/uid_map"), load_text("/proc/self/setgroups"));
    struct stat s;
    stat("/", &s);
    say("owner of / is %d:%d\n", s.st_uid, s.st_gid);
    TRY("setuid 0 without a map", setuid(0));
    TRY("setgroups without a map", setgroups(0, 0));
    say("has CAP_SYS_ADMIN %d CAP_CHOWN %d\n", capable(CAP_SYS_ADMIN), capable(CAP_CHOWN));
    TRY("sethostname", sethostname("x", 1));
    TRY("mount", mount("t", "/mnt", "tmpfs", 0, 0));
}

int main(void)
{
    fresh();
    must(setgroups(0, 0));
    /* an ordinary user maps itself */
    pid_t p = spawn({
        must(setresgid(1000, 1000, 1000));
        must(setresuid(1000, 1000, 1000));
        prctl(PR_SET_DUMPABLE, 1);
        TRY("other namespaces", unshare(CLONE_NEWUTS));
        TRY("unshare", unshare(CLONE_NEWUSER));
        prctl(PR_SET_DUMPABLE, 1);
        inside();
        TRY("gid_map before setgroups", store_text("/proc/self/gid_map", "0 1000 1\n"));
        TRY("setgroups nonsense", store_text("/proc/self/setgroups", "maybe"));
        TRY("setgroups deny", store_text("/proc/self/setgroups", "deny"));
        TRY("setgroups allow", store_text("/proc/self/setgroups", "allow"));
        TRY("two ids", store_text("/proc/self/uid_map", "0 1000 2\n"));
        TRY("another's id", store_text("/proc/self/uid_map", "0 1001 1\n"));
        TRY("nonsense", store_text("/proc/self/uid_map", "0 x 1\n"));
        TRY("empty", store_text("/proc/self/uid_map", "\n"));
        TRY("uid_map", store_text("/proc/self/uid_map", "0 1000 1\n"));
        TRY("uid_map again", store_text("/proc/self/uid_map", "0 1000 1\n"));
        TRY("gid_map", store_text("/proc/self/gid_map", "0 1000 1\n"));
        say("map '%s'\n", load_text("/proc/self/uid_map"));
        say("setgroups %s", load_text("/proc/self/setgroups"));
        ids("mapped");
        say("%s\n%s\n", status_line("Uid:"), status_line("Groups:"));
        struct stat s;
        stat("/", &s);
        say("owner of / is %d:%d\n", s.st_uid, s.st_gid);
        TRY("setgroups", setgroups(0, 0));
        TRY("setuid 5", setuid(5));
        TRY("setuid 0", setuid(0));
        TRY("chown to 5", chown("/proc/self/fd/1", 5, -1));
        TRY("own uts", unshare(CLONE_NEWUTS));
        TRY("sethostname", sethostname("inner", 5));
        TRY("set time", clock_settime(CLOCK_REALTIME, &(struct timespec){ 0, 0 }));
        TRY("chroot", chroot("/"));
        TRY("mknod", mknod("/dev/shm/guest-node", S_IFCHR | 0600, 0x103));
        TRY("kill pid 1", kill(1, 0));
        int fd = open("/proc/sys/kernel/hostname", O_RDONLY);
        close(fd);
        TRY("another level", unshare(CLONE_NEWUSER));
        ids("second level");
        TRY("map of a map", (store_text("/proc/self/setgroups", "deny"), store_text("/proc/self/uid_map", "7 0 1\n")));
        ids("second level mapped");
        say("map '%s'\n", load_text("/proc/self/uid_map"));
    });
    say("%d\n", ended(p));

    /* root maps for a child */
    pipe(go);
    pipe(done);
    p = clone_flags(CLONE_NEWUSER);
    if (!p) {
        char c;
        read(go[0], &c, 1);
        say("child: %d %d\n", getuid(), getgid());
        TRY("child: setuid 3", setuid(3));
        say("child: %s\n", status_line("Uid:"));
        TRY("child: setuid 99", setuid(99));
        gid_t g[] = { 4, 1 };
        TRY("child: setgroups", setgroups(2, g));
        _exit(getuid());
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", p);
    TRY("overlapping", store_text(path, "0 100 10\n5 300 10\n"));
    TRY("overlapping outside", store_text(path, "0 100 10\n20 105 10\n"));
    TRY("too long", store_text(path, "0 100 4294967295\n"));
    TRY("nothing", store_text(path, "0 100 0\n"));
    TRY("uid_map", store_text(path, "0 0 1\n1 100 10\n"));
    say("'%s'\n", load_text(path));
    snprintf(path, sizeof path, "/proc/%d/gid_map", p);
    TRY("gid_map", store_text(path, "0 0 10"));
    write(go[1], "x", 1);
    say("exit %d\n", ended(p));

    TRY("with CLONE_FS", unshare(CLONE_NEWUSER | CLONE_FS));
    say("full capabilities %d\n", capable(CAP_SYS_ADMIN) && capable(CAP_NET_ADMIN));
    say("uid %d\n", getuid());
    return 0;
}

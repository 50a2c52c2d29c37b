/* capabilities(7): file capabilities by security.capability, with set-user-ID, no_new_privs, the bounding set, ambient capabilities, tracing. */
#include "../guest.h"
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/xattr.h>

static unsigned long long line(const char *key)
{
    static char b[8192];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    close(fd);
    b[n > 0 ? n : 0] = 0;
    char *l = strstr(b, key);
    return l ? strtoull(l + strlen(key), 0, 16) : 0;
}

/* Only the two capabilities the test gives: what else there is depends on the bounding set of the machine. */
#define TWO ((1ull << CAP_NET_RAW) | (1ull << CAP_CHOWN))
static void show_sets(void)
{
    say("  uid %d euid %d prm %llx eff %llx inh %llx amb %llx secure %ld dumpable %d\n", getuid(), geteuid(), line("CapPrm:") & TWO,
        line("CapEff:") & TWO, line("CapInh:") & TWO, line("CapAmb:") & TWO, (long)getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE));
}

static char copy[128];

static void set_caps(int effective, unsigned permitted, unsigned inheritable)
{
    struct vfs_cap_data d = { .magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0) };
    d.data[0].permitted = permitted;
    d.data[0].inheritable = inheritable;
    errno = 0;
    int r = setxattr(copy, "security.capability", &d, sizeof d, 0);
    if (r) say("setxattr %s\n", ename(errno));
}

#define RUN(what, ...) do { \
    say("%s\n", what); \
    pid_t p_ = fork(); \
    if (!p_) { __VA_ARGS__; execl(copy, copy, "show", NULL); say("  exec %s\n", ename(errno)); _exit(1); } \
    waitpid(p_, 0, 0); \
} while (0)
#define USER setresgid(1000, 1000, 1000); setresuid(1000, 1000, 1000)

static void set_inheritable(unsigned caps)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2];
    syscall(SYS_capget, &h, d);
    d[0].inheritable = caps;
    syscall(SYS_capset, &h, d);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        show_sets();
        return 0;
    }
    fresh();
    mkdir("/var/tmp/guest-caps", 0755);
    snprintf(copy, sizeof copy, "/var/tmp/guest-caps/%d", getpid());
    char buf[65536];
    int in = open("/proc/self/exe", O_RDONLY);
    int out = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;) write(out, buf, n);
    close(in);
    close(out);
    chmod(copy, 0755);

    RUN("none", USER);
    set_caps(1, TWO, 0);
    RUN("permitted and effective", USER);
    RUN("as root", );
    RUN("no_new_privs", USER; prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RUN("outside the bounding set", prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0); USER);
    set_caps(0, TWO, 0);
    RUN("permitted only", USER);
    RUN("permitted only, outside the bounding set", prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0); USER);
    set_caps(1, 0, TWO);
    RUN("inheritable, but not inherited", USER);
    RUN("inheritable and inherited", set_inheritable(1u << CAP_CHOWN); prctl(PR_SET_KEEPCAPS, 1); USER);
    set_caps(1, 1u << CAP_NET_RAW, 0);
    RUN("ambient is cleared", set_inheritable(1u << CAP_CHOWN); prctl(PR_SET_KEEPCAPS, 1); USER;
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    chmod(copy, 04755);
    RUN("set-user-ID root with capabilities", USER);
    RUN("set-user-ID root with capabilities and no_new_privs", USER; prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    removexattr(copy, "security.capability");
    RUN("set-user-ID root", USER);
    RUN("set-user-ID root, SECBIT_NOROOT", prctl(PR_SET_SECUREBITS, 1); USER);
    chmod(copy, 0755);
    set_caps(1, TWO, 0);
    int fd = open(copy, O_WRONLY | O_APPEND);
    write(fd, "x", 1);
    close(fd);
    say("a write takes them away: %s\n", getxattr(copy, "security.capability", buf, 64) < 0 ? ename(errno) : "no");
    struct vfs_cap_data bad = { .magic_etc = 0x07000000 };
    say("malformed %s\n", setxattr(copy, "security.capability", &bad, sizeof bad, 0) < 0 ? ename(errno) : "ok");
    unlink(copy);
    rmdir("/var/tmp/guest-caps");
    return 0;
}

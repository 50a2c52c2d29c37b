/* setfsuid(2), setfsgid(2), umask(2), capabilities(7) CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN, CAP_KILL: which check uses which id or capability: files made,
 * opened, removed, chowned, signalled with one of them missing. */
#include "../guest.h"
#include <linux/capability.h>
#include <sys/prctl.h>

static void owner(const char *p)
{
    struct stat st;
    if (lstat(p, &st) < 0) say("  %s: %s\n", p, ename(errno));
    else say("  %s: %d:%d %o\n", p, st.st_uid, st.st_gid, st.st_mode & 07777);
}
static void drop(int cap)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2];
    syscall(SYS_capget, &h, d);
    d[cap >> 5].effective &= ~(1U << (cap & 31));
    if (syscall(SYS_capset, &h, d) < 0) die("capset");
}
static void only(int cap)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2] = { { 0 } };
    prctl(PR_SET_KEEPCAPS, 1);
    setresuid(1000, 1000, 1000);
    if (cap >= 0) d[cap >> 5].effective = d[cap >> 5].permitted = 1U << (cap & 31);
    if (syscall(SYS_capset, &h, d) < 0) die("capset");
}
static void tries(pid_t victim)
{
    ok(open("secret", O_RDONLY));
    ok(open("secret", O_WRONLY));
    ok(open("dir/f", O_RDONLY));
    ok(chdir("dir"));
    fchdir(20);
    t(access("exec", X_OK));
    t(chmod("theirs", 0640));
    t(chown("theirs", 1000, -1));
    t(chown("mine", 5, -1));
    t(chown("mine", -1, 4444));
    t(unlink("sticky/f"));
    t(mkdir("dir/new", 0700));
    t(utimensat(AT_FDCWD, "theirs", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0));
    ok(open("theirs", O_RDONLY | O_NOATIME));
    t(kill(victim, 0));
    t(setgid(77));
    t(setuid(77));
    t(chroot("."));
}
static void prepare(void)
{
    put("secret", "s");
    chmod("secret", 0);
    mkdir("dir", 0700);
    chmod("dir", 0);
    put("dir/f", "f");
    put("exec", "");
    chmod("exec", 0644);
    put("theirs", "t");
    chown("theirs", 2000, 2000);
    chmod("theirs", 0666);
    put("mine", "m");
    chown("mine", 1000, 1000);
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    put("sticky/f", "");
}

int main(void)
{
    fresh();
    xmkdtemp();
    chmod(".", 0777);
    must(dup2(open(".", O_RDONLY), 20));
    pid_t victim = spawn({ setuid(2000); for (;;) pause(); });
    settle(victim);
    say("-- file system ids\n");
    prepare();
    pid_t p = spawn({
        syscall(SYS_setfsuid, 500);
        syscall(SYS_setfsgid, 501);
        close(open("made", O_CREAT | O_WRONLY, 0644));
        mkdir("madedir", 0755);
        symlink("x", "madelink");
        owner("made");
        owner("madedir");
        owner("madelink");
        say("  effective ids are %d %d\n", geteuid(), getegid());
        t(open("secret", O_RDONLY));
        t(kill(victim, 0));
        t(chown("made", 1, 1));
        syscall(SYS_setfsuid, 0);
        ok(open("secret", O_RDONLY));
    });
    reap(p, "fsuid");
    int caps[] = { -1, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN, CAP_KILL, CAP_SETUID, CAP_SETGID };
    const char *names[] = { "none", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID" };
    for (int i = 0; i < COUNT(caps); i++) {
        say("-- a user with %s\n", names[i]);
        prepare();
        p = spawn({ only(caps[i]); tries(victim); });
        reap(p, "user");
        rmdir("dir/new");
        unlink("sticky/f");
    }
    int drops[] = { CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN, CAP_KILL };
    for (int i = 0; i < COUNT(drops); i++) {
        say("-- root without %d\n", drops[i]);
        prepare();
        p = spawn({ drop(drops[i]); drop(CAP_DAC_READ_SEARCH); drop(CAP_SYS_CHROOT); tries(victim); });
        reap(p, "root");
        rmdir("dir/new");
        unlink("sticky/f");
    }
    kill(victim, SIGKILL);
    reap(victim, "victim");
    return 0;
}

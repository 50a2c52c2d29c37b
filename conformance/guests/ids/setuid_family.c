/* setuid(2), setreuid(2), setresuid(2) and their group forms: which ids a privileged and an unprivileged process may
 * take, what happens to the saved id, keepcaps, dumpable. */
#include "../guest.h"
#include <grp.h>
#include <sys/prctl.h>

static void ids(const char *what, int r)
{
    int e = errno;
    uid_t a, b, c;
    gid_t d, f, g;
    getresuid(&a, &b, &c);
    getresgid(&d, &f, &g);
    say("%s: %s; uid %d %d %d gid %d %d %d\n", what, r ? ename(e) : "ok", a, b, c, d, f, g);
}
#define I(...) ids(#__VA_ARGS__, __VA_ARGS__)

int main(void)
{
    fresh();
    pid_t p = spawn({
        I(setresuid(1, 2, 3));
        I(setuid(1));
        I(setuid(3));
        I(setuid(2));
        I(setuid(0));
        I(seteuid(1));
        I(setreuid(2, 1));
        I(setreuid(-1, 3));
        I(setresuid(3, -1, -1));
        I(setresuid(-1, 4, -1));
        I(setresuid(-1, -1, -1));
        I(setresgid(1, 1, 1));
        I(setgid(0));
        t(setgroups(0, 0));
    });
    reap(p, "resuid");
    p = spawn({ I(setuid(1000)); I(setuid(0)); I(seteuid(0)); I(setresuid(0, 0, 0)); });
    reap(p, "setuid");
    p = spawn({ I(seteuid(1000)); I(setuid(1001)); I(setegid(5)); I(seteuid(0)); I(setuid(1001)); });
    reap(p, "seteuid");
    p = spawn({ I(setreuid(1000, 1001)); I(setreuid(1001, 1000)); I(seteuid(1001)); I(setreuid(-1, 0)); });
    reap(p, "setreuid");
    p = spawn({ I(setreuid(1000, -1)); I(setreuid(-1, 1001)); I(setreuid(-1, 0)); I(setreuid(1000, -1)); });
    reap(p, "setreuid one side");
    p = spawn({ I(setregid(7, 8)); I(setresgid(1, 2, 3)); I(setgid(9)); I(setegid(10)); I(setregid(-1, 11)); });
    reap(p, "groups of root");
    p = spawn({ I(setresgid(1, 2, 3)); I(setresuid(5, 5, 5)); I(setgid(3)); I(setgid(2)); I(setgid(4)); I(setregid(3, 1)); I(setegid(2)); });
    reap(p, "groups of a user");
    p = spawn({ t(setuid(-1)); t(setreuid(-1, -1)); t(setgid(-1)); I(setresuid(-2, -2, -2)); });
    reap(p, "minus one");

    p = spawn({
        gid_t in[] = { 7, 3, 7, 65533, 1 };
        gid_t out[70000];
        t(setgroups(5, in));
        int n = t(getgroups(0, 0));
        t(getgroups(2, out));
        t(getgroups(64, out));
        for (int i = 0; i < n; i++) say(" %d", out[i]);
        say("\n");
        t(getgroups(-1, out));
        t(syscall(SYS_getgroups, 9, 1));
        t(syscall(SYS_setgroups, 5, 1));
        t(syscall(SYS_setgroups, 65537, out));
        t(syscall(SYS_setgroups, -1, out));
        t(setgroups(0, 0));
        t(getgroups(64, out));
    });
    reap(p, "setgroups");
    p = spawn({
        v(syscall(SYS_setfsuid, 44));
        v(syscall(SYS_setfsuid, -1));
        v(syscall(SYS_setfsgid, 45));
        v(syscall(SYS_setfsgid, -1));
        I(seteuid(9));
        v(syscall(SYS_setfsuid, -1));
        v(syscall(SYS_setfsuid, 12));
        v(syscall(SYS_setfsuid, 0));
        v(syscall(SYS_setfsuid, -1));
    });
    reap(p, "setfsuid");
    p = spawn({
        t(prctl(PR_GET_DUMPABLE));
        setuid(1000);
        t(prctl(PR_GET_DUMPABLE));
        t(prctl(PR_SET_DUMPABLE, 1));
        t(prctl(PR_GET_DUMPABLE));
        t(prctl(PR_SET_DUMPABLE, 2));
    });
    reap(p, "dumpable");
    t(syscall(SYS_getresuid, 1, 1, 1));
    return 0;
}

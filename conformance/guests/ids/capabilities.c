/* capabilities(7), capget(2), capset(2), prctl(2): sets of root and of users, what setuid clears, keepcaps, dropping and raising, the bounding
 * and ambient sets, securebits, over exec. Only capabilities that a container's root has are used. */
#include "../guest.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

struct caps { unsigned long eff, prm, inh; };
static struct caps get(void)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2];
    if (syscall(SYS_capget, &h, d) < 0) die("capget");
    return (struct caps){ d[0].effective | (unsigned long)d[1].effective << 32, d[0].permitted | (unsigned long)d[1].permitted << 32, d[0].inheritable | (unsigned long)d[1].inheritable << 32 };
}
static int set(struct caps c)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2] = { { c.eff, c.prm, c.inh }, { c.eff >> 32, c.prm >> 32, c.inh >> 32 } };
    return syscall(SYS_capset, &h, d);
}
#define B(c) (1UL << (c))
/* Five that matter, as a word: chown, dac_override, kill, setuid, setpcap. */
static const int five[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETUID, CAP_SETPCAP };
static void five_of(char *o, unsigned long x) { for (int i = 0; i < 5; i++) *o++ = x & B(five[i]) ? "cdkup"[i] : '-'; *o = 0; }
static void show_caps(const char *what)
{
    struct caps c = get();
    char e[8], p[8], i[8], a[8], b[8];
    unsigned long amb = 0, bnd = 0;
    for (int k = 0; k < 5; k++) { if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, five[k], 0, 0) > 0) amb |= B(five[k]); if (prctl(PR_CAPBSET_READ, five[k]) > 0) bnd |= B(five[k]); }
    five_of(e, c.eff);
    five_of(p, c.prm);
    five_of(i, c.inh);
    five_of(a, amb);
    five_of(b, bnd);
    say("%s: effective %s permitted %s inheritable %s ambient %s bounding %s\n", what, e, p, i, a, b);
}
static void again(const char *what) { execl("/proc/self/exe", "self", what, NULL); say("%s: exec: %s\n", what, ename(errno)); }

int main(int argc, char **argv)
{
    if (argc > 1) { show_caps(argv[1]); return 0; }
    fresh();
    char exe[512] = { 0 };
    readlink("/proc/self/exe", exe, 511);
    show_caps("root");
    pid_t p;
#define CHILD(...) p = spawn({ __VA_ARGS__; }); reap(p, "child")
    CHILD(setuid(1000); show_caps("setuid"); again("exec as a user"));
    CHILD(seteuid(1000); show_caps("seteuid"); seteuid(0); show_caps("and back"));
    CHILD(setresuid(1000, 1000, 0); show_caps("saved root"); seteuid(0); show_caps("effective root again"));
    CHILD(prctl(PR_SET_KEEPCAPS, 1); setuid(1000); show_caps("keepcaps"); v(prctl(PR_GET_KEEPCAPS)); struct caps c = get(); c.eff = c.prm; t(set(c)); show_caps("raised"); t(setuid(0)); show_caps("setuid(0)"));
    CHILD(prctl(PR_SET_KEEPCAPS, 1); setuid(1000); again("keepcaps is lost by exec"));
    CHILD(struct caps c = get(); c.eff &= ~B(CAP_KILL); t(set(c)); show_caps("effective dropped"); c.eff |= B(CAP_KILL); t(set(c)); c.prm &= ~B(CAP_KILL); t(set(c)); c.eff &= ~B(CAP_KILL); t(set(c)); c.prm |= B(CAP_KILL); t(set(c)); show_caps("permitted dropped"); again("root's exec gives it back"));
    CHILD(struct caps c = get(); c.inh = B(CAP_CHOWN); t(set(c)); show_caps("inheritable"); t(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0)); t(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); show_caps("ambient");
          prctl(PR_SET_KEEPCAPS, 1); setresuid(1000, 1000, 1000); show_caps("ambient and keepcaps"); again("over exec"));
    CHILD(struct caps c = get(); c.inh = B(CAP_CHOWN) | B(CAP_KILL); set(c); prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP); prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0); prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0); setuid(1000); show_caps("no fixup"); c = get(); c.inh = B(CAP_CHOWN); t(set(c)); show_caps("inheritable dropped takes ambient"); t(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)); show_caps("cleared"));
    CHILD(t(prctl(PR_CAPBSET_DROP, CAP_KILL)); show_caps("bounding dropped"); t(prctl(PR_CAPBSET_READ, CAP_KILL)); again("over exec"));
    CHILD(t(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED)); v(prctl(PR_GET_SECUREBITS)); t(prctl(PR_SET_SECUREBITS, 0)); again("no root privilege"));
    CHILD(t(prctl(PR_SET_SECUREBITS, 0x1000)); t(prctl(PR_CAPBSET_READ, 63)); t(prctl(PR_CAPBSET_DROP, 64)); t(prctl(PR_CAP_AMBIENT, 9, 0, 0, 0)); t(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 99, 0, 0)); t(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0)); t(prctl(PR_SET_KEEPCAPS, 2)));
    CHILD(setuid(1000); t(prctl(PR_CAPBSET_DROP, CAP_KILL)); t(prctl(PR_SET_SECUREBITS, 1)); t(set((struct caps){ 0, B(CAP_KILL), 0 })); t(set((struct caps){ 0, 0, 0 })));

    say("-- versions and others\n");
    struct __user_cap_header_struct h = { 0, 0 };
    struct __user_cap_data_struct d[2];
    t(syscall(SYS_capget, &h, d));
    say("preferred version %#x\n", h.version);
    h.version = 0;
    t(syscall(SYS_capget, &h, 0));
    h.version = _LINUX_CAPABILITY_VERSION_1;
    t(syscall(SYS_capget, &h, d));
    h = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, 1 << 22 };
    t(syscall(SYS_capget, &h, d));
    h.pid = -1;
    t(syscall(SYS_capget, &h, d));
    p = spawn({ setuid(1000); pause(); });
    settle(p);
    h.pid = p;
    t(syscall(SYS_capget, &h, d));
    v(d[0].permitted);
    h.pid = p;
    t(syscall(SYS_capset, &h, d));
    kill(p, SIGKILL);
    reap(p, "other");
    return 0;
}

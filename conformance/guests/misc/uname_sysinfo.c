/* uname(2), sysinfo(2), sethostname(2), personality(2), getpid and kin, sysconf, environment passing, alarm-free odds and ends: shapes and relations
 * only. */
#include "../guest.h"
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

extern char **environ;
int main(int argc, char **argv)
{
    if (argc > 1) {
        say("argc %d", argc);
        for (int i = 1; i < argc; i++) say(" [%s]", argv[i]);
        say("\n");
        for (char **e = environ; *e; e++) say("  %s\n", *e);
        return argc;
    }
    fresh();
    struct utsname u;
    t(uname(&u));
    say("%s %s\n", u.sysname, u.machine);
    int a = 0, b = 0;
    v(sscanf(u.release, "%d.%d", &a, &b) == 2 && a >= 4);
    v(strlen(u.nodename) > 0 && strlen(u.nodename) <= 64);
    v(strlen(u.version) > 0);
    char host[65] = { 0 };
    t(gethostname(host, 65));
    v(!strcmp(host, u.nodename));
    struct sysinfo si;
    t(sysinfo(&si));
    v(si.uptime >= 0 && si.totalram > 0 && si.freeram <= si.totalram && si.procs >= 1 && si.mem_unit >= 1);
    v(si.totalram * si.mem_unit >= 16UL << 20);
    struct timespec bt;
    clock_gettime(CLOCK_BOOTTIME, &bt);
    v(labs(bt.tv_sec - si.uptime) <= 2);
    v(sysconf(_SC_PAGESIZE));
    v(sysconf(_SC_CLK_TCK));
    v(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    v(sysconf(_SC_PHYS_PAGES) > 1000);
    v(sysconf(_SC_ARG_MAX) >= 131072);
    v(sysconf(_SC_OPEN_MAX) > 0);
    v(pathconf("/", _PC_NAME_MAX));
    v(pathconf("/", _PC_PATH_MAX));
    v(pathconf("/", _PC_PIPE_BUF));

    say("-- personality\n");
    t(personality(0xffffffff));
    t(personality(ADDR_NO_RANDOMIZE));
    say("set %#x\n", personality(0xffffffff));
    pid_t p = spawn({ say("child %#x\n", personality(0xffffffff)); execle("/proc/self/exe", "self", "with", "personality", NULL, ((char *[]){ 0 })); });
    int st;
    waitpid(p, &st, 0);
    say_status("child", st);
    personality(0);

    say("-- the environment\n");
    char *ev[] = { "PATH=/bin", "EMPTY=", "TWICE=1", "TWICE=2", "UTF=\xc3\xa9", "SPACES=a b  c", 0 };
    p = spawn(execve("/proc/self/exe", (char *[]){ "self", "a", "", "b c", 0 }, ev));
    reap(p, "child");
    clearenv();
    setenv("ONLY", "this", 1);
    p = spawn(execl("/proc/self/exe", "self", "x", NULL));
    reap(p, "child");

    say("-- ids\n");
    v(getpid() > 0 && getppid() >= 0 && syscall(SYS_gettid) == getpid());
    p = spawn({ setuid(1000); t(sethostname("x", 1)); t(syscall(SYS_setdomainname, "x", 1)); t(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0)); t(syscall(SYS_mount, "a", "b", "c", 0, 0)); t(syscall(SYS_umount2, "/proc", 0)); t(syscall(SYS_pivot_root, "/", "/")); t(syscall(SYS_settimeofday, &(struct timeval){ 1, 0 }, 0)); t(syscall(SYS_vhangup)); t(syscall(SYS_clock_settime, 0, &(struct timespec){ 1, 0 })); });
    reap(p, "what a user may not do");
    v(umask(0123));
    v(umask(022));
    say("-- membarrier, rseq\n");
    v(syscall(SYS_membarrier, 0, 0, 0) & 0x1ff);
    t(syscall(SYS_membarrier, 1 << 20, 0, 0));
    t(syscall(SYS_membarrier, 8, 0, 0));
    t(syscall(SYS_membarrier, 16, 0, 0));
    t(syscall(SYS_membarrier, 8, 0, 0));
    t(syscall(SYS_rseq, 8, 32, 0, 0));
    t(syscall(SYS_rseq, 0, 0, 1, 0));
    t(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0));
    int d = dup(0);
    t(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, d));
    v(syscall(SYS_kcmp, getpid(), getpid(), 0, 1, open("/dev/null", O_RDONLY)) > 0);
    return 0;
}

/* proc(5): /proc/self stat, status, cmdline, environ, exe, cwd, root, comm, statm, limits: form and agreement with the
 * calls that tell the same. */
#include "../guest.h"
#include <sys/prctl.h>

static char buf[65536];
static long file(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0) { say("%s: %s\n", path, ename(errno)); buf[0] = 0; return -1; }
    long n = 0, r;
    while ((r = read(fd, buf + n, sizeof buf - 1 - n)) > 0) n += r;
    buf[n] = 0;
    close(fd);
    return n;
}
static const char *line(const char *key)
{
    static char out[256];
    char *p = buf;
    size_t k = strlen(key);
    while (p && strncmp(p, key, k)) { p = strchr(p, '\n'); if (p) p++; }
    if (!p) return "(missing)";
    snprintf(out, sizeof out, "%.*s", (int)strcspn(p, "\n"), p);
    return out;
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        fresh();
        char *av[] = { "an argument zero", "two words", "", "last", NULL }, *ev[] = { "A=1", "EMPTY=", "B=x y", NULL };
        execve("/proc/self/exe", av, ev);
        die("exec");
    }
    show("cmdline", buf, file("/proc/self/cmdline"));
    show("environ", buf, file("/proc/self/environ"));
    char *name = argv[1];
    name[0] = 'T';
    setenv("A", "2", 1);
    show("cmdline after a store", buf, file("/proc/self/cmdline"));
    prctl(PR_SET_NAME, "a (odd) name) of more than 15");
    show("comm", buf, file("/proc/self/comm"));
    file("/proc/self/stat");
    char *par = strrchr(buf, ')');
    say("stat begins with the pid %d, name [%.*s]\n", atoi(buf) == getpid(), (int)(par - strchr(buf, '(') + 1), strchr(buf, '('));
    int fields = 0, ppid, pgrp, sid;
    for (char *q = par; (q = strchr(q, ' ')); q++) fields++;
    char state;
    sscanf(par + 2, "%c %d %d %d", &state, &ppid, &pgrp, &sid);
    say("state %c ppid %d pgrp %d session %d fields after the name %d\n", state, ppid == getppid(), pgrp == getpgrp(), sid == getsid(0), fields);

    umask(037);
    block(SIGUSR1);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGTERM, (void *)main);
    raise(SIGUSR1);
    file("/proc/self/status");
    const char *keys[] = { "Name:", "Umask:", "State:", "TracerPid:", "Uid:", "Gid:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "NoNewPrivs:" };
    for (int i = 0; i < COUNT(keys); i++) say("%s\n", line(keys[i]));
    const char *present[] = { "Tgid:", "Ngid:", "Pid:", "PPid:", "FDSize:", "Groups:", "VmPeak:", "VmSize:", "VmLck:", "VmRSS:", "VmData:", "VmStk:", "VmExe:", "VmLib:", "SigQ:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "Seccomp:", "Cpus_allowed:", "Mems_allowed_list:", "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:" };
    for (int i = 0; i < COUNT(present); i++) if (!strcmp(line(present[i]), "(missing)")) say("no %s\n", present[i]);
    v(atoi(line("Pid:") + 4) == getpid());
    v(atoi(line("PPid:") + 5) == getppid());

    char link[512], here[512];
    ssize_t n = readlink("/proc/self/cwd", link, sizeof link - 1);
    link[n] = 0;
    v(!strcmp(link, getcwd(here, sizeof here)));
    n = readlink("/proc/self/root", link, sizeof link - 1);
    show("root", link, n);
    n = readlink("/proc/self/exe", link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    say("exe ends in %s\n", strrchr(link, '/'));
    struct stat a, b;
    v(stat("/proc/self/exe", &a) == 0 && stat(link, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    n = readlink("/proc/self", link, sizeof link - 1);
    link[n] = 0;
    v(atoi(link) == getpid());
    n = readlink("/proc/thread-self", link, sizeof link - 1);
    link[n] = 0;
    snprintf(here, sizeof here, "%d/task/%d", getpid(), getpid());
    v(!strcmp(link, here));
    t(lstat("/proc/self/exe", &a));
    say("exe mode %o size %ld\n", a.st_mode, (long)a.st_size);
    lstat("/proc/self", &a);
    say("self mode %o\n", a.st_mode);
    stat("/proc/self/stat", &a);
    say("stat mode %o size %ld\n", a.st_mode, (long)a.st_size);
    struct rlimit rl = { 123, 456 };
    setrlimit(RLIMIT_NOFILE, &rl);
    file("/proc/self/limits");
    say("%s\n", line("Limit "));
    say("%s\n", line("Max open files"));
    file("/proc/self/statm");
    int count = 1;
    for (char *q = buf; *q; q++) count += *q == ' ';
    v(count);
    t(open("/proc/self/stat", O_WRONLY));
    t(open("/proc/self/none", O_RDONLY));
    t(open("/proc/0", O_RDONLY));
    t(open("/proc/4194305", O_RDONLY));
    t(mkdir("/proc/self/d", 0755));
    t(unlink("/proc/self/stat"));
    return 0;
}

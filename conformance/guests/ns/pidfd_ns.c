/* ioctl(2) PIDFD_GET_*_NAMESPACE: the namespaces of a process by its pidfd. */
#include "ns.h"
#include <linux/nsfs.h>
#include <sys/socket.h>

#define NS(nr) _IO(0xFF, nr)
static const struct { const char *name; unsigned cmd; } kinds[] = {
    { "cgroup", NS(1) }, { "ipc", NS(2) }, { "mnt", NS(3) }, { "net", NS(4) }, { "pid", NS(5) }, { "pid_for_children", NS(6) },
    { "time", NS(7) }, { "time_for_children", NS(8) }, { "user", NS(9) }, { "uts", NS(10) },
};

static void compare(int pidfd, pid_t pid)
{
    for (int i = 0; i < COUNT(kinds); i++) {
        char path[64];
        struct stat a, b;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kinds[i].name);
        int fd = ioctl(pidfd, kinds[i].cmd, 0);
        if (fd < 0) { say("%s: %s\n", kinds[i].name, ename(errno)); continue; }
        int same = fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
        say("%s: as in /proc %d, cloexec %d, type %x\n", kinds[i].name, same, fcntl(fd, F_GETFD), ioctl(fd, NS_GET_NSTYPE));
        close(fd);
    }
}

int main(void)
{
    fresh();
    int gate[2];
    must(pipe(gate));
    int self = must(syscall(SYS_pidfd_open, getpid(), 0));
    compare(self, getpid());
    TRY("with an argument", ioctl(self, NS(10), 1));
    pid_t p = clone_flags(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC);
    if (p < 0) die("clone");
    if (!p) {
        char c;
        close(gate[1]);
        read(gate[0], &c, 1);
        _exit(3);
    }
    close(gate[0]);
    int fd = must(syscall(SYS_pidfd_open, p, 0));
    compare(fd, p);
    int uts = ioctl(fd, NS(10), 0), ours = ioctl(self, NS(10), 0);
    struct stat a, b;
    fstat(uts, &a), fstat(ours, &b);
    say("another uts namespace: %d\n", a.st_ino != b.st_ino);
    TRY("setns with its user namespace", setns(ioctl(fd, NS(9), 0), CLONE_NEWUSER));
    TRY("setns with its uts namespace", setns(uts, CLONE_NEWUTS));
    close(gate[1]);
    siginfo_t si;
    waitid(P_PID, p, &si, WEXITED | WNOWAIT);
    TRY("of a zombie", ioctl(fd, NS(10), 0));
    say("ended %d\n", ended(p));
    TRY("of one waited for", ioctl(fd, NS(10), 0));
    TRY("unknown number", ioctl(self, NS(99), 0));
    return 0;
}

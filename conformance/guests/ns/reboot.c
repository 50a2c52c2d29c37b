/* reboot(2), "Behavior inside PID namespaces": process 1 ends as if by a signal that tells what was asked for, and all of the namespace with it. */
#include "ns.h"
#include <linux/reboot.h>
#include <sys/syscall.h>

static long ask(unsigned magic, unsigned cmd) { return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, magic, cmd, "again"); }

/* In a new namespace, and only there: `who` of its processes asks. */
static void in_namespace(const char *name, unsigned cmd, int who)
{
    int p[2];
    must(pipe(p));
    pid_t c = must(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    if (!c) {
        if (getpid() != 1) _exit(99);
        signal(SIGHUP, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        close(p[0]);
        /* Its end closes the pipe. */
        if (!fork()) for (;;) pause();
        if (who == 1) { ask(LINUX_REBOOT_MAGIC2, cmd); _exit(7); }
        if (!fork()) {
            if (who == 3 && fork()) for (;;) pause();
            ask(LINUX_REBOOT_MAGIC2, cmd);
            _exit(8);
        }
        for (;;) pause();
    }
    close(p[1]);
    char byte;
    say("%s by %d: %ld bytes of the others, ", name, who, (long)read(p[0], &byte, 1));
    close(p[0]);
    reap(c, "process 1");
}

int main(void)
{
    fresh();
    for (int who = 1; who <= 3; who++) {
        in_namespace("restart", LINUX_REBOOT_CMD_RESTART, who);
        in_namespace("restart2", LINUX_REBOOT_CMD_RESTART2, who);
        in_namespace("halt", LINUX_REBOOT_CMD_HALT, who);
        in_namespace("power off", LINUX_REBOOT_CMD_POWER_OFF, who);
    }
    pid_t c = must(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    if (!c) {
        if (getpid() != 1) _exit(99);
        t(ask(0, LINUX_REBOOT_CMD_RESTART));
        t(ask(LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_ON));
        t(ask(LINUX_REBOOT_MAGIC2B, LINUX_REBOOT_CMD_CAD_OFF));
        t(ask(LINUX_REBOOT_MAGIC2C, 12345));
        must(setuid(1000));
        t(ask(0, LINUX_REBOOT_CMD_RESTART));
        t(ask(LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART));
        /* Whoever owns the namespace may. */
        c = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (!c) { if (getpid() == 1) ask(LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_CMD_HALT); _exit(6); }
        if (c > 0) reap(c, "process 1 of a user");
        /* But no namespace of others: this one's pids are not those of its user namespace. */
        c = fork();
        if (!c) { if (syscall(SYS_unshare, CLONE_NEWUSER) == 0 && getpid() == 3) t(ask(LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_HALT)); _exit(5); }
        reap(c, "another");
        _exit(0);
    }
    reap(c, "process 1");
    return 0;
}

/* quotactl_fd(2) on the tmpfs at /t, mounted by the test with quotas of users and groups. Prints what calls answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/quota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int dir;
static const char *err(int r) { return r < 0 ? strerrorname_np(errno) : "0"; }
static int ctl(int cmd, int type, unsigned id, void *addr) { return syscall(SYS_quotactl_fd, dir, QCMD(cmd, type), id, addr); }
static void show(int type, unsigned id)
{
    struct if_dqblk d;
    if (ctl(Q_GETQUOTA, type, id, &d) < 0) { printf("%s %u: %s\n", type ? "group" : "user", id, strerrorname_np(errno)); return; }
    printf("%s %u: %lld bytes of %lld KiB, %lld inodes of %lld%s\n", type ? "group" : "user", id, (long long)d.dqb_curspace, (long long)d.dqb_bhardlimit,
           (long long)d.dqb_curinodes, (long long)d.dqb_ihardlimit, d.dqb_btime ? ", over the soft limit" : "");
}
static void limit(int type, unsigned id, long long blocks, long long soft, long long inodes)
{
    struct if_dqblk d = { .dqb_bhardlimit = blocks, .dqb_bsoftlimit = soft, .dqb_ihardlimit = inodes, .dqb_valid = QIF_LIMITS };
    printf("limit %u: %s\n", id, err(ctl(Q_SETQUOTA, type, id, &d)));
}
static long fill(const char *path, long bytes)
{
    static char b[65536];
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    if (fd < 0) { printf("open %s: %s\n", path, err(-1)); return -1; }
    long n = write(fd, b, bytes);
    printf("write %s: %ld %s\n", path, n, n < 0 ? strerrorname_np(errno) : "");
    close(fd);
    return n;
}
static void as(int id, void (*what)(void))
{
    fflush(stdout);
    if (fork() == 0) { if (setgid(id) || setuid(id)) _exit(1); what(); fflush(stdout); _exit(0); }
    wait(0);
}
static void user(void)
{
    fill("/t/a", 16384); fill("/t/a", 65536); fill("/t/b", 65536); fill("/t/b", 4096);
    printf("third: %s\n", err(mkdir("/t/c", 0700)));
    printf("fourth: %s\n", err(mkdir("/t/d", 0700)));
    printf("link: %s\n", err(link("/t/a", "/t/e")));
    show(USRQUOTA, 1000); show(USRQUOTA, 1001); show(GRPQUOTA, 1000); show(GRPQUOTA, 1001);
    struct if_dqblk d = { .dqb_valid = QIF_LIMITS };
    printf("own limits: %s\n", err(ctl(Q_SETQUOTA, USRQUOTA, 1000, &d)));
    unlink("/t/e"); unlink("/t/a"); show(USRQUOTA, 1000); fill("/t/d", 16384); unlink("/t/d");
}
static void group(void) { fill("/t/g", 8192); fill("/t/h", 32768); }
int main(void)
{
    setvbuf(stdout, 0, _IOFBF, 65536);
    umask(0);
    if (mount("none", "/t", "tmpfs", 0, "mode=777,quota,usrquota_block_hardlimit=1m,usrquota_inode_hardlimit=50")) { perror("mount"); return 1; }
    dir = open("/t", O_RDONLY | O_DIRECTORY);
    unsigned format = 0;
    struct if_dqinfo info;
    printf("format %s", err(ctl(Q_GETFMT, USRQUOTA, 0, &format)));
    printf(" %u, info %s", format, err(ctl(Q_GETINFO, USRQUOTA, 0, &info)));
    printf(" %lld %lld, on %s", (long long)info.dqi_bgrace, (long long)info.dqi_igrace, err(ctl(Q_QUOTAON, USRQUOTA, 0, 0)));
    printf(", sync %s, project %s", err(ctl(Q_SYNC, USRQUOTA, 0, 0)), err(ctl(Q_GETFMT, 2, 0, &format)));
    int root = open("/", O_RDONLY);
    printf(", elsewhere %s", err(syscall(SYS_quotactl_fd, root, QCMD(Q_GETFMT, 0), 0, &format)));
    printf(", by path %s, no type %s\n", err(syscall(SYS_quotactl, QCMD(Q_GETFMT, 0), "/t", 0, &format)), err(ctl(Q_GETFMT, 3, 0, &format)));
    show(USRQUOTA, 0); show(USRQUOTA, 1000);
    limit(USRQUOTA, 1000, 64, 24, 3); limit(GRPQUOTA, 1001, 16, 0, 0);
    as(1000, user);
    as(1001, group);
    show(GRPQUOTA, 1001);
    fill("/t/root", 65536);
    printf("root gives it away: %s\n", err(chown("/t/root", 1000, 1001)));
    show(USRQUOTA, 1000); show(GRPQUOTA, 1001); show(USRQUOTA, 0);
    struct if_nextdqblk next;
    for (unsigned id = 0; ctl(Q_GETNEXTQUOTA, USRQUOTA, id, &next) == 0; id = next.dqb_id + 1) printf("next %u\n", next.dqb_id);
    printf("off %s", err(ctl(Q_QUOTAOFF, GRPQUOTA, 0, 0)));
    printf(", again %s\n", err(ctl(Q_QUOTAOFF, GRPQUOTA, 0, 0)));
    as(1001, group);
    char line[512];
    FILE *f = fopen("/proc/self/mounts", "r");
    while (fgets(line, sizeof line, f)) if (strstr(line, " /t ")) printf("%s", line);
    return 0;
}

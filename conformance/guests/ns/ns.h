/* ns.h - helpers of the programs of this folder. */
#include "../guest.h"
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %s\n", what, r_ < 0 ? ename(errno) : "ok"); } while (0)

static UNUSED int store_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0) return -1;
    int r = write(fd, text, strlen(text));
    int e = errno;
    close(fd);
    errno = e;
    return r < 0 ? -1 : 0;
}

/* The whole of a small file. */
static UNUSED const char *load_text(const char *path)
{
    static char b[4][4096];
    static int turn;
    char *p = b[turn++ & 3];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, p, sizeof b[0] - 1);
    if (fd >= 0) close(fd);
    if (n < 0) return ename(errno);
    p[n] = 0;
    return p;
}

static UNUSED const char *status_line(const char *key)
{
    const char *s = load_text("/proc/self/status");
    char *l = strstr(s, key);
    if (!l) return "(none)";
    l[strcspn(l, "\n")] = 0;
    return l;
}

static UNUSED long clone_flags(unsigned long flags)
{
    return syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

/* Number of the namespace behind a link, for comparing. */
static UNUSED ino_t number(const char *link)
{
    struct stat s;
    return stat(link, &s) < 0 ? 0 : s.st_ino;
}

static UNUSED int ended(pid_t p)
{
    int st;
    waitpid(p, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

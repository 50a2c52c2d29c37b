/* proc(5) /proc/pid/fd, fdinfo: the names of what descriptors lead to, positions and flags, opening again with other modes, links of deleted files,
 * sockets and pipes that cannot be opened, another process's descriptors. */
#include "../guest.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static char base[128];
static void name(const char *what, int fd)
{
    char p[64], b[512];
    snprintf(p, 64, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(p, b, sizeof b - 1);
    if (n < 0) { say("%s: %s\n", what, ename(errno)); return; }
    b[n] = 0;
    char *x = strchr(b, '[');
    if (x && !strncmp(b, "pipe:[", 6)) strcpy(x, "[N]");
    if (x && !strncmp(b, "socket:[", 8)) strcpy(x, "[N]");
    struct stat st;
    lstat(p, &st);
    say("%s: %s mode %o\n", what, !strncmp(b, base, strlen(base)) ? b + strlen(base) : b, st.st_mode);
}
static void info(const char *what, int fd)
{
    char p[64], b[2048];
    snprintf(p, 64, "/proc/self/fdinfo/%d", fd);
    int f = open(p, O_RDONLY);
    ssize_t n = read(f, b, sizeof b - 1);
    close(f);
    b[n > 0 ? n : 0] = 0;
    long pos = -1;
    int flags = -1;
    sscanf(b, "pos: %ld flags: %o", &pos, &flags);
    say("%s: pos %ld flags %#o", what, pos, flags & ~0100000);
    const char *keys[] = { "eventfd-count:", "sigmask:", "clockid:", "tfd:", "inotify wd:", "Pid:" };
    for (int i = 0; i < COUNT(keys); i++) if (strstr(b, keys[i])) say(" has %s", keys[i]);
    say("\n");
}

int main(void)
{
    fresh();
    strcpy(base, xmkdtemp());
    char b[64], p[64];
    put("f", "0123456789");
    mkdir("d", 0755);
    int f = open("f", O_RDWR | O_APPEND | O_CLOEXEC), w = open("f", O_WRONLY), d = open("d", O_RDONLY), o = open("f", O_PATH), pp[2], sv[2];
    must(pipe(pp));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    int ev = eventfd(5, 0), ep = epoll_create1(0), tf = timerfd_create(CLOCK_MONOTONIC, 0), in = inotify_init1(0), null = open("/dev/null", O_RDWR);
    sigset_t set = sigs(SIGUSR1);
    int sf = signalfd(-1, &set, 0), pf = syscall(SYS_pidfd_open, getpid(), 0), mf = syscall(SYS_memfd_create, "mem", 0);
    name("file", f);
    name("write-only", w);
    name("directory", d);
    name("O_PATH", o);
    name("pipe read", pp[0]);
    name("pipe write", pp[1]);
    name("socket", sv[0]);
    name("eventfd", ev);
    name("epoll", ep);
    name("timerfd", tf);
    name("signalfd", sf);
    name("inotify", in);
    name("/dev/null", null);
    name("memfd", mf);
    name("closed", 99);
    (void)pf;
    lseek(w, 7, SEEK_SET);
    struct epoll_event e = { EPOLLIN, { 0 } };
    epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
    inotify_add_watch(in, "d", IN_CREATE);
    info("file", f);
    info("at 7", w);
    info("directory", d);
    info("pipe", pp[0]);
    info("eventfd", ev);
    info("epoll", ep);
    info("timerfd", tf);
    info("signalfd", sf);
    info("inotify", in);
    info("pidfd", pf);

    say("-- opening again\n");
    snprintf(p, 64, "/proc/self/fd/%d", w);
    int r = open(p, O_RDONLY);
    t(lseek(r, 0, SEEK_CUR));
    t(read(r, b, 64));
    snprintf(p, 64, "/proc/self/fd/%d", pp[0]);
    int other = open(p, O_WRONLY);
    t(write(other, "into the pipe", 13));
    t(read(pp[0], b, 64));
    int rw = open(p, O_RDWR);
    t(write(rw, "x", 1));
    t(read(rw, b, 64));
    snprintf(p, 64, "/proc/self/fd/%d", sv[0]);
    t(open(p, O_RDWR));
    snprintf(p, 64, "/proc/self/fd/%d", ev);
    t(open(p, O_RDWR));
    snprintf(p, 64, "/proc/self/fd/%d", d);
    ok(open(p, O_RDONLY | O_DIRECTORY));
    snprintf(p, 64, "/proc/self/fd/%d/../f", d);
    cat(p);
    snprintf(p, 64, "/proc/self/fd/%d", f);
    chmod("f", 0400);
    pid_t c = spawn({ setuid(1000); t(open(p, O_RDONLY)); });
    reap(c, "user");
    chmod("f", 0444);
    rename("f", "renamed");
    name("renamed", f);
    unlink("renamed");
    name("unlinked", f);
    rmdir("d");
    name("removed directory", d);
    ok(open(p, O_RDONLY));
    struct stat st;
    t(stat(p, &st));
    say("nlink %d size %ld\n", (int)st.st_nlink, (long)st.st_size);
    t(lstat(p, &st));
    say("mode %o\n", st.st_mode & S_IFMT);
    t(unlink(p));
    t(truncate(p, 3));
    t(access(p, F_OK));

    say("-- listing\n");
    syscall(SYS_close_range, 3, ~0U, 0);
    dup2(0, 10);
    dup2(0, 77);
    DIR *dir = opendir("/proc/self/fd");
    int n = 0, seen = 0, df = dirfd(dir);
    for (struct dirent *x; (x = readdir(dir));) { n++; int k = atoi(x->d_name); seen |= k == 10 ? 1 : k == 77 ? 2 : k == df ? 4 : 0; }
    say("entries %d seen %d\n", n, seen);
    closedir(dir);
    t(stat("/proc/self/fd", &st));
    say("mode %o\n", st.st_mode);
    t(open("/proc/self/fd/99", O_RDONLY));
    t(open("/proc/self/fd/x", O_RDONLY));
    t(open("/proc/self/fd/010", O_RDONLY));
    int sync[2];
    must(pipe(sync));
    c = spawn({ int x = dup2(0, 50); (void)x; write(sync[1], "r", 1); pause(); });
    read(sync[0], b, 1);
    snprintf(p, 64, "/proc/%d/fd/50", c);
    t(access(p, F_OK));
    ok(open(p, O_RDONLY));
    kill(c, SIGKILL);
    settle_in(c, c, "Z");
    t(access(p, F_OK));
    reap(c, "child");
    t(access(p, F_OK));
    return 0;
}

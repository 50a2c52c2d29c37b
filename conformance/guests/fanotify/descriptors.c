/* fanotify(7) with descriptors: marks on inodes, directories with children, mounts and file systems; ignored masks; merging; other processes; errors of both calls. */
#include "fan.h"

static int fan;
static void events(const char *what) { events_of(fan, what, -1); }
static void use(const char *p, int flags)
{
    char b[8];
    int fd = open(p, flags);
    if (fd < 0) { say("open %s: %s\n", p, ename(errno)); return; }
    if ((flags & O_ACCMODE) != O_WRONLY) read(fd, b, sizeof b);
    if ((flags & O_ACCMODE) != O_RDONLY) write(fd, "y", 1);
    close(fd);
}
#define BASE (FAN_OPEN | FAN_ACCESS | FAN_MODIFY | FAN_CLOSE)

static void errors(void)
{
    ok(fanotify_init(0x80000000, O_RDONLY));
    ok(fanotify_init(FAN_CLASS_CONTENT | FAN_CLASS_PRE_CONTENT, O_RDONLY));
    ok(fanotify_init(0, O_ACCMODE));
    ok(fanotify_init(0, O_CREAT));
    ok(fanotify_init(FAN_REPORT_NAME, O_RDONLY));
    ok(fanotify_init(FAN_REPORT_FID | FAN_CLASS_CONTENT, O_RDONLY));
    ok(fanotify_init(FAN_REPORT_PIDFD | FAN_REPORT_TID, O_RDONLY));
    ok(fanotify_init(FAN_REPORT_TARGET_FID | FAN_REPORT_DFID_NAME, O_RDONLY));
    int null = open("/dev/null", O_RDONLY);
    int path = open("d", O_PATH);
    ok(fanotify_mark(fan, 0, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, 0, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_REMOVE, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | 0x10000, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_MOUNT | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, 1UL << 40, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_Q_OVERFLOW, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_CREATE, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "nothing"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_OPEN, AT_FDCWD, "d/f"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN, 99, NULL));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN, path, NULL));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, (char *)8));
    ok(fanotify_mark(null, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(99, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_REMOVE, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_FLUSH | FAN_MARK_ONLYDIR, 0, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_EVICTABLE | FAN_MARK_MOUNT, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_IGNORED_MASK, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORE, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_MOUNT, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORE_SURV, FAN_OPEN | FAN_ONDIR, AT_FDCWD, "d/f"));
    ok(read(fan, &null, 4));
    ok(write(fan, &null, 4));
    close(null);
    close(path);
}

int main(void)
{
    own_place();
    char b[64];
    int n;
    mkdir("d", 0755);
    mkdir("d/sub", 0755);
    put("d/f", "hello");
    put("d/g", "hello");
    put("out", "hello");
    fan = must(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY));
    v(fcntl(fan, F_GETFD));
    errors();

    ok(fanotify_mark(fan, FAN_MARK_ADD, BASE, AT_FDCWD, "d/f"));
    use("d/f", O_RDWR);
    use("d/g", O_RDWR);
    struct pollfd pf = { fan, POLLIN | POLLOUT, 0 };
    v(poll(&pf, 1, 0));
    v(pf.revents);
    v(ioctl(fan, FIONREAD, &n));
    v(n);
    v(read(fan, b, 10));
    events("one file");
    truncate("d/f", 2);
    chmod("d/f", 0600);
    events("truncate and chmod have no descriptor");
    ok(fanotify_mark(fan, FAN_MARK_REMOVE, FAN_ACCESS | FAN_MODIFY | FAN_CLOSE_WRITE, AT_FDCWD, "d/f"));
    use("d/f", O_RDWR);
    events("less of it");
    ok(fanotify_mark(fan, FAN_MARK_REMOVE, BASE, AT_FDCWD, "d/f"));
    ok(fanotify_mark(fan, FAN_MARK_REMOVE, BASE, AT_FDCWD, "d/f"));

    ok(fanotify_mark(fan, FAN_MARK_ADD, BASE, AT_FDCWD, "d"));
    use("d/f", O_RDWR);
    use("d", O_RDONLY | O_DIRECTORY);
    events("a directory itself, without ONDIR");
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_ONDIR, AT_FDCWD, "d"));
    use("d", O_RDONLY | O_DIRECTORY);
    closedir(opendir("d"));
    events("with ONDIR");
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_EVENT_ON_CHILD, AT_FDCWD, "d"));
    use("d/f", O_RDWR);
    use("d/sub", O_RDONLY | O_DIRECTORY);
    events("with children");
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, FAN_OPEN | FAN_CLOSE, AT_FDCWD, "d/f"));
    use("d/f", O_RDONLY);
    use("d/g", O_RDONLY);
    events("one of them ignored");
    use("d/f", O_WRONLY);
    use("d/f", O_RDONLY);
    events("until it is written");
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_OPEN | FAN_CLOSE, AT_FDCWD, "d/f"));
    use("d/f", O_WRONLY);
    use("d/f", O_RDONLY);
    events("or for good");
    ok(fanotify_mark(fan, FAN_MARK_FLUSH, 0, AT_FDCWD, "d"));
    use("d/f", O_RDWR);
    events("all marks on inodes gone");

    mkdir("bind", 0755);
    must(mount("d", "bind", 0, MS_BIND, 0));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_MOUNT, BASE, AT_FDCWD, "bind"));
    use("d/f", O_RDONLY);
    use("bind/f", O_RDONLY);
    use("bind/sub", O_RDONLY);
    events("a mount");
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_ATTRIB, AT_FDCWD, "bind"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN | FAN_ONDIR, AT_FDCWD, "bind"));
    use("d/f", O_RDONLY);
    use("out", O_RDONLY);
    use("bind/g", O_RDONLY);
    use("bind/sub", O_RDONLY);
    events("a mount and the file system");
    ok(fanotify_mark(fan, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, "bind"));
    use("out", O_RDONLY);
    ok(umount("bind"));
    use("d/g", O_RDONLY);
    events("neither any more");

    ok(fanotify_mark(fan, FAN_MARK_ADD, BASE, AT_FDCWD, "out"));
    pid_t c = spawn(use("out", O_RDONLY));
    reap(c, "child");
    use("out", O_RDONLY);
    events("a child, and myself");
    int fd = open("out", O_RDWR);
    unlink("out");
    write(fd, "zz", 2);
    events("without a name");
    close(fd);
    events("closed");
    ok(fanotify_mark(fan, FAN_MARK_REMOVE, BASE, AT_FDCWD, "out"));
    mkfifo("p", 0600);
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, BASE, AT_FDCWD, "."));
    use("p", O_RDWR | O_NONBLOCK);
    events("a FIFO is nothing to open again");
    int copy = must(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_TID, O_RDWR | O_CLOEXEC));
    ok(fanotify_mark(copy, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "d/f"));
    use("d/f", O_RDONLY);
    struct fanotify_event_metadata m[2];
    v(read(copy, m, sizeof m));
    v(m[0].pid == gettid());
    v(fcntl(m[0].fd, F_GETFL) & (O_ACCMODE | O_CLOEXEC));
    v(fcntl(m[0].fd, F_GETFD));
    v(write(m[0].fd, "q", 1));
    close(m[0].fd);
    events("what a listener does with its descriptor is silent");
    pid_t e = spawn({ execl("/bin/true", "true", (char *)0); });
    reap(e, "exec");
    return 0;
}

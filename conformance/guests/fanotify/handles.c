/* fanotify(7) with handles: FAN_REPORT_FID, DIR_FID, NAME, TARGET_FID, PIDFD; names, renames, deletion; as an ordinary user. */
#include "fan.h"

static int place;
static void story(void)
{
    int fd = open("d/new", O_RDWR | O_CREAT, 0600);
    write(fd, "x", 1);
    fchmod(fd, 0644);
    close(fd);
    mkdir("d/dir", 0755);
    link("d/new", "d/link");
    symlink("new", "d/sym");
    rename("d/new", "e/moved");
    rename("d/dir", "d/dir2");
    truncate("e/moved", 9);
    closedir(opendir("d/dir2"));
    unlink("d/link");
    unlink("e/moved");
    unlink("d/sym");
    rmdir("d/dir2");
}
#define ALL (FAN_OPEN | FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE | FAN_CREATE | FAN_DELETE | FAN_MOVE | FAN_DELETE_SELF | FAN_MOVE_SELF)

static void run(const char *what, int report, unsigned long mask, int how)
{
    int fan = fanotify_init(FAN_NONBLOCK | report, O_RDONLY);
    if (fan < 0) { say("%s: %s\n", what, ename(errno)); return; }
    int r = fanotify_mark(fan, FAN_MARK_ADD | how, mask, AT_FDCWD, how ? "." : "d");
    say("%s: mark %s\n", what, r ? ename(errno) : "ok");
    story();
    events_of(fan, NULL, place);
    close(fan);
}

int main(void)
{
    own_place();
    mkdir("d", 0755);
    mkdir("e", 0755);
    place = open(".", O_RDONLY | O_DIRECTORY);
    run("FID of a directory", FAN_REPORT_FID, ALL | FAN_ONDIR, 0);
    run("FID of a directory and its children", FAN_REPORT_FID, ALL | FAN_ONDIR | FAN_EVENT_ON_CHILD, 0);
    run("DIR_FID of a directory and its children", FAN_REPORT_DIR_FID, ALL | FAN_EVENT_ON_CHILD, 0);
    run("DFID_NAME", FAN_REPORT_DFID_NAME, ALL | FAN_ONDIR | FAN_EVENT_ON_CHILD, 0);
    run("DFID_NAME and FID", FAN_REPORT_DFID_NAME | FAN_REPORT_FID, ALL | FAN_ONDIR | FAN_EVENT_ON_CHILD, 0);
    run("TARGET_FID", FAN_REPORT_DFID_NAME | FAN_REPORT_FID | FAN_REPORT_TARGET_FID, ALL | FAN_RENAME | FAN_ONDIR | FAN_EVENT_ON_CHILD, 0);
    run("TARGET_FID of a file system", FAN_REPORT_DFID_NAME | FAN_REPORT_FID | FAN_REPORT_TARGET_FID, ALL | FAN_RENAME | FAN_ONDIR, FAN_MARK_FILESYSTEM);
    run("FID of a file system", FAN_REPORT_FID, ALL | FAN_ONDIR, FAN_MARK_FILESYSTEM);
    run("FID of a mount", FAN_REPORT_FID, FAN_OPEN | FAN_CLOSE, FAN_MARK_MOUNT);
    run("names of a mount", FAN_REPORT_FID, FAN_CREATE, FAN_MARK_MOUNT);
    run("RENAME without NAME", FAN_REPORT_FID, FAN_RENAME, 0);
    run("PIDFD", FAN_REPORT_PIDFD, FAN_OPEN | FAN_ONDIR, 0);
    run("PIDFD and FID", FAN_REPORT_PIDFD | FAN_REPORT_DFID_NAME, FAN_CREATE | FAN_ONDIR, 0);

    int fan = must(fanotify_init(FAN_NONBLOCK | FAN_REPORT_FID, O_RDONLY));
    put("f", "x");
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_ATTRIB | FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_OPEN, AT_FDCWD, "f"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_IGNORE, FAN_OPEN | FAN_CREATE, AT_FDCWD, "f"));
    rename("f", "g");
    chmod("g", 0600);
    unlink("g");
    events_of(fan, "the end of a file", place);
    ok(fanotify_mark(fan, FAN_MARK_REMOVE, FAN_OPEN, AT_FDCWD, "f"));

    /* A full queue says so once. */
    mkdir("many", 0755);
    int full = must(fanotify_init(FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY));
    must(fanotify_mark(full, FAN_MARK_ADD, FAN_CREATE, AT_FDCWD, "many"));
    char name[32];
    for (int i = 0; i < 16400; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        mknod(name, S_IFREG | 0600, 0);
    }
    static char b[1 << 20] __attribute__((aligned(8)));
    int n = 0, overflows = 0;
    ssize_t r;
    while ((r = read(full, b, sizeof b)) > 0)
        for (struct fanotify_event_metadata *m = (void *)b; FAN_EVENT_OK(m, r); m = FAN_EVENT_NEXT(m, r)) {
            n++;
            if (m->mask & FAN_Q_OVERFLOW) { overflows++; v(m->event_len); v(m->fd); v(m->pid); }
        }
    v(n);
    v(overflows);

    /* Without privilege. */
    must(chmod(".", 0777));
    must(chmod("d", 0755));
    must(setgid(12345) || setuid(12345) ? -1 : 0);
    ok(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
    ok(fanotify_init(FAN_REPORT_FID | FAN_UNLIMITED_QUEUE, O_RDONLY));
    ok(fanotify_init(FAN_REPORT_FID | FAN_REPORT_TID, O_RDONLY));
    fan = must(fanotify_init(FAN_REPORT_FID | FAN_NONBLOCK, O_RDONLY));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "d"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN | FAN_ONDIR, AT_FDCWD, "d"));
    pid_t c = spawn({ close(open("d", O_RDONLY)); });
    reap(c, "child");
    close(open("d", O_RDONLY));
    struct fanotify_event_metadata *m = (void *)b;
    for (r = read(fan, b, sizeof b); FAN_EVENT_OK(m, r); m = FAN_EVENT_NEXT(m, r))
        say(" %s by %s\n", bits(m->mask), m->pid == getpid() ? "me" : m->pid ? "somebody" : "nobody");
    return 0;
}

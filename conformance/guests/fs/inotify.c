/* inotify(7): events of files and directories, masks, cookies of renames, coalescing, IN_ONESHOT, IN_EXCL_UNLINK, removal, read sizes, poll, FIONREAD. */
#include "../guest.h"
#include <poll.h>
#include <sys/inotify.h>

static int in;
static void events(const char *what)
{
    static const struct { unsigned bit; const char *n; } names[] = { { IN_ACCESS, "ACCESS" }, { IN_MODIFY, "MODIFY" }, { IN_ATTRIB, "ATTRIB" }, { IN_CLOSE_WRITE, "CLOSE_WRITE" }, { IN_CLOSE_NOWRITE, "CLOSE_NOWRITE" }, { IN_OPEN, "OPEN" }, { IN_MOVED_FROM, "MOVED_FROM" }, { IN_MOVED_TO, "MOVED_TO" }, { IN_CREATE, "CREATE" }, { IN_DELETE, "DELETE" }, { IN_DELETE_SELF, "DELETE_SELF" }, { IN_MOVE_SELF, "MOVE_SELF" }, { IN_UNMOUNT, "UNMOUNT" }, { IN_Q_OVERFLOW, "OVERFLOW" }, { IN_IGNORED, "IGNORED" }, { IN_ISDIR, "ISDIR" } };
    static char b[65536] __attribute__((aligned(8)));
    unsigned cookies[16];
    int nc = 0;
    say("%s\n", what);
    ssize_t r;
    while ((r = read(in, b, sizeof b)) > 0)
        for (ssize_t o = 0; o < r;) {
            struct inotify_event *e = (void *)(b + o);
            char m[200] = "";
            for (int i = 0; i < COUNT(names); i++) if (e->mask & names[i].bit) { strcat(m, " "); strcat(m, names[i].n); }
            int c = -1;
            if (e->cookie) {
                for (int i = 0; i < nc; i++) if (cookies[i] == e->cookie) c = i;
                if (c < 0 && nc < 16) cookies[c = nc++] = e->cookie;
            }
            say("  wd %d%s len %u name %s", e->wd, m, e->len, e->len ? e->name : "-");
            if (c >= 0) say(" cookie #%d", c);
            say("\n");
            o += sizeof *e + e->len;
        }
    if (r < 0 && errno != EAGAIN) say("  %s\n", ename(errno));
}

int main(void)
{
    fresh();
    xmkdtemp();
    char b[16];
    mkdir("d", 0755);
    put("d/f", "x");
    put("outside", "y");
    in = must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    v(inotify_add_watch(in, "d", IN_ALL_EVENTS));
    v(inotify_add_watch(in, "d/f", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_CLOSE_WRITE));
    events("nothing yet");
    int fd = open("d/f", O_RDWR);
    read(fd, b, 1);
    write(fd, "1", 1);
    write(fd, "2", 1);
    fchmod(fd, 0600);
    ftruncate(fd, 0);
    close(fd);
    events("open, read, two writes, chmod, truncate, close");
    put("d/new", "abc");
    mkdir("d/sub", 0700);
    symlink("x", "d/sl");
    mkfifo("d/p", 0600);
    link("outside", "d/hard");
    events("create");
    rename("d/new", "d/renamed");
    rename("d/renamed", "out");
    rename("out", "d/back");
    rename("d/f", "d/back");
    events("rename within, out, in, over");
    unlink("d/sl");
    rmdir("d/sub");
    unlink("d/back");
    events("delete");
    DIR *dir = opendir("d");
    readdir(dir);
    closedir(dir);
    events("listing");
    int n = -1;
    close(open("d/p", O_RDWR));
    t(ioctl(in, FIONREAD, &n));
    v(n);
    struct pollfd pf = { in, POLLIN | POLLOUT, 0 };
    t(poll(&pf, 1, 0));
    v(pf.revents);
    t(read(in, b, 16));
    events("a fifo");
    chmod("d", 0700);
    rename("d", "e");
    events("the directory itself");
    for (int i = 0; i < 5; i++) { fd = open("e/many", O_CREAT | O_WRONLY | O_APPEND, 0600); write(fd, "x", 1); write(fd, "y", 1); close(fd); }
    events("equal events in a row merge");

    say("-- watches\n");
    v(inotify_add_watch(in, "e", IN_CREATE));
    put("e/q", "content");
    events("mask replaced");
    v(inotify_add_watch(in, "e", IN_DELETE | IN_MASK_ADD));
    unlink("e/q");
    put("e/q", "");
    events("mask added");
    t(inotify_add_watch(in, "e", IN_CREATE | IN_MASK_CREATE));
    v(inotify_add_watch(in, "outside", IN_OPEN | IN_ONESHOT));
    close(open("outside", O_RDONLY));
    close(open("outside", O_RDONLY));
    events("one-shot");
    t(inotify_add_watch(in, "outside", IN_OPEN | IN_ONLYDIR));
    t(inotify_add_watch(in, "none", IN_OPEN));
    t(inotify_add_watch(in, "outside", 0));
    t(inotify_add_watch(99, "outside", IN_OPEN));
    t(inotify_add_watch(1, "outside", IN_OPEN));
    symlink("outside", "link");
    int w = inotify_add_watch(in, "link", IN_OPEN | IN_ATTRIB | IN_DELETE_SELF | IN_DONT_FOLLOW);
    v(w);
    close(open("link", O_RDONLY));
    unlink("link");
    events("the link, not its target");
    w = inotify_add_watch(in, "outside", IN_ALL_EVENTS);
    t(inotify_rm_watch(in, w));
    t(inotify_rm_watch(in, w));
    t(inotify_rm_watch(in, 999));
    events("removed watch");
    w = inotify_add_watch(in, "outside", IN_ATTRIB | IN_DELETE_SELF | IN_CLOSE);
    fd = open("outside", O_RDONLY);
    unlink("outside");
    events("unlinked while open, with a second name");
    unlink("e/hard");
    events("the last name");
    close(fd);
    events("closed");
    unlink("e/q");
    unlink("e/many");
    unlink("e/p");
    rmdir("e");
    events("the directory is removed");
    t(inotify_init1(0x1));
    t(write(in, b, 1));
    t(lseek(in, 0, SEEK_SET));
    return 0;
}

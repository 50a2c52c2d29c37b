/* mknod(2), mkfifo(3), link(2), unlink(2): kinds of nodes, hard links and counts, open after unlink, devices as root, sockets opened, names of
 * a file that is open several times. */
#include "../guest.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void s(const char *p)
{
    struct stat st;
    if (lstat(p, &st) < 0) { say("  %s: %s\n", p, ename(errno)); return; }
    say("  %s: %o nlink %d rdev %d:%d\n", p, st.st_mode, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink, major(st.st_rdev), minor(st.st_rdev));
}

int main(void)
{
    fresh();
    xmkdtemp();
    t(mknod("reg", S_IFREG | 0644, 0));
    t(mknod("plain", 0600, 0));
    t(mknod("fifo", S_IFIFO | 0666, 0));
    t(mknod("sock", S_IFSOCK | 0755, 0));
    t(mknod("dir", S_IFDIR | 0755, 0));
    t(mknod("link", S_IFLNK | 0755, 0));
    t(mknod("odd", 0150000 | 0755, 0));
    t(mknod("reg", S_IFREG | 0644, 0));
    t(mknod("none/x", S_IFREG | 0644, 0));
    s("reg");
    s("plain");
    s("fifo");
    s("sock");
    t(open("sock", O_RDWR));
    t(open("fifo", O_RDONLY | O_NONBLOCK) >= 0);
    t(open("fifo", O_WRONLY | O_NONBLOCK) >= 0);
    pid_t p = spawn({ setuid(1000); t(mknod("/tmp/none-such-dir/x", S_IFIFO | 0600, 0)); t(mknod("cdev", S_IFCHR | 0600, makedev(1, 3))); });
    reap(p, "user");

    say("-- hard links\n");
    put("a", "content");
    t(link("a", "b"));
    t(link("b", "c"));
    s("a");
    t(unlink("a"));
    cat("c");
    s("b");
    put("c", "changed through c");
    cat("b");
    t(link("b", "c"));
    t(link("none", "x"));
    t(link(".", "x"));
    t(link("b", "none/x"));
    symlink("b", "sl");
    t(link("sl", "sl2"));
    s("sl2");
    s("b");
    t(link("fifo", "fifo2"));
    s("fifo");
    t(rename("b", "c"));
    s("b");
    s("c");
    say("-- open files without a name\n");
    int fd = open("b", O_RDWR);
    unlink("b");
    unlink("c");
    struct stat st;
    fstat(fd, &st);
    say("nlink %d size %ld\n", (int)st.st_nlink, (long)st.st_size);
    t(write(fd, "CHANGED", 7));
    t(lseek(fd, 0, SEEK_SET));
    slurp("read", fd);
    char path[64], b[256];
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, b, 256);
    say("its name ends in %.*s\n", 11, b + n - 11);
    int again = open(path, O_RDONLY);
    slurp("opened again", again);
    t(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
    put("b", "a new file of the old name");
    lseek(fd, 0, SEEK_SET);
    slurp("the old one", fd);
    say("-- many names\n");
    char name[16];
    int k = 0;
    for (; k < 500; k++) { snprintf(name, 16, "n%d", k); if (link("b", name)) break; }
    s("b");
    for (int i = 0; i < k; i++) { snprintf(name, 16, "n%d", i); unlink(name); }
    s("b");
    say("-- a socket's file\n");
    int sk = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un un = { AF_UNIX, "listener" };
    t(bind(sk, (void *)&un, sizeof un));
    s("listener");
    t(open("listener", O_RDONLY));
    ok(open("listener", O_PATH));
    t(rename("listener", "moved"));
    t(unlink("moved"));
    t(truncate("sock", 0));
    t(unlink("sock"));
    return 0;
}

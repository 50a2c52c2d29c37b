/* symlink(2), readlink(2), path_resolution(7): targets, loops, depth, lengths, lstat against stat, trailing slashes. */
#include "../guest.h"

int main(void)
{
    fresh();
    xmkdtemp();
    char buf[8192], name[5000];
    struct stat st;
    put("file", "content");
    mkdir("dir", 0755);
    put("dir/in", "inner");
    t(symlink("file", "l1"));
    t(symlink("file", "l1"));
    t(symlink("", "empty"));
    t(symlink("x", ""));
    t(symlink("any/thing at all", "odd"));
    t(symlink("file", "dir"));
    t(symlink("file", "none/l"));
    t(symlink("file", "l9/"));
    t(symlink((char *)1, "l9"));
    memset(name, 'a', sizeof name);
    name[4095] = 0;
    ok(symlink(name, "long"));
    ok(readlink("long", buf, sizeof buf));
    name[4095] = 'a';
    name[4096] = 0;
    ok(symlink(name, "longer"));
    t(lstat("l1", &st));
    say("mode %o size %ld\n", st.st_mode, (long)st.st_size);
    t(stat("l1", &st));
    say("mode %o size %ld\n", st.st_mode, (long)st.st_size);
    t(lstat("l1/", &st));
    t(lstat("odd", &st));
    t(stat("odd", &st));

    memset(buf, '#', 20);
    t(readlink("l1", buf, 2));
    show("two bytes", buf, 4);
    t(readlink("l1", buf, 100));
    show("no terminator", buf, 6);
    t(readlink("l1", buf, 0));
    t(syscall(SYS_readlink, "l1", buf, -1));
    t(readlink("file", buf, 10));
    t(readlink("dir", buf, 10));
    t(readlink("none", buf, 10));
    t(readlink("l1/", buf, 10));
    t(readlink("l1", (char *)1, 10));
    t(readlink("", buf, 10));
    int lfd = open("l1", O_PATH | O_NOFOLLOW);
    t(readlinkat(lfd, "", buf, 10));
    t(readlinkat(AT_FDCWD, "", buf, 10));

    symlink("loop2", "loop1");
    symlink("loop1", "loop2");
    symlink("self", "self");
    t(open("loop1", O_RDONLY));
    t(stat("self", &st));
    t(open("self", O_CREAT | O_WRONLY, 0644));
    t(lstat("self", &st));
    t(lstat("self/x", &st));
    t(unlink("self"));
    /* 40 links in one walk are followed, 41 are not. */
    symlink("file", "c0");
    for (int i = 1; i <= 41; i++) {
        char a[16], b[16];
        snprintf(a, 16, "c%d", i - 1);
        snprintf(b, 16, "c%d", i);
        symlink(a, b);
    }
    t(stat("c38", &st));
    t(stat("c39", &st));
    t(stat("c40", &st));
    t(lstat("c40", &st));
    symlink("dir", "ld");
    buf[0] = 0;
    for (int i = 0; i < 40; i++) strcat(buf, "ld/../");
    ok(stat(strcat(buf, "file"), &st));
    buf[strlen(buf) - 4] = 0;
    ok(stat(strcat(buf, "ld/in"), &st));
    symlink("..", "dir/up");
    cat("ld/up/file");
    cat("ld/../file");
    cat("ld/in");
    t(stat("ld", &st));
    say("is dir %d\n", S_ISDIR(st.st_mode));
    t(lstat("ld/", &st));
    say("is dir %d\n", S_ISDIR(st.st_mode));
    t(chmod("l1", 0600));
    lstat("l1", &st);
    say("link mode %o\n", st.st_mode);
    t(fchmodat(AT_FDCWD, "l1", 0600, AT_SYMLINK_NOFOLLOW));
    return 0;
}

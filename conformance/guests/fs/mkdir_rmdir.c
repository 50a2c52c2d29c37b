/* mkdir(2), rmdir(2), unlink(2): modes, every error, trailing slashes, dot and dot-dot. */
#include "../guest.h"

static void mode(const char *p)
{
    struct stat st;
    if (lstat(p, &st) < 0) say("%s: %s\n", p, ename(errno));
    else say("%s: mode %o nlink %d\n", p, st.st_mode, (int)st.st_nlink);
}

int main(void)
{
    fresh();
    xmkdtemp();
    t(mkdir("d", 0777));
    mode("d");
    t(mkdir("d", 0777));
    t(mkdir("d/e/f", 0777));
    t(mkdir("d/e/", 0700));
    mode("d/e");
    mode("d");
    umask(0);
    t(mkdir("s", 07777));
    mode("s");
    t(mkdir("z", 0));
    mode("z");
    umask(077);
    t(mkdir("u", 0777));
    mode("u");
    umask(022);
    put("file", "");
    t(mkdir("file", 0777));
    t(mkdir("file/x", 0777));
    t(mkdir("file/", 0777));
    t(mkdir("", 0777));
    t(mkdir(".", 0777));
    t(mkdir("..", 0777));
    t(mkdir("d/.", 0777));
    t(mkdir("d/..", 0777));
    t(mkdir("n/.", 0777));
    t(mkdir("/", 0777));
    t(syscall(SYS_mkdir, 1, 0777));
    symlink("gone", "dangling");
    symlink("d", "link");
    t(mkdir("dangling", 0777));
    t(mkdir("dangling/", 0777));
    t(mkdir("link", 0777));
    t(mkdir("link/sub", 0777));
    t(mkdir("d//dbl///", 0777));
    char name[300];
    memset(name, 'n', 299);
    name[255] = 0;
    ok(mkdir(name, 0777));
    ok(rmdir(name));
    name[255] = 'n';
    name[256] = 0;
    ok(mkdir(name, 0777));

    t(rmdir("d"));
    t(rmdir("d/e/."));
    t(rmdir("d/e/.."));
    t(rmdir("."));
    t(rmdir(".."));
    t(rmdir("/"));
    t(rmdir("file"));
    t(rmdir("file/"));
    t(rmdir("none"));
    t(rmdir(""));
    t(rmdir("link"));
    t(rmdir("link/"));
    t(rmdir("link/sub"));
    t(rmdir("d/e/"));
    t(rmdir("d/dbl"));
    mode("d");
    t(unlink("d"));
    t(unlink("d/"));
    t(unlink("file/"));
    t(unlink("link/"));
    t(unlink("none"));
    t(unlink(""));
    t(unlink("."));
    t(unlink("/"));
    t(unlink("dangling"));
    t(unlink("file"));
    t(unlink("file"));
    t(unlinkat(AT_FDCWD, "d", 0));
    t(unlinkat(AT_FDCWD, "link", AT_REMOVEDIR));
    t(unlinkat(AT_FDCWD, "d", 0x1000));
    t(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    t(unlinkat(77, "d", 0));
    t(unlinkat(1, "d", 0));
    t(rmdir("s"));
    return 0;
}

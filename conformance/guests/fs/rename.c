/* rename(2), renameat2(2): files, directories, links, into itself, over others, RENAME_NOREPLACE and EXCHANGE. */
#include "../guest.h"

static void ls(void)
{
    const char *names[] = { "a", "b", "c", "d", "d/sub", "d/a", "e", "e/sub", "l", "l2", "x", "full/f" };
    char out[512] = "";
    for (int i = 0; i < COUNT(names); i++) {
        struct stat st;
        if (lstat(names[i], &st) == 0) {
            strcat(out, " ");
            strcat(out, names[i]);
            strcat(out, S_ISDIR(st.st_mode) ? "/" : S_ISLNK(st.st_mode) ? "@" : "");
        }
    }
    say("  ls:%s\n", out);
}
static long r2(const char *a, const char *b, unsigned f) { return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, f); }

int main(void)
{
    fresh();
    xmkdtemp();
    put("a", "A");
    put("b", "B");
    mkdir("d", 0755);
    mkdir("d/sub", 0755);
    mkdir("e", 0755);
    mkdir("full", 0755);
    put("full/f", "F");
    symlink("a", "l");
    ls();
    int fd = open("b", O_RDONLY);
    t(rename("a", "b"));
    cat("b");
    slurp("the old b, still open", fd);
    ls();
    t(rename("a", "b"));
    t(rename("b", "b"));
    t(rename("b", "d"));
    t(rename("d", "b"));
    t(rename("d", "e"));
    ls();
    t(rename("e", "full"));
    t(rename("e", "e/sub/x"));
    t(rename("e", "e"));
    t(rename("e/sub", "e"));
    t(rename("e/sub", "."));
    t(rename(".", "x"));
    t(rename("e/..", "x"));
    t(rename("e/.", "x"));
    t(rename("e", "x/"));
    t(rename("x/", "e"));
    t(rename("b", "x/"));
    t(rename("b/", "x"));
    t(rename("b", "none/x"));
    t(rename("b/x", "c"));
    t(rename("none", "none2"));
    t(rename("", "x"));
    t(rename("b", ""));
    t(rename("l", "l2"));
    char target[8] = { 0 };
    readlink("l2", target, 7);
    say("link still points to %s\n", target);
    t(rename("b", "l2"));
    ls();
    cat("l2");
    t(link("l2", "c"));
    t(rename("l2", "c"));
    ls();
    t(rename("l2", "x"));
    t(link("x", "a"));
    t(rename("c", "a"));
    ls();

    put("b", "BB");
    t(r2("a", "b", 1));
    t(r2("a", "x", 1));
    t(r2("a", "b", 2));
    cat("a");
    t(r2("a", "none", 2));
    t(r2("a", "e", 2));
    ls();
    t(r2("a", "e", 2));
    t(r2("a", "b", 3));
    t(r2("a", "b", 6));
    t(r2("a", "b", 8));
    t(r2("e", "e/sub", 2));
    t(r2("e/sub", "e", 2));
    t(r2((char *)1, "e", 0));
    t(renameat(77, "a", AT_FDCWD, "b"));
    t(renameat(fd, "a", AT_FDCWD, "b"));
    int dir = open("e", O_RDONLY | O_DIRECTORY);
    t(renameat(AT_FDCWD, "a", dir, "a"));
    cat("e/a");
    t(rename("a", "/proc/x"));
    return 0;
}

/* xattr(7), setxattr(2), getxattr(2), listxattr(2), removexattr(2): user attributes: create, replace, sizes, lists, kinds of files, permissions. */
#include "../guest.h"
#include <sys/xattr.h>

static int cmp(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static void list(const char *p)
{
    char b[1024], *n[32];
    ssize_t r = listxattr(p, b, sizeof b);
    int k = 0;
    if (r < 0) { say("  list: %s\n", ename(errno)); return; }
    /* The order is the file system's; other namespaces too. */
    for (ssize_t o = 0; o < r; o += strlen(b + o) + 1) if (!strncmp(b + o, "user.", 5)) n[k++] = b + o;
    qsort(n, k, sizeof n[0], cmp);
    say("  list:");
    for (int i = 0; i < k; i++) say(" %s", n[i]);
    say("\n");
}

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "x");
    char b[256], name[300];
    list("f");
    t(setxattr("f", "user.a", "value", 5, 0));
    t(getxattr("f", "user.a", b, sizeof b));
    show("a", b, 5);
    t(setxattr("f", "user.a", "longer value", 12, 0));
    t(getxattr("f", "user.a", 0, 0));
    t(getxattr("f", "user.a", b, 5));
    t(getxattr("f", "user.a", b, 12));
    t(setxattr("f", "user.a", "z", 1, XATTR_CREATE));
    t(setxattr("f", "user.b", "z", 1, XATTR_REPLACE));
    t(setxattr("f", "user.b", "", 0, XATTR_CREATE));
    t(getxattr("f", "user.b", b, sizeof b));
    t(setxattr("f", "user.c", "c\0c", 3, 0));
    t(getxattr("f", "user.c", b, sizeof b));
    show("c", b, 3);
    t(setxattr("f", "user.a", "r", 1, XATTR_REPLACE));
    t(getxattr("f", "user.a", b, sizeof b));
    list("f");
    t(listxattr("f", 0, 0) >= 21);
    t(listxattr("f", b, 3));
    t(getxattr("f", "user.none", b, sizeof b));
    t(removexattr("f", "user.none"));
    t(removexattr("f", "user.b"));
    list("f");
    int fd = open("f", O_RDONLY);
    t(fgetxattr(fd, "user.c", b, sizeof b));
    t(fsetxattr(fd, "user.d", "d", 1, 0));
    t(fremovexattr(fd, "user.c"));
    list("f");
    say("-- kinds of files\n");
    symlink("f", "l");
    mkdir("d", 0755);
    mkfifo("p", 0600);
    t(getxattr("l", "user.a", b, sizeof b));
    t(lgetxattr("l", "user.a", b, sizeof b));
    t(lsetxattr("l", "user.a", "x", 1, 0));
    t(setxattr("d", "user.a", "x", 1, 0));
    t(getxattr("d", "user.a", b, sizeof b));
    t(setxattr("p", "user.a", "x", 1, 0));
    t(setxattr("none", "user.a", "x", 1, 0));
    t(getxattr("f/x", "user.a", b, 1));
    say("-- names\n");
    t(setxattr("f", "plain", "x", 1, 0));
    t(setxattr("f", "", "x", 1, 0));
    t(setxattr("f", "user.", "x", 1, 0));
    t(setxattr("f", "nosuch.x", "x", 1, 0));
    t(getxattr("f", "nosuch.x", b, 1));
    t(setxattr("f", "user.x", "x", 1, 7));
    t(setxattr("f", "user.x", "x", 70000, 0));
    memset(name, 'n', sizeof name);
    memcpy(name, "user.", 5);
    name[255] = 0;
    ok(setxattr("f", name, "x", 1, 0));
    ok(removexattr("f", name));
    name[255] = 'n';
    name[256] = 0;
    ok(setxattr("f", name, "x", 1, 0));
    say("-- permissions\n");
    chown("f", 1000, 1000);
    chmod("f", 0644);
    pid_t p = spawn({ setuid(1000); t(setxattr("f", "user.o", "o", 1, 0)); t(removexattr("f", "user.o")); t(setxattr("f", "trusted.o", "o", 1, 0)); });
    reap(p, "owner");
    p = spawn({ setuid(1001); t(setxattr("f", "user.o", "o", 1, 0)); t(getxattr("f", "user.a", b, 10)); t(getxattr("f", "trusted.o", b, 10)); chmod("f", 0); list("f"); });
    reap(p, "other");
    chmod("f", 0200);
    p = spawn({ setuid(1001); t(getxattr("f", "user.a", b, 10)); list("f"); });
    reap(p, "no read permission");
    say("-- kept over rename and link, not over a new file\n");
    link("f", "h");
    rename("f", "g");
    t(getxattr("h", "user.a", b, 10));
    t(setxattr("h", "user.h", "1", 1, 0));
    list("g");
    put("g2", "");
    rename("g2", "g");
    list("g");
    return 0;
}

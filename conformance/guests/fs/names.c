/* path_resolution(7): name and path lengths, dots, doubled and trailing slashes, odd bytes, ENOTDIR and ENOENT in the middle, empty names,
 * names at the limit created and found again. */
#include "../guest.h"

static void o(const char *shown, const char *p)
{
    int fd = open(p, O_RDONLY);
    say("%s: %s\n", shown, fd < 0 ? ename(errno) : "ok");
    if (fd >= 0) close(fd);
}
#define O(p) o(p, p)

int main(void)
{
    fresh();
    xmkdtemp();
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    put("d/f", "x");
    put("f", "y");
    const char *all[] = { "d", "d/", "d//", "./d", "././d/./", "d/../d", "d/e/..", "d/e/../..", "d/f", "d/f/", "d/f/.", "d/f/..", "f/..", "f/../d", "none/..", "d//f", ".//d///e////", "d/./f", "..", "../", "/..", "/../..", "//", "/./", "d/e/../f", "d/none/../f", " ", "D", "." };
    for (int i = 0; i < COUNT(all); i++) O(all[i]);

    char name[260];
    memset(name, 'n', sizeof name);
    name[255] = 0;
    ok(open(name, O_CREAT | O_WRONLY, 0600));
    o("255 bytes", name);
    ok(unlink(name));
    name[255] = 'n';
    name[256] = 0;
    o("256 bytes", name);
    ok(open(name, O_CREAT | O_WRONLY, 0600));
    ok(mkdir(name, 0700));
    ok(symlink("f", name));
    ok(rename("f", name));
    ok(link("f", name));
    ok(mkfifo(name, 0600));
    ok(unlink(name));
    ok(access(name, F_OK));

    /* A path of 4095 bytes works, of 4096 it does not, whatever it leads to. */
    char path[5000] = "";
    while (strlen(path) + 2 <= 4094) strcat(path, "./");
    strcat(path, strlen(path) == 4094 ? "f" : "/f");
    say("length %zu\n", strlen(path));
    o("long path", path);
    char longer[5008] = "/";
    strcat(longer, path);
    longer[4096] = 0;
    say("length %zu\n", strlen(longer));
    o("longer path", longer);
    memset(path, '/', 4094);
    path[4094] = '.';
    path[4095] = 0;
    o("slashes", path);
    /* Deeper than PATH_MAX by walking. */
    int depth = 0;
    char comp[201];
    memset(comp, 'd', 200);
    comp[200] = 0;
    int top = open(".", O_RDONLY);
    for (; depth < 30; depth++) if (mkdir(comp, 0700) < 0 || chdir(comp) < 0) break;
    char cwd[8192];
    say("depth %d\n", depth);
    t(syscall(SYS_getcwd, cwd, sizeof cwd));
    t(syscall(SYS_getcwd, cwd, 4096));
    put("deep", "at the bottom");
    cat("deep");
    cat("../deep");
    unlink("deep");
    for (int i = 0; i < depth; i++) { if (chdir("..") < 0) break; rmdir(comp); }
    struct stat a, b;
    fstat(top, &a);
    stat(".", &b);
    v(a.st_ino == b.st_ino);

    say("-- odd bytes\n");
    const char *odd[] = { "a b", "new\nline", "tab\t", "\xff\xfe", "\xc3\xa4", "...", "..x", ".hidden", "-rf", "*", "back\\slash", "\x01", "quote\"" };
    for (int i = 0; i < COUNT(odd); i++) {
        int fd = open(odd[i], O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0) say("%d: %s\n", i, ename(errno));
        close(fd);
    }
    int found = 0;
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d));)
        for (int i = 0; i < COUNT(odd); i++) found += !strcmp(e->d_name, odd[i]);
    say("found again %d of %d\n", found, COUNT(odd));
    for (int i = 0; i < COUNT(odd); i++) if (unlink(odd[i]) < 0) say("unlink %d: %s\n", i, ename(errno));
    t(open("", O_CREAT | O_WRONLY, 0600));
    t(open("x/", O_CREAT | O_WRONLY, 0600));
    t(open("d/.", O_CREAT | O_WRONLY, 0600));
    t(open("d/..", O_WRONLY));
    t(mkfifo("d/", 0600));
    t(mkfifo("x/", 0600));
    t(link("f", "y/"));
    t(link("d/", "y"));
    t(rename("f", "y/"));
    t(symlink("f", "y/"));
    return 0;
}

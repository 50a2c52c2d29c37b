/* chdir(2), fchdir(2), getcwd(2), chroot(2): moves, links in the way, deleted directories, permissions, roots inside roots, descriptors that
 * reach out, per-process effect. */
#include "../guest.h"

static size_t base_len;
static void here(const char *what)
{
    char b[4096];
    if (!getcwd(b, sizeof b)) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %s\n", what, strlen(b) >= base_len && base_len && !strncmp(b, tmp_path_, base_len) ? b + base_len : b);
}

int main(void)
{
    fresh();
    base_len = strlen(xmkdtemp());
    char b[4096];
    mkdir("a", 0755);
    mkdir("a/b", 0755);
    mkdir("a/b/c", 0755);
    put("f", "");
    symlink("a/b", "l");
    symlink("loop", "loop");
    t(chdir("a/b"));
    here("down");
    t(chdir(".."));
    here("up");
    t(chdir("../l"));
    here("through a link");
    t(chdir("../../f"));
    t(chdir("none"));
    t(chdir(""));
    t(chdir("../../loop"));
    here("unchanged");
    int top = must(open("../..", O_RDONLY | O_DIRECTORY)), file = must(open("../../f", O_RDONLY)), path = must(open("c", O_PATH));
    t(fchdir(top));
    here("fchdir");
    t(fchdir(file));
    t(fchdir(99));
    t(fchdir(path));
    here("fchdir of O_PATH");
    fchdir(top);
    t(syscall(SYS_getcwd, b, 1));
    v(syscall(SYS_getcwd, b, sizeof b) == (long)base_len + 1);
    v(getcwd(b, base_len) == 0 && errno == ERANGE);
    v(getcwd(b, base_len + 1) != 0);
    t(syscall(SYS_getcwd, 0, 100) == -1);

    say("-- a deleted directory\n");
    mkdir("gone", 0755);
    chdir("gone");
    int gone = open(".", O_RDONLY);
    rmdir("../gone");
    here("deleted");
    t(open("x", O_CREAT | O_WRONLY, 0600));
    t(mkdir("x", 0700));
    t(open(".", O_RDONLY) >= 0);
    t(chdir("."));
    struct stat st;
    t(stat(".", &st));
    say("nlink %d\n", (int)st.st_nlink);
    t(rmdir("."));
    t(chdir(".."));
    here("its parent");
    t(fchdir(gone));
    here("back in it");
    ssize_t n = readlink("/proc/self/cwd", b, sizeof b - 1);
    b[n] = 0;
    say("/proc/self/cwd: %s\n", b + base_len);
    fchdir(top);
    say("-- renamed below\n");
    chdir("a/b/c");
    rename("../../../a", "../../../z");
    here("after rename");
    fchdir(top);
    rename("z", "a");
    pid_t p = spawn({ chdir("a"); here("child"); });
    reap(p, "child");
    here("parent");
    chmod("a", 0600);
    p = spawn({ setuid(1000); t(chdir("a")); t(chdir("a/b")); });
    reap(p, "no search permission");
    chmod("a", 0755);
    p = spawn({ chdir("a"); chmod(".", 0); setuid(1000); here("unreadable"); t(chdir(".")); t(open("b", O_RDONLY)); t(chdir("..")); });
    reap(p, "inside");
    chmod("a", 0755);

    say("-- chroot\n");
    symlink("/b", "a/abs");
    symlink("../../..", "a/up");
    put("a/inside", "in the new root");
    p = spawn({
        int out = open(".", O_RDONLY);
        t(chroot("a"));
        here("cwd is outside");
        t(chdir("/"));
        base_len = 0;
        here("root");
        cat("/inside");
        cat("/../../inside");
        cat("abs/../inside");
        t(chdir("up"));
        here("a link up stays");
        t(access("/bin", F_OK));
        t(fchdir(out));
        here("through a descriptor");
        t(access("a/inside", F_OK));
        t(chdir("/b"));
        here("b");
        t(chroot("none"));
        t(chroot("/inside"));
        t(execl("/bin/true", "true", NULL));
    });
    reap(p, "chrooted");
    p = spawn({ chroot("a"); chdir("/"); setuid(1000); t(chroot(".")); });
    reap(p, "user");
    here("outside again");
    return 0;
}

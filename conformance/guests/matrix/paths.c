// Every call that takes a path, with every shape a path can have: empty, slashes behind, dots, components that are missing,
// no directories, loops, too long; pointers to nothing. path_resolution(7).
#include "calls.h"

int main(void)
{
    static char long_name[300], long_path[5000], max_path[4097], name255[300];
    world();
    memset(long_name, 'n', 256);
    memset(name255, 'n', 255);
    for (int i = 0; i < 4500; i += 2) memcpy(long_path + i, "./", 2);
    for (int i = 0; i < 4094; i += 2) memcpy(max_path + i, "./", 2);
    strcpy(max_path + 4094, "f");
    const struct { const char *name, *path; } shapes[] = {
        { "empty", "" }, { "file", "f" }, { "file/", "f/" }, { "file//", "f//" }, { "file/.", "f/." }, { "file/..", "f/.." },
        { "file/x", "f/x" }, { "dir", "d" }, { "dir/", "d/" }, { "dir/.", "d/." }, { "dir/..", "d/.." }, { "dir//", "d//" },
        { "missing", "m" }, { "missing/", "m/" }, { "missing/x", "m/x" }, { "missing/.", "m/." }, { "missing/..", "m/.." },
        { "link-file", "lf" }, { "link-file/", "lf/" }, { "link-file/.", "lf/." }, { "link-dir", "ld" }, { "link-dir/", "ld/" },
        { "link-dir/.", "ld/." }, { "link-dir/..", "ld/.." }, { "dangling", "dl" }, { "dangling/", "dl/" }, { "dangling/x", "dl/x" },
        { "loop", "lo" }, { "loop/", "lo/" }, { "loop/x", "lo/x" }, { "loop/.", "lo/." }, { "long-name", long_name },
        { "name255", name255 }, { "long-path", long_path }, { "max-path", max_path }, { ".", "." }, { "..", ".." }, { "/", "/" },
        { "//", "//" }, { "dir/new", "d/new" }, { "dir/new/", "d/new/" }, { "link-new", "ln" }, { "link-new/", "ln/" },
        { "full", "full" }, { "full/", "full/" }, { "link-slash", "lfs" }, { "null", 0 }, { "bad", (char *)8 },
        { "fifo", "p" }, { "fifo/", "p/" }, { "fifo/x", "p/x" }, { "40-links", "k40" }, { "41-links", "k41" }, { "mountpoint", "mnt" },
        { "mountpoint/", "mnt/" }, { "mountpoint/..", "mnt/.." },
    };
    must(mkdir("mnt", 0755));
    must(mount("over", "mnt", "tmpfs", 0, "mode=755"));
    for (int c = 0; c < COUNT(calls); c++)
        for (int s = 0; s < COUNT(shapes); s++) {
            if (!take()) continue;
            /* umount works on the mount point; the rest of the world can be lost to no call. */
            if (!strncmp(shapes[s].name, "mountpoint", 10) && calls[c].call == c_umount_) continue;
            if (shapes[s].path && shapes[s].path != (char *)8 &&
                (!strcmp(shapes[s].path, "/") || !strcmp(shapes[s].path, "//") || !strcmp(shapes[s].path, "..")) &&
                (!strncmp(calls[c].name, "ch", 2) || !strncmp(calls[c].name, "lch", 3) || strstr(calls[c].name, "xattr") ||
                 strstr(calls[c].name, "utimes") || strstr(calls[c].name, "tmpfile") || calls[c].call == c_umount_)) continue;
            if ((c_bind_ == calls[c].call || c_connect_ == calls[c].call) &&
                (!shapes[s].path || shapes[s].path == (char *)8 || strlen(shapes[s].path) > 90)) continue;
            static const char *const names[] = { "f", "d", "m", "lf", "ld", "dl", "lo", "ln", "full", "lfs", "p", "dn", "k40", "k41" };
            for (int i = 0; i < COUNT(names); i++) wipe(names[i]);
            wipe(name255);
            for (int i = 0; i <= 41; i++) { char n[8]; snprintf(n, sizeof n, "k%d", i); unlink(n); }
            second_dir();
            must(chmod(".", 0755)); must(chown(".", 0, 0));
            put("f", "content\n");
            must(mkdir("d", 0755)); must(mkdir("full", 0755)); put("full/x", "");
            must(symlink("f", "lf")); must(symlink("d", "ld")); must(symlink("nothing", "dl")); must(symlink("lo", "lo"));
            must(symlink("dn", "ln")); must(symlink("f/", "lfs"));
            must(mkfifo("p", 0644));
            must(symlink("f", "k1"));
            for (int i = 2; i <= 41; i++) {
                char a[8], b[8];
                snprintf(a, sizeof a, "k%d", i); snprintf(b, sizeof b, "k%d", i - 1);
                must(symlink(b, a));
            }
            age("f"); age("d"); age(".");
            errno = 0;
            long r = calls[c].call(shapes[s].path);
            add("%s %s", calls[c].name, shapes[s].name);
            add_result(r);
            add_state("f", "f"); add_state("d", "d"); add_state("dn", "dn"); add_state("lf", "lf");
            add("\n");
        }
    return 0;
}

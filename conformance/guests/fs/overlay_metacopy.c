// Overlays with metacopy=on: which changes copy content and which attributes alone, renamed and linked copies, layers of such copies, and verity.
#include "overlay.h"

static void look(const char *path)
{
    struct stat st;
    char text[256];
    if (lstat(path, &st) < 0) { say("%s: %s\n", path, ename(errno)); return; }
    int fd = open(path, O_RDONLY), n = fd < 0 ? -errno : (int)read(fd, text, sizeof text);
    if (fd >= 0) close(fd);
    say("%s: mode %o uid %d size %ld blocks %ld links %ld, reads %.*s\n", path, st.st_mode, st.st_uid, (long)st.st_size, (long)st.st_blocks,
        (long)st.st_nlink, n < 0 ? (int)strlen(ename(-n)) : n > 20 ? 20 : n, n < 0 ? ename(-n) : text);
}
static int rm(const char *p, const struct stat *st, int type, struct FTW *f) { (void)st; (void)type; (void)f; return remove(p); }
static void remove_tree(const char *p) { nftw(p, rm, 16, FTW_DEPTH | FTW_PHYS); }
static void wiped(void)
{
    umount2("m", MNT_DETACH);
    remove_tree("u"); remove_tree("w");
    must(mkdir("u", 0755)); must(mkdir("w", 0755));
}

static void files(void)
{
    put("l2/a", "a of l2"); put("l2/b", "b of l2"); put("l2/c", "c"); put("l2/none", ""); put("l2/d", "d of l2"); put("l2/e", "e of l2");
    put("l1/over", "over of l1"); put("l2/over", "over of l2");
    put("l2/h1", "linked"); link("l2/h1", "l2/h2");
    mkdir("l2/dir", 0755); put("l2/dir/f", "f in dir"); put("l2/dir/g", "g in dir"); mkdir("l2/to", 0755);
    symlink("a", "l2/sym");
    char big[20000];
    memset(big, 'x', sizeof big);
    int fd = must(open("l2/big", O_CREAT | O_WRONLY, 0644));
    (void)!write(fd, big, sizeof big);
    close(fd);
    must(setxattr("l2/e", "user.note", "kept", 4, 0));
}

/* Where the names of an indexed file lie is each kernel's own. */
static void upper(const char *options) { if (!strstr(options, "index=on")) tree("u"); }

static void changes(const char *options)
{
    struct stat st, was;
    char text[64];
    say("-- %s\n", options);
    t(ovl("m", options));
    overlays("mounted");
    t(chmod("m/a", 0600));
    look("m/a"); look("u/a");
    t(chown("m/big", 7, 8));
    look("m/big"); look("u/big");
    t(setxattr("m/e", "user.more", "1", 1, 0));
    look("u/e");
    t(utimensat(AT_FDCWD, "m/none", (struct timespec[]){ { 1000, 0 }, { 2000, 0 } }, 0));
    look("m/none");
    t(chmod("m/over", 0640));
    look("m/over");
    t(lchown("m/sym", 3, 3));
    upper(options);
    // One that was open before goes on with what it was.
    int r = must(open("m/a", O_RDONLY)), w;
    must(stat("m/a", &was));
    w = must(open("m/a", O_WRONLY | O_APPEND));
    t(write(w, "+more", 5));
    close(w);
    int n = read(r, text, sizeof text);
    say("read %.*s\n", n, text);
    close(r);
    must(stat("m/a", &st));
    v(st.st_ino == was.st_ino);
    look("m/a"); look("u/a");
    must(stat("m/big", &was));
    close(must(open("m/big", O_RDWR)));
    must(stat("m/big", &st));
    v(st.st_size == was.st_size);
    look("m/big");
    t(chmod("m/b", 0611)); t(truncate("m/b", 3)); look("m/b"); look("u/b");
    t(chmod("m/d", 0611));
    close(must(open("m/d", O_WRONLY | O_TRUNC)));
    look("m/d");
    // Elsewhere and under other names.
    t(chmod("m/c", 0700)); t(rename("m/c", "m/c2")); look("m/c2");
    t(rename("m/c2", "m/c3")); look("m/c3");
    t(rename("m/dir/f", "m/to/moved")); look("m/to/moved"); t(rename("m/to/moved", "m/to/again")); look("m/to/again");
    t(chmod("m/dir/g", 0600)); t(rename("m/dir", "m/dir2")); look("m/dir2/g");
    t(link("m/e", "m/e2")); look("m/e2"); look("m/e");
    t(chmod("m/h1", 0604)); look("m/h1"); look("m/h2");
    t(link("m/h2", "m/h3")); look("m/h3");
    t(link("m/dir2/g", "m/g-linked")); look("m/g-linked");
    upper(options);
    // Looked up anew.
    umount("m");
    t(ovl("m", options));
    tree("m");
    look("m/c3"); look("m/to/again"); look("m/dir2/g"); look("m/e2"); look("m/g-linked"); look("m/over"); look("m/h1"); look("m/none");
    put("m/c3", "now here"); look("m/c3"); look("l2/c");
    w = must(open("m/to/again", O_WRONLY | O_APPEND));
    t(write(w, "!", 1));
    close(w);
    look("m/to/again");
    t(unlink("m/g-linked")); t(unlink("m/e")); look("m/e2");
    char *p = mmap(0, 4096, PROT_READ, MAP_SHARED, w = must(open("m/e2", O_RDONLY)), 0);
    say("mapped %.5s\n", p == MAP_FAILED ? "not" : p);
    close(w);
    upper(options);
}

/* What such an overlay left, as a lower layer, and without the option. */
static void layers(void)
{
    say("-- layers\n");
    umount("m");
    remove_tree("u2"); remove_tree("w2");
    mkdir("u2", 0755); mkdir("w2", 0755);
    t(ovl("m", "lowerdir=u:l1:l2,upperdir=u2,workdir=w2,metacopy=on"));
    look("m/over"); look("m/e2"); look("m/dir2/g"); look("m/none"); look("m/h1");
    t(chmod("m/dir2/g", 0666)); look("m/dir2/g"); look("u2/dir2/g");
    int w = must(open("m/e2", O_WRONLY | O_APPEND));
    t(write(w, "!", 1));
    close(w);
    look("m/e2");
    tree("u2");
    umount("m");
    t(ovl("m", "lowerdir=u:l1:l2,upperdir=u2,workdir=w2,metacopy=off"));
    look("m/over"); look("m/e2"); look("m/dir2/g"); look("m/none"); look("m/c3");
    umount("m");
    t(ovl("m", "lowerdir=l1:l2,upperdir=u,workdir=w"));
    look("m/over"); look("m/none"); look("m/c3"); look("m/dir2/g");
    umount("m");
    // Nothing below that has it.
    t(ovl("m", "lowerdir=l3,upperdir=u,workdir=w,metacopy=on"));
    look("m/over"); look("m/none"); look("m/c3");
    umount("m");
    t(ovl("m", "lowerdir=u:l3,metacopy=on"));
    look("m/over"); look("m/none"); look("m/c3");
    umount("m");
    // Not for everybody's attributes.
    put("u2/plain", "plain");
    t(setxattr("u2/plain", "user.overlay.metacopy", "", 0, 0));
    t(ovl("m", "lowerdir=l1:l2,upperdir=u2,workdir=w2,userxattr"));
    look("m/plain"); look("m/over");
    umount("m");
}

static void digests(void)
{
    static const char *const options[] = { "verity=on", "verity=require", "verity=off", "verity=maybe", "verity=on,metacopy=off",
        "verity=on,redirect_dir=off", "verity=require,userxattr" };
    say("-- digests\n");
    for (int i = 0; i < COUNT(options); i++) {
        char text[256];
        wiped();
        snprintf(text, sizeof text, "lowerdir=l1:l2,upperdir=u,workdir=w,%s", options[i]);
        say("%s\n", text);
        if (ovl("m", text) < 0) { say("  %s\n", ename(errno)); continue; }
        overlays("mounted");
        t(chmod("m/b", 0600));
        look("m/b"); look("u/b");
        tree("u");
    }
    // Without a digest it will do, if none is required.
    wiped();
    must(ovl("m", "lowerdir=l1:l2,upperdir=u,workdir=w,metacopy=on"));
    t(chmod("m/b", 0600)); t(chmod("m/over", 0600));
    umount("m");
    t(ovl("m", "lowerdir=l1:l2,upperdir=u,workdir=w,verity=on"));
    look("m/b");
    umount("m");
    t(ovl("m", "lowerdir=l1:l2,upperdir=u,workdir=w,verity=require"));
    look("m/b");
    t(open("m/b", O_WRONLY)); t(truncate("m/over", 1)); t(chmod("m/over", 0644));
    umount("m");
}

int main(void)
{
    fresh();
    need_overlays();
    xmkdtemp();
    must(unshare(CLONE_NEWNS));
    start();
    files();
    changes("lowerdir=l1:l2,upperdir=u,workdir=w,metacopy=on");
    layers();
    wiped();
    changes("lowerdir=l1:l2,upperdir=u,workdir=w,metacopy=on,index=on");
    digests();
    return 0;
}

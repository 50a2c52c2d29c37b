/* nftw(3), fts(3), mkdirat(2), getdents64(2): a tree of some hundred files made, walked both ways, counted, moved as a whole, linked, chmoded, found by find(1) and
 * packed by tar(1), removed; moves between its directories; loops of links. */
#include "../guest.h"
#include <fts.h>

static int files, dirs, links_, depth;
static long bytes;
static int visit(const char *p, const struct stat *st, int type, struct FTW *f)
{
    (void)p;
    if (type == FTW_F) { files++; bytes += st->st_size; }
    if (type == FTW_D || type == FTW_DP) dirs++;
    if (type == FTW_SL || type == FTW_SLN) links_++;
    if (f->level > depth) depth = f->level;
    return 0;
}
static void walk(const char *p, int flags)
{
    files = dirs = links_ = depth = 0;
    bytes = 0;
    int r = nftw(p, visit, 8, flags);
    say("walk: %d, files %d dirs %d links %d depth %d bytes %ld\n", r, files, dirs, links_, depth, bytes);
}
static void make(int at, int level)
{
    char name[32], text[64];
    for (int i = 0; i < 10; i++) {
        snprintf(name, 32, "file-%d", i);
        int fd = openat(at, name, O_CREAT | O_WRONLY | O_EXCL, 0644);
        write(fd, text, snprintf(text, 64, "level %d file %d\n", level, i));
        close(fd);
    }
    symlinkat("file-0", at, "link");
    if (level == 2) return;
    for (int i = 0; i < 4; i++) {
        snprintf(name, 32, "dir-%d", i);
        if (mkdirat(at, name, 0755) < 0) die("mkdirat");
        int d = openat(at, name, O_RDONLY | O_DIRECTORY);
        make(d, level + 1);
        close(d);
    }
}
static int ordered(const FTSENT **a, const FTSENT **b) { return strcmp((*a)->fts_name, (*b)->fts_name); }
static void sh(const char *cmd)
{
    pid_t p = spawn({ dup2(1, 2); setenv("LC_ALL", "C", 1); execl("/bin/sh", "sh", "-c", cmd, NULL); });
    int st;
    waitpid(p, &st, 0);
    if (st) say_status(cmd, st);
}

int main(void)
{
    fresh();
    xmkdtemp();
    mkdir("t", 0755);
    int top = open("t", O_RDONLY);
    make(top, 0);
    walk("t", FTW_PHYS);
    walk("t", FTW_PHYS | FTW_DEPTH);
    walk("t", 0);
    char *roots[] = { "t", 0 };
    FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, ordered);
    unsigned long h = 5381;
    int pre = 0, post = 0;
    for (FTSENT *e; (e = fts_read(f));) {
        pre += e->fts_info == FTS_D;
        post += e->fts_info == FTS_DP;
        for (char *c = e->fts_path; *c; c++) h = h * 33 + *c;
    }
    fts_close(f);
    say("fts: before %d after %d, names %lx\n", pre, post, h & 0xffffff);
    say("-- moved as a whole, while open\n");
    mkdir("other", 0755);
    t(rename("t", "other/moved"));
    walk("other", FTW_PHYS);
    int fd = openat(top, "dir-2/dir-3/file-5", O_RDONLY);
    slurp("through the old descriptor", fd);
    t(rename("other/moved/dir-0", "other/moved/dir-1/dir-0x"));
    t(rename("other/moved/dir-1", "other/moved/dir-1/dir-0x/in"));
    t(rename("other/moved/dir-2", "other/moved/dir-3/dir-0"));
    walk("other", FTW_PHYS);
    say("-- by other programs\n");
    sh("find other -type f | wc -l | tr -d ' '; find other -type l | wc -l | tr -d ' '; find other -name 'file-7' -path '*dir-3*' | sort | tail -2");
    sh("du -a other | wc -l | tr -d ' '; grep -rl 'level 2 file 9' other | wc -l | tr -d ' '; ls -R other | wc -l | tr -d ' '");
    sh("tar cf a.tar other && tar tf a.tar | wc -l | tr -d ' '; mkdir x && tar xf a.tar -C x && diff -r other x/other && echo the same");
    sh("cp -a other y && diff -r other y && echo copied; chmod -R go-rwx y; find y -perm /077 ! -type l | wc -l | tr -d ' '; mv y z; ls -d y z");
    sh("find z -type f -delete; find z -type f | wc -l | tr -d ' '; rm -r z; ls -d z");
    say("-- a loop of directory links\n");
    symlink("..", "other/up");
    symlink("up", "other/loop");
    fd = open("other/loop/other/up/other/loop/a.tar", O_RDONLY);
    v(fd > 0);
    files = 0;
    walk("other", FTW_PHYS);
    say("-- every mode once\n");
    int wrong = 0;
    put("m", "");
    for (int i = 0; i < 512; i++) { struct stat st; chmod("m", i); stat("m", &st); wrong += (st.st_mode & 07777) != (mode_t)i; }
    v(wrong);
    return 0;
}

/* open(2) O_EXCL, link(2), rename(2), mkdir(2), unlink(2) from many processes at once: exactly one wins, a name always leads to a whole file, counters in
 * files under lock stay right, directories lose nothing. */
#include "../guest.h"
#include <sys/file.h>

static int *won;
static int all(int n, int (*fn)(int, int), int rounds)
{
    *won = 0;
    for (int i = 0; i < n; i++) spawn({ for (int r = 0; r < rounds; r++) if (fn(i, r)) __atomic_add_fetch(won, 1, __ATOMIC_SEQ_CST); });
    int bad = 0, st;
    while (wait(&st) > 0) bad += st != 0;
    if (bad) say("children that failed: %d\n", bad);
    return *won;
}
static char name[64];
static const char *nm(const char *f, int r) { snprintf(name, 64, f, r); return name; }
static int excl(int i, int r) { (void)i; int fd = open(nm("excl-%d", r), O_CREAT | O_EXCL | O_WRONLY, 0600); if (fd >= 0) close(fd); return fd >= 0; }
static int dirs(int i, int r) { (void)i; return mkdir(nm("dir-%d", r), 0700) == 0; }
static int links(int i, int r) { (void)i; return link("base", nm("link-%d", r)) == 0; }
static int syms(int i, int r) { (void)i; return symlink("base", nm("sym-%d", r)) == 0; }
static int rms(int i, int r) { (void)i; return unlink(nm("excl-%d", r)) == 0; }
static int rmds(int i, int r) { (void)i; return rmdir(nm("dir-%d", r)) == 0; }
static int moves(int i, int r) { char to[64]; snprintf(to, 64, "moved-%d-%d", r, i); return rename(nm("link-%d", r), to) == 0; }
static int noreplace(int i, int r) { char from[64]; snprintf(from, 64, "own-%d-%d", i, r); close(open(from, O_CREAT | O_WRONLY, 0600)); int k = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, nm("target-%d", r), 1) == 0; unlink(from); return k; }
/* Writers replace a file by rename; every reader sees one whole version. */
static int replace(int i, int r)
{
    char tmp[64], b[3000];
    if (i < 2) {
        snprintf(tmp, 64, "tmp-%d", i);
        int fd = open(tmp, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        memset(b, 'A' + (i * 50 + r) % 26, sizeof b);
        write(fd, b, sizeof b);
        close(fd);
        rename(tmp, "current");
        return 0;
    }
    int fd = open("current", O_RDONLY);
    if (fd < 0) return 1;
    ssize_t n = read(fd, b, sizeof b);
    close(fd);
    if (n != sizeof b) return 1;
    for (int k = 1; k < (int)sizeof b; k++) if (b[k] != b[0]) return 1;
    return 0;
}
static int counted(int i, int r)
{
    char b[16] = { 0 };
    (void)i;
    (void)r;
    int fd = open("counter", O_RDWR);
    flock(fd, LOCK_EX);
    read(fd, b, 15);
    int k = snprintf(b, 16, "%d", atoi(b) + 1);
    pwrite(fd, b, k, 0);
    close(fd);
    return 1;
}
static int counted_fcntl(int i, int r)
{
    char b[16] = { 0 };
    (void)i;
    (void)r;
    int fd = open("counter", O_RDWR);
    struct flock l = { .l_type = F_WRLCK };
    fcntl(fd, F_SETLKW, &l);
    read(fd, b, 15);
    int k = snprintf(b, 16, "%d", atoi(b) + 1);
    pwrite(fd, b, k, 0);
    close(fd);
    return 1;
}
static int churn(int i, int r)
{
    char a[64], b[64];
    snprintf(a, 64, "d/%d-%d", i, r);
    snprintf(b, 64, "d/%d-%d.x", i, r);
    close(open(a, O_CREAT | O_WRONLY, 0600));
    if (rename(a, b) < 0) return 0;
    return r % 3 ? 1 : unlink(b) == 0;
}
static int entries(const char *p)
{
    DIR *d = opendir(p);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int main(void)
{
    fresh();
    xmkdtemp();
    won = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    put("base", "x");
    say("O_EXCL %d\n", all(4, excl, 50));
    say("mkdir %d\n", all(4, dirs, 50));
    say("link %d\n", all(4, links, 50));
    say("symlink %d\n", all(4, syms, 50));
    struct stat st;
    stat("base", &st);
    v(st.st_nlink);
    say("unlink %d\n", all(4, rms, 50));
    say("rmdir %d\n", all(4, rmds, 50));
    say("rename away %d\n", all(4, moves, 50));
    stat("base", &st);
    v(st.st_nlink);
    say("RENAME_NOREPLACE %d\n", all(4, noreplace, 30));
    put("current", "");
    char b[3000];
    memset(b, 'z', sizeof b);
    int fd = open("current", O_WRONLY);
    write(fd, b, sizeof b);
    close(fd);
    say("broken reads %d\n", all(5, replace, 100));
    put("counter", "0");
    all(4, counted, 100);
    cat("counter");
    put("counter", "0");
    all(4, counted_fcntl, 100);
    cat("counter");
    mkdir("d", 0755);
    say("churn %d\n", all(4, churn, 60));
    v(entries("d"));
    stat("d", &st);
    v(S_ISDIR(st.st_mode));
    return 0;
}

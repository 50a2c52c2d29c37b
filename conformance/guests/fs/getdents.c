/* getdents64(2), readdir(3), telldir(3): all names once, types, small buffers, rewinding, seeking, changes while reading, removed directories. */
#include "../guest.h"

struct d64 { uint64_t ino; int64_t off; unsigned short len; unsigned char type; char name[]; };

static int seen[2000];
static int count(int fd, size_t buf, int *calls)
{
    static char b[65536];
    int n = 0;
    long r;
    memset(seen, 0, sizeof seen);
    *calls = 0;
    while ((r = syscall(SYS_getdents64, fd, b, buf)) > 0) {
        ++*calls;
        for (long o = 0; o < r;) {
            struct d64 *d = (void *)(b + o);
            if (d->len % 8 || d->len < 24 || o + d->len > r) say("a bad record\n");
            int i;
            if (sscanf(d->name, "file-%d", &i) == 1) seen[i]++;
            n++;
            o += d->len;
        }
    }
    if (r < 0) say("  ended with %s\n", ename(errno));
    return n;
}
static int once(int from, int to) { int n = 0; for (int i = from; i < to; i++) n += seen[i] == 1; return n; }

int main(void)
{
    fresh();
    xmkdtemp();
    mkdir("d", 0755);
    char name[32];
    int calls;
    for (int i = 0; i < 1000; i++) { snprintf(name, 32, "d/file-%d", i); close(open(name, O_CREAT | O_WRONLY, 0600)); }
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    int n = count(fd, 65536, &calls);
    say("entries %d, each once %d\n", n, once(0, 1000));
    n = count(fd, 65536, &calls);
    say("at the end %d\n", n);
    t(lseek(fd, 0, SEEK_SET));
    n = count(fd, 200, &calls);
    say("small buffer: entries %d, each once %d, many calls %d\n", n, once(0, 1000), calls > 100);
    lseek(fd, 0, SEEK_SET);
    char b[4096];
    t(syscall(SYS_getdents64, fd, b, 10));
    t(syscall(SYS_getdents64, fd, b, 0));
    t(syscall(SYS_getdents64, fd, 8, 4096));
    int f = open("d/file-1", O_RDONLY);
    t(syscall(SYS_getdents64, f, b, 4096));
    t(syscall(SYS_getdents64, 99, b, 4096));
    t(read(fd, b, 10));
    t(write(fd, b, 10));
    t(syscall(SYS_getdents, fd, b, 4096) > 0);

    say("-- types\n");
    mkdir("t", 0755);
    mkdir("t/dir", 0755);
    put("t/file", "");
    symlink("x", "t/link");
    mkfifo("t/fifo", 0600);
    DIR *d = opendir("t");
    int types[16] = { 0 }, dots = 0;
    for (struct dirent *e; (e = readdir(d));) { types[e->d_type & 15]++; dots += e->d_name[0] == '.'; struct stat st; if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && e->d_name[0] != '.' && st.st_ino != e->d_ino) say("inode differs\n"); }
    say("dirs %d files %d links %d fifos %d dots %d\n", types[DT_DIR], types[DT_REG], types[DT_LNK], types[DT_FIFO], dots);
    rewinddir(d);
    n = 0;
    while (readdir(d)) n++;
    say("again %d\n", n);

    say("-- seeking back to a told place\n");
    d = opendir("d");
    char third[64] = "";
    long where = 0;
    for (int i = 0; i < 500; i++) { if (i == 300) where = telldir(d); struct dirent *e = readdir(d); if (i == 300) strcpy(third, e->d_name); }
    seekdir(d, where);
    struct dirent *e = readdir(d);
    say("the same entry %d\n", !strcmp(third, e->d_name));
    closedir(d);

    say("-- changes while reading\n");
    lseek(fd, 0, SEEK_SET);
    syscall(SYS_getdents64, fd, b, 1000);
    for (int i = 0; i < 1000; i += 2) { snprintf(name, 32, "d/file-%d", i); unlink(name); }
    n = count(fd, 65536, &calls);
    int dup = 0;
    for (int i = 0; i < 1000; i++) dup += seen[i] > 1;
    say("after removal: twice %d\n", dup);
    lseek(fd, 0, SEEK_SET);
    n = count(fd, 65536, &calls);
    say("rewound: entries %d\n", n);
    /* rm -r style: unlink each name while reading. */
    d = opendir("d");
    n = 0;
    while ((e = readdir(d))) if (e->d_name[0] != '.') n += unlinkat(dirfd(d), e->d_name, 0) == 0;
    say("removed %d\n", n);
    t(rmdir("d"));
    lseek(fd, 0, SEEK_SET);
    n = count(fd, 65536, &calls);
    say("a removed directory: %d\n", n);
    t(openat(fd, "x", O_CREAT | O_WRONLY, 0600));
    t(openat(fd, ".", O_RDONLY) >= 0);
    return 0;
}

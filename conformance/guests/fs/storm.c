/* rename(2), renameat2(2) RENAME_EXCHANGE, open, getdents and stat from many threads at once, over nested directories: nothing is lost, nothing
 * doubled, no directory ends up inside itself. A directory of 100,000 entries, listed while half of it is removed: what stays is seen once. */
// kernel: fresh -- mounts
#include "../guest.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

enum { THREADS = 8, DIRS = 12, FILES = 40, ROUNDS = 1500, MANY = 100000 };
static unsigned next(unsigned *s) { return *s = *s * 1664525u + 1013904223u, *s >> 8; }

/* A random path of one to three components, from names that exist somewhere. */
static void place(unsigned *s, char *out, int n)
{
    int depth = 1 + next(s) % 3;
    *out = 0;
    for (int i = 0; i < depth; i++) {
        char part[16];
        if (i == depth - 1) snprintf(part, 16, next(s) % 2 ? "f%d" : "d%d", next(s) % (next(s) % 2 ? FILES : DIRS));
        else snprintf(part, 16, "d%d/", next(s) % DIRS);
        strncat(out, part, n - strlen(out) - 1);
    }
}
static void *storm(void *arg)
{
    unsigned s = (unsigned)(long)arg * 2654435761u + 1;
    long done = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char a[64], b[64];
        struct stat st;
        place(&s, a, 64);
        place(&s, b, 64);
        switch (next(&s) % 6) {
        case 0: case 1: done += syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 1) == 0; break;
        case 2: case 3: done += syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2) == 0; break;
        case 4: { int fd = open(a, O_RDONLY); char c[8]; if (fd >= 0) { if (read(fd, c, 8) == 0) say("an empty file\n"); close(fd); } break; }
        default: { DIR *d = opendir(a); if (d) { while (readdir(d)) {} closedir(d); } lstat(b, &st); }
        }
    }
    return (void *)done;
}
static int files[FILES], dirs[DIRS], depth;
static void walk(void)
{
    DIR *d = opendir(".");
    if (++depth > DIRS + 1) { say("deeper than there are directories\n"); _exit(1); }
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        struct stat st;
        must(lstat(e->d_name, &st));
        if (S_ISDIR(st.st_mode)) {
            char id[16] = { 0 };
            must(chdir(e->d_name));
            /* Each directory holds a file that tells which it is. */
            int fd = must(open(".id", O_RDONLY));
            must(read(fd, id, 15));
            close(fd);
            dirs[atoi(id)]++;
            walk();
            must(chdir(".."));
        } else {
            char id[16] = { 0 };
            int fd = must(open(e->d_name, O_RDONLY));
            must(read(fd, id, 15));
            close(fd);
            files[atoi(id)]++;
        }
    }
    depth--;
    closedir(d);
}
static unsigned char seen[MANY];

int main(void)
{
    fresh();
    const char *dir = xmkdtemp();
    /* In memory on both sides: a disk would take minutes for it. */
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
    must(mount("none", dir, "tmpfs", 0, 0));
    must(chdir(dir));
    must(mkdir("storm", 0755));
    must(chdir("storm"));
    for (int i = 0; i < DIRS; i++) { char p[32], t[16]; sprintf(p, "d%d", i); must(mkdir(p, 0755)); sprintf(p, "d%d/.id", i); sprintf(t, "%d", i); put(p, t); }
    for (int i = 0; i < FILES; i++) { char p[32], t[16]; sprintf(p, i % 2 ? "f%d" : "d%d/f%d", i % 2 ? i : i % DIRS, i); sprintf(t, "%d", i); put(p, t); }
    pthread_t t[THREADS];
    long done = 0;
    for (long i = 0; i < THREADS; i++) must(-pthread_create(&t[i], 0, storm, (void *)i));
    for (int i = 0; i < THREADS; i++) { void *r; pthread_join(t[i], &r); done += (long)r; }
    say("something was renamed: %d\n", done > 100);
    walk();
    int bad = 0;
    for (int i = 0; i < FILES; i++) bad += files[i] != 1;
    for (int i = 0; i < DIRS; i++) bad += dirs[i] != 1;
    say("lost or doubled: %d\n", bad);

    must(chdir(".."));
    must(mkdir("many", 0755));
    must(chdir("many"));
    for (int i = 0; i < MANY; i++) { char p[32]; sprintf(p, "entry-%d", i); must(mknod(p, S_IFREG | 0600, 0)); }
    int fd = must(open(".", O_RDONLY | O_DIRECTORY)), turn = 0;
    char buf[8192];
    for (long n; (n = must(syscall(SYS_getdents64, fd, buf, sizeof buf))) > 0; turn++) {
        for (long at = 0; at < n; at += *(unsigned short *)(buf + at + 16)) {
            int i = atoi(buf + at + 19 + 6);
            if (buf[at + 19] != '.') seen[i]++;
        }
        /* Odd ones go, from both ends. */
        for (int k = 0; k < 100; k++) { char p[32]; sprintf(p, "entry-%d", (turn * 200 + k * 2 + 1) % MANY); unlink(p); sprintf(p, "entry-%d", MANY - 1 - (turn * 200 + k * 2) % MANY); unlink(p); }
    }
    int missing = 0, twice = 0;
    for (int i = 0; i < MANY; i++) { if (i % 2 == 0) missing += seen[i] == 0; twice += seen[i] > 1; }
    say("missing %d, twice %d\n", missing, twice);
    close(fd);
    must(chdir("/"));
    must(umount2(dir, MNT_DETACH));
    return 0;
}

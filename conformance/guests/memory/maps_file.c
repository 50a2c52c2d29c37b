/* proc(5) /proc/self/maps, smaps, statm: each map's range, permissions, offset, name and the merging of neighbours; what follows munmap,
 * mprotect and mremap; names of heap, stack, vdso. */
#include "../guest.h"

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
static char buf[1 << 20];
static void load(const char *path)
{
    int fd = must(open(path, O_RDONLY));
    long n = 0, r;
    while ((r = read(fd, buf + n, sizeof buf - 1 - n)) > 0) n += r;
    buf[n] = 0;
    close(fd);
}
/* Print the maps inside a range, relative to its start. */
static void show_maps(const char *what, char *base, int pages)
{
    load("/proc/self/maps");
    say("%s\n", what);
    for (char *l = strtok(buf, "\n"); l; l = strtok(0, "\n")) {
        unsigned long a, b, off;
        char perm[8], name[256] = "";
        unsigned maj, min, ino;
        sscanf(l, "%lx-%lx %7s %lx %x:%x %u %255[^\n]", &a, &b, perm, &off, &maj, &min, &ino, name);
        if (b <= (unsigned long)base || a >= (unsigned long)base + pages * P) continue;
        char *slash = strrchr(name, '/');
        say("  %ld-%ld %s %lx %s inode %d\n", ((long)a - (long)base) / P, ((long)b - (long)base) / P, perm, off, slash ? slash + 1 : name, ino != 0);
    }
}

int main(void)
{
    fresh();
    xmkdtemp();
    char *area = mmap(0, 64 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *b = area + 16 * P;
    munmap(area, 64 * P);
    mmap(b, 8 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    show_maps("one map", b, 32);
    mprotect(b + 2 * P, P, PROT_READ);
    mprotect(b + 5 * P, P, PROT_NONE);
    show_maps("split by mprotect", b, 32);
    mprotect(b, 8 * P, RW);
    show_maps("merged again", b, 32);
    munmap(b + 3 * P, 2 * P);
    show_maps("a hole", b, 32);
    mmap(b + 3 * P, 2 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    show_maps("filled: merged", b, 32);
    mmap(b + 8 * P, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    int fd = open("file name", O_RDWR | O_CREAT, 0600);
    ftruncate(fd, 8 * P);
    mmap(b + 12 * P, 4 * P, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 2 * P);
    mmap(b + 16 * P, 2 * P, RW, MAP_SHARED | MAP_FIXED, fd, 0);
    mmap(b + 18 * P, 2 * P, RW, MAP_SHARED | MAP_FIXED, fd, 2 * P);
    mmap(b + 20 * P, 2 * P, RW, MAP_SHARED | MAP_FIXED, fd, 0);
    mmap(b + 22 * P, P, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0);
    mmap(b + 23 * P, P, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    show_maps("files: neighbours merge when their offsets meet", b, 32);
    munmap(b + 13 * P, P);
    mremap(b + 16 * P, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, b + 28 * P);
    show_maps("offsets after a hole and a move", b, 32);
    unlink("file name");
    show_maps("unlinked", b + 14 * P, 1);
    int mfd = syscall(SYS_memfd_create, "my memfd", 0);
    ftruncate(mfd, P);
    mmap(b + 30 * P, P, RW, MAP_SHARED | MAP_FIXED, mfd, 0);
    show_maps("memfd", b + 30 * P, 1);

    int heap = 0, stack = 0, vdso = 0, vvar = 0, exe = 0, order = 1, form = 1;
    unsigned long last = 0;
    must((long)sbrk(4096));
    load("/proc/self/maps");
    char self[512] = { 0 };
    readlink("/proc/self/exe", self, 511);
    for (char *l = strtok(buf, "\n"); l; l = strtok(0, "\n")) {
        unsigned long x, y;
        sscanf(l, "%lx-%lx", &x, &y);
        if (strstr(l, "[vsyscall]")) continue;
        if (x < last || x >= y) order = 0;
        last = y;
        char *q = strchr(l, ' ');
        if (!q || strlen(q) < 18 || strchr("r-", q[1]) == 0 || strchr("ps", q[4]) == 0) form = 0;
        heap += !!strstr(l, "[heap]");
        stack += !!strstr(l, "[stack]");
        vdso += !!strstr(l, "[vdso]");
        vvar += !!strstr(l, "[vvar]");
        exe += !!strstr(l, self);
    }
    say("order %d, form %d, heap %d, stack %d, vdso %d, vvar %d, program's maps more than 2: %d\n", order, form, heap, stack, vdso, vvar > 0, exe > 2);
    load("/proc/self/smaps");
    v(strstr(buf, "\nRss:") != 0 && strstr(buf, "\nSize:") != 0 && strstr(buf, "\nVmFlags:") != 0 && strstr(buf, "\nPss:") != 0);
    long size, size2;
    load("/proc/self/statm");
    sscanf(buf, "%ld", &size);
    char *more = mmap(0, 1000 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    load("/proc/self/statm");
    sscanf(buf, "%ld", &size2);
    say("statm counts a new map: %ld\n", size2 - size);
    munmap(more, 1000 * P);
    return 0;
}

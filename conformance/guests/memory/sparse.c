/* mmap(2), ftruncate(2): very large and thinly used maps: terabytes reserved, single pages touched, many small maps, huge sparse files
 * mapped and read, fork of all that. */
#include "../guest.h"

#define RW (PROT_READ | PROT_WRITE)
#define G (1UL << 30)

int main(void)
{
    fresh();
    xmkdtemp();
    char *r = mmap(0, 1024 * G, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    v(r != MAP_FAILED);
    for (unsigned long i = 0; i < 16; i++) {
        char *p = r + i * 63 * G;
        if (mprotect(p, 8192, RW)) die("mprotect");
        p[4095] = i + 1;
        p[4096] = i + 2;
    }
    long sum = 0;
    for (unsigned long i = 0; i < 16; i++) sum += r[i * 63 * G + 4095] * 100 + r[i * 63 * G + 4096];
    v(sum);
    t(munmap(r + G, 500 * G));
    v(r[0] == 0 && r[4095] == 1 && r[15 * 63 * G + 4095] == 16);
    t(munmap(r, 1024 * G));

    char *w = mmap(0, 8 * G, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    v(w != MAP_FAILED);
    for (int i = 0; i < 64; i++) w[i * (G / 8) + i] = i;
    pid_t p = spawn({
        sum = 0;
        for (int i = 0; i < 64; i++) { sum += w[i * (G / 8) + i]; w[i * (G / 8) + i] = 1; }
        say("child sum %ld\n", sum);
    });
    reap(p, "child");
    sum = 0;
    for (int i = 0; i < 64; i++) sum += w[i * (G / 8) + i];
    say("parent sum %ld\n", sum);
    munmap(w, 8 * G);

    say("-- a sparse file\n");
    int fd = must(open("sparse", O_RDWR | O_CREAT, 0600));
    t(ftruncate(fd, 16 * G));
    char *f = mmap(0, 16 * G, RW, MAP_SHARED, fd, 0);
    v(f != MAP_FAILED);
    f[5 * G + 5] = 'q';
    f[16 * G - 1] = 'e';
    char b[4] = { 0 };
    t(pread(fd, b, 2, 5 * G + 5));
    t(pread(fd, b + 2, 2, 16 * G - 1));
    show("read back", b, 4);
    struct stat st;
    fstat(fd, &st);
    say("size %ld, few blocks %d\n", (long)st.st_size, st.st_blocks < 10000);
    t(lseek(fd, 6 * G, SEEK_DATA) >= (long)(16 * G - 65536));
    v(f[9 * G]);
    char *last = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 16 * G - 4096);
    v(last[4095]);
    munmap(f, 16 * G);

    say("-- many maps\n");
    int n = 0;
    static char *m[2000];
    for (; n < 2000; n++) {
        m[n] = mmap(0, 2 * 4096, n % 2 ? RW : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m[n] == MAP_FAILED) break;
        if (n % 2) m[n][0] = n;
    }
    sum = 0;
    for (int i = 1; i < n; i += 2) sum += m[i][0] == (char)i;
    say("%d maps, right %ld\n", n, sum);
    char *split = mmap(0, 4096 * 1000L, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 1000; i += 2) mprotect(split + i * 4096L, 4096, PROT_READ);
    p = spawn({
        for (int i = 1; i < 1000; i += 2) split[i * 4096L] = 1;
        for (int i = 0; i < n; i++) if (munmap(m[i], 8192)) die("munmap");
        say("child unmapped all\n");
    });
    reap(p, "child");
    for (int i = 0; i < n; i++) munmap(m[i], 8192);
    t(munmap(split, 4096 * 1000L));
    say("-- 64 MB written, forked, written again by both at once\n");
    char *big = mmap(0, 64 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < 64 << 20; i += 4096) *(long *)(big + i) = i;
    p = spawn({ long bad = 0; for (long i = 0; i < 64 << 20; i += 4096) { bad += *(long *)(big + i) != i; if (i & 4096) *(long *)(big + i) = -1; } say("child: wrong %ld\n", bad); });
    for (long i = 0; i < 64 << 20; i += 8192) *(long *)(big + i) = 1;
    reap(p, "child");
    long bad = 0;
    for (long i = 0; i < 64 << 20; i += 4096) bad += *(long *)(big + i) != (i & 4096 ? i : 1);
    say("parent: wrong %ld\n", bad);
    return 0;
}

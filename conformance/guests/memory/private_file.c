/* mmap(2) MAP_PRIVATE of files: what of the file's later changes shows, copies per process, the tail of the last page, offsets, many maps of one file, a
 * program's own text and data as such maps. */
#include "../guest.h"

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
int main(void)
{
    fresh();
    xmkdtemp();
    int fd = must(open("f", O_RDWR | O_CREAT, 0600));
    char page[P];
    for (int i = 0; i < 8; i++) { memset(page, 'a' + i, P); write(fd, page, P); }
    char *p = mmap(0, 8 * P, RW, MAP_PRIVATE, fd, 0), *q = mmap(0, 4 * P, PROT_READ, MAP_PRIVATE, fd, 2 * P);
    say("%c%c%c %c%c\n", p[0], p[P], p[7 * P], q[0], q[3 * P]);
    p[P] = 'X';
    /* A page that was copied is apart from the file for good, its other bytes too. */
    pwrite(fd, "12", 2, P + 1);
    say("copied page: %c%c, file's: ", p[P], p[P + 1]);
    pread(fd, page, 3, P);
    say("%.3s\n", page);
    /* One process writes and reads its copies; the file never changes. */
    for (int i = 0; i < 8; i++) p[i * P + 100] = '#';
    pread(fd, page, 1, 3 * P + 100);
    say("file %c, other map %c\n", page[0], q[P + 100]);
    pid_t c = spawn({
        say("child sees %c%c%c\n", p[100], p[P], p[5 * P + 100]);
        p[100] = 'c';
        p[2 * P] = 'C';
        char *mine = mmap(0, P, RW, MAP_PRIVATE, fd, 0);
        say("its own new map %c\n", mine[100]);
    });
    reap(c, "child");
    say("parent keeps %c%c\n", p[100], p[2 * P]);
    say("-- the last page\n");
    ftruncate(fd, 2 * P + 7);
    char *t3 = mmap(0, 4 * P, RW, MAP_PRIVATE, fd, 0);
    v(t3[2 * P + 6] == 'c' && t3[2 * P + 7] == 0 && t3[3 * P - 1] == 0);
    t3[2 * P + 50] = 'Z';
    struct stat st;
    fstat(fd, &st);
    v(st.st_size == 2 * P + 7 && t3[2 * P + 50] == 'Z');
    say("-- read-only files\n");
    put("ro", "read only content");
    chmod("ro", 0444);
    c = spawn({ setuid(1000); int r = open("ro", O_RDONLY); char *m = mmap(0, P, RW, MAP_PRIVATE, r, 0); m[0] = 'W'; say("%.17s\n", m); t((long)mmap(0, P, RW, MAP_SHARED, r, 0)); t((long)mmap(0, P, PROT_WRITE, MAP_SHARED, r, 0)); });
    reap(c, "user");
    cat("ro");
    say("-- two hundred maps of one file\n");
    int f2 = must(open("g", O_RDWR | O_CREAT, 0600));
    for (int i = 0; i < 200; i++) { memset(page, i, P); write(f2, page, P); }
    static char *m[200];
    int bad = 0;
    for (int i = 0; i < 200; i++) m[i] = mmap(0, P, RW, i % 2 ? MAP_PRIVATE : MAP_SHARED, f2, (199 - i) * P);
    for (int i = 0; i < 200; i++) { bad += (unsigned char)m[i][5] != 199 - i; m[i][5] = 77; }
    int changed = 0;
    for (int i = 0; i < 200; i++) { pread(f2, page, 1, i * P + 5); changed += page[0] == 77; }
    /* Page 77 holds that byte anyway. */
    say("wrong %d, changed in the file %d\n", bad, changed);
    for (int i = 0; i < 200; i++) munmap(m[i], P);
    say("-- the program's own pages\n");
    char *text = (char *)((unsigned long)&main & ~(P - 1));
    char before = *(volatile char *)&main;
    t(mprotect(text, P, PROT_READ | PROT_WRITE | PROT_EXEC));
    c = spawn({ volatile char *x = (volatile char *)&main; char old = *x; *x = ~old; say("child's text changed %d\n", *x != old); *x = old; });
    reap(c, "child");
    v(*(volatile char *)&main == before);
    t(mprotect(text, P, PROT_READ | PROT_EXEC));
    int self = open("/proc/self/exe", O_RDONLY);
    t(open("/proc/self/exe", O_WRONLY));
    char *e = mmap(0, P, PROT_READ, MAP_PRIVATE, self, 0);
    v(!memcmp(e, "\177ELF", 4));
    return 0;
}

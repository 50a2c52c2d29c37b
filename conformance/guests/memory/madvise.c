// kernel: fresh
// Memory that an earlier program gave back is handed out resident; mincore(2) tells.
/* madvise(2): MADV_DONTNEED on private, shared and file memory, MADV_FREE, MADV_REMOVE, MADV_POPULATE, ranges with holes, advice that
 * changes nothing one can see, errors; mincore(2). */
#include "../guest.h"

#define RW (PROT_READ | PROT_WRITE)
#define P 4096L
static void text(const char *what, char *p, int pages)
{
    char s[33] = { 0 };
    for (int i = 0; i < pages; i++) s[i] = p[i * P] ? p[i * P] : '0';
    say("%s: %s\n", what, s);
}
static void fill(char *p, int pages) { for (int i = 0; i < pages; i++) memset(p + i * P, 'a' + i, P); }
static void core(const char *what, char *p, int pages)
{
    unsigned char vec[32] = { 0 };
    char s[33] = { 0 };
    if (mincore(p, pages * P, vec) < 0) { say("%s: %s\n", what, ename(errno)); return; }
    for (int i = 0; i < pages; i++) s[i] = vec[i] & 1 ? '1' : '0';
    say("%s: %s\n", what, s);
}

int main(void)
{
    fresh();
    xmkdtemp();
    char *a = mmap(0, 8 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(a, 8 * P, MADV_NOHUGEPAGE);
    core("untouched", a, 8);
    fill(a, 4);
    core("four written", a, 8);
    fill(a, 8);
    t(madvise(a + P, 2 * P, MADV_DONTNEED));
    text("private after DONTNEED", a, 8);
    core("touched by reading", a, 8);
    t(madvise(a, 8 * P, MADV_DONTNEED));
    core("dropped", a, 8);
    text("all zero", a, 8);
    fill(a, 8);
    pid_t p = spawn({ madvise(a, 8 * P, MADV_DONTNEED); text("child dropped", a, 8); });
    reap(p, "child");
    text("parent keeps", a, 8);

    char *s = mmap(0, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fill(s, 4);
    t(madvise(s, 4 * P, MADV_DONTNEED));
    text("shared keeps its content", s, 4);
    t(madvise(s + P, P, MADV_REMOVE));
    text("shared after REMOVE", s, 4);
    t(madvise(a, P, MADV_REMOVE));

    put("f", "");
    int fd = open("f", O_RDWR);
    ftruncate(fd, 4 * P);
    char *f = mmap(0, 4 * P, RW, MAP_SHARED, fd, 0);
    fill(f, 4);
    t(madvise(f, 4 * P, MADV_DONTNEED));
    text("file map", f, 4);
    char *pf = mmap(0, 4 * P, RW, MAP_PRIVATE, fd, 0);
    pf[0] = 'X';
    pf[2 * P] = 'Y';
    text("private file map, two written", pf, 4);
    t(madvise(pf, 4 * P, MADV_DONTNEED));
    text("back to the file", pf, 4);

    t(madvise(a, 8 * P, MADV_NORMAL));
    t(madvise(a, 8 * P, MADV_RANDOM));
    t(madvise(a, 8 * P, MADV_SEQUENTIAL));
    t(madvise(a, 8 * P, MADV_WILLNEED));
    t(madvise(a, 8 * P, MADV_COLD));
    t(madvise(a, 8 * P, MADV_DONTDUMP));
    t(madvise(a, 8 * P, MADV_DODUMP));
    t(madvise(f, 4 * P, MADV_WILLNEED));
    text("nothing changed", a, 8);
    t(madvise(a, 8 * P, MADV_DONTNEED));
    t(madvise(a, 4 * P, 22));
    core("MADV_POPULATE_READ", a, 8);
    t(madvise(a + 4 * P, 2 * P, 23));
    core("MADV_POPULATE_WRITE", a, 8);
    text("zeroes", a, 8);

    say("-- MADV_FREE: the old content or zero; a write afterwards stays\n");
    fill(a, 8);
    t(madvise(a, 8 * P, MADV_FREE));
    int ok_ = 1;
    for (int i = 0; i < 8; i++) if (a[i * P] != 0 && a[i * P] != 'a' + i) ok_ = 0;
    v(ok_);
    a[0] = 'W';
    v(a[0] == 'W');
    t(madvise(s, P, MADV_FREE));

    say("-- ranges and errors\n");
    fill(a, 8);
    munmap(a + 3 * P, P);
    t(madvise(a, 8 * P, MADV_DONTNEED));
    v(a[0] == 0 && a[7 * P] == 0);
    t(madvise(a + 3 * P, P, MADV_DONTNEED));
    t(madvise(a + 1, P, MADV_DONTNEED));
    t(madvise(a, 0, MADV_DONTNEED));
    t(madvise(a, -P, MADV_DONTNEED));
    t(madvise(a, P, 999));
    t(madvise(a, 0, 999));
    mprotect(a, P, PROT_READ);
    t(madvise(a, P, 23));
    mprotect(a, P, PROT_NONE);
    t(madvise(a, P, 22));
    t(madvise(a, P, MADV_DONTNEED));
    core("a hole", a, 8);
    unsigned char vec[4];
    t(mincore(a + 1, P, vec));
    t(mincore(a, 0, vec));
    t(mincore(a, P, (void *)8));
    t(mlock(a + 4 * P, P));
    t(madvise(a + 4 * P, P, MADV_DONTNEED));
    t(munlock(a + 4 * P, P));
    t(madvise(a + 4 * P, P, MADV_DONTNEED));
    return 0;
}

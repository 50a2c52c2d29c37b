/* mremap(2): growing in place and by moving, shrinking, MREMAP_FIXED, MREMAP_DONTUNMAP, old size zero on shared maps, file maps, errors. */
#include "../guest.h"
#include <setjmp.h>

#define RW (PROT_READ | PROT_WRITE)
#define P 4096L
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
static sigjmp_buf back;
static void fault(int s) { siglongjmp(back, s); }
static int there(char *p) { return sigsetjmp(back, 1) ? 0 : (*(volatile char *)p, 1); }
static char *anon(int pages, int flags)
{
    char *p = mmap(0, pages * P, RW, flags | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < pages; i++) memset(p + i * P, 'a' + i, P);
    return p;
}
static void text(const char *what, char *p, int pages)
{
    char s[33] = { 0 };
    for (int i = 0; i < pages; i++) s[i] = !there(p + i * P) ? '-' : p[i * P] ? p[i * P] : '0';
    say("%s: %s\n", what, s);
}
#define R(...) ({ char *r_ = mremap(__VA_ARGS__); say("mremap(%s): %s\n", #__VA_ARGS__, r_ == MAP_FAILED ? ename(errno) : "ok"); r_; })

int main(void)
{
    fresh();
    xmkdtemp();
    on(SIGSEGV, fault, 0);
    on(SIGBUS, fault, 0);
    char *area = mmap(0, 64 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area, 64 * P);
    char *b = mmap(area, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (int i = 0; i < 4; i++) b[i * P] = 'a' + i;
    v(R(b, 4 * P, 2 * P, 0) == b);
    text("shrunk", b, 4);
    v(R(b, 2 * P, 4 * P, 0) == b);
    text("grown in place, new pages are zero", b, 4);
    v(R(b, 4 * P, 4 * P, 0) == b);
    mmap(b + 4 * P, P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    R(b, 4 * P, 8 * P, 0);
    char *n = R(b, 4 * P, 8 * P, MREMAP_MAYMOVE);
    v(n != b);
    text("moved", n, 8);
    text("the old place", b, 5);
    char *d = area + 32 * P;
    mmap(d, 8 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    d[0] = 'x';
    d[5 * P] = 'y';
    v(R(n, 2 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_FIXED, d) == d);
    text("fixed over a map", d, 8);
    text("source after a part went", n, 8);
    v(R(d, 3 * P, P, MREMAP_MAYMOVE | MREMAP_FIXED, d + 16 * P) == d + 16 * P);
    text("fixed and smaller", d + 16 * P, 2);
    text("source is gone", d, 3);

    say("-- DONTUNMAP\n");
    char *o = anon(3, MAP_PRIVATE), *q;
    q = R(o, 3 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    text("new", q, 3);
    text("old, now empty", o, 3);
    R(o, 3 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    R(o, 3 * P, 3 * P, MREMAP_DONTUNMAP, 0);

    say("-- shared memory twice\n");
    char *s = anon(4, MAP_SHARED);
    char *s2 = R(s, 0, 4 * P, MREMAP_MAYMOVE);
    s2[P] = 'Z';
    text("the first", s, 4);
    R(q, 0, P, MREMAP_MAYMOVE);
    R(s, 0, P, 0);
    char *grown = R(s, 4 * P, 6 * P, MREMAP_MAYMOVE);
    text("shared anonymous grown past its object", grown, 6);

    say("-- a file\n");
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    char page[P];
    for (int i = 0; i < 6; i++) { memset(page, '0' + i, P); write(fd, page, P); }
    char *f = mmap(0, 2 * P, RW, MAP_SHARED, fd, P);
    text("two pages from the second on", f, 2);
    f = R(f, 2 * P, 4 * P, MREMAP_MAYMOVE);
    text("four", f, 4);
    f = R(f + P, 3 * P, 4 * P, MREMAP_MAYMOVE);
    text("moved in part", f, 4);
    f[0] = 'W';
    pread(fd, page, 1, 2 * P);
    say("written through: %c\n", page[0]);

    say("-- errors\n");
    char *e = anon(4, MAP_PRIVATE);
    R(e + 1, P, P, 0);
    R(e, P, 0, 0);
    R(e, 4 * P, 8 * P, 8);
    R(e, 4 * P, 8 * P, MREMAP_FIXED, area);
    R(e, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, e + P);
    R(e, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, e + 1);
    R(e, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)(1UL << 47));
    munmap(e + P, P);
    R(e, 4 * P, 8 * P, MREMAP_MAYMOVE);
    R(e + P, P, P, MREMAP_MAYMOVE);
    R(e, P, 1UL << 47, MREMAP_MAYMOVE);
    mprotect(e + 3 * P, P, PROT_READ);
    R(e + 2 * P, 2 * P, 8 * P, MREMAP_MAYMOVE);
    text("untouched after all", e, 4);
    return 0;
}

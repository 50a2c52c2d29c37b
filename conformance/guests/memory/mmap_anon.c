/* mmap(2), munmap(2): anonymous maps: zeroes, splits, replacing, hints, argument errors. */
#include "../guest.h"
#include <setjmp.h>

static sigjmp_buf back;
static void fault(int s, siginfo_t *si, void *u) { (void)s; (void)u; siglongjmp(back, si->si_code); }
static char probe(volatile char *p)
{
    int code = sigsetjmp(back, 1);
    if (code) return code == SEGV_MAPERR ? '-' : code == SEGV_ACCERR ? '!' : '?';
    return *p ? '1' : '0';
}
static void pages(const char *label, char *p, int n)
{
    char s[65] = { 0 };
    for (int i = 0; i < n; i++) s[i] = probe(p + i * 4096L);
    say("%s: %s\n", label, s);
}
#define MAP(...) ({ void *p_ = mmap(__VA_ARGS__); say("mmap(%s): %s\n", #__VA_ARGS__, p_ == MAP_FAILED ? ename(errno) : "ok"); p_; })
#define RW (PROT_READ | PROT_WRITE)
#define AP (MAP_ANONYMOUS | MAP_PRIVATE)

int main(void)
{
    fresh();
    on(SIGSEGV, fault, SA_SIGINFO);
    on(SIGBUS, fault, SA_SIGINFO);
    char *b = MAP(0, 16 * 4096, RW, AP, -1, 0);
    long sum = 0;
    for (int i = 0; i < 16 * 4096; i++) sum += b[i];
    say("sum of a new map %ld, aligned %d\n", sum, ((long)b & 4095) == 0);
    for (int i = 0; i < 16; i++) b[i * 4096] = 1;
    pages("all written", b, 16);
    t(munmap(b + 4 * 4096, 4096));
    t(munmap(b + 8 * 4096, 2 * 4096));
    pages("two holes", b, 16);
    t(munmap(b + 3 * 4096, 7 * 4096));
    pages("over the holes", b, 16);
    t(munmap(b + 3 * 4096, 7 * 4096));
    t(munmap(b + 15 * 4096, 1));
    pages("one byte takes a page", b, 16);
    v(MAP(b + 4 * 4096, 4096, RW, AP | MAP_FIXED, -1, 0) == b + 4 * 4096);
    v(MAP(b, 2 * 4096, RW, AP | MAP_FIXED, -1, 0) == b);
    pages("replaced", b, 16);
    v(MAP(b + 5 * 4096, 4096, RW, AP, -1, 0) == b + 5 * 4096);
    v(MAP(b + 4 * 4096, 4096, RW, AP, -1, 0) == b + 4 * 4096);
    v(MAP(b + 6 * 4096 + 123, 4096, RW, AP, -1, 0) == b + 6 * 4096);
    v(MAP(b + 6 * 4096, 4096, RW, AP | MAP_FIXED_NOREPLACE, -1, 0) == b + 6 * 4096);
    v(MAP(b + 7 * 4096, 4096, RW, AP | MAP_FIXED_NOREPLACE, -1, 0) == b + 7 * 4096);
    t(mprotect(b + 10 * 4096, 2 * 4096, PROT_NONE));
    pages("some PROT_NONE", b, 16);

    MAP(0, 0, RW, AP, -1, 0);
    MAP(0, 4096, RW, MAP_ANONYMOUS, -1, 0);
    MAP(0, 4096, RW, MAP_ANONYMOUS | MAP_PRIVATE | MAP_SHARED, -1, 4096);
    MAP((void *)1, 4096, RW, AP | MAP_FIXED, -1, 0);
    MAP(0, 4096, RW, AP, -1, 1);
    MAP(0, 4096, RW, AP, -1, -4096);
    MAP(0, -1UL, RW, AP, -1, 0);
    MAP(0, 1UL << 47, RW, AP, -1, 0);
    MAP((void *)(1UL << 47), 4096, RW, AP | MAP_FIXED, -1, 0);
    MAP((void *)((1UL << 47) - 4096), 4096, RW, AP | MAP_FIXED, -1, 0);
    MAP((void *)-4096L, 4096, RW, AP, -1, 0);
    MAP(0, 4096, RW, AP, 77, 0);
    MAP(0, 4096, RW, MAP_PRIVATE, 77, 0);
    MAP(0, 4096, RW, MAP_PRIVATE, -1, 0);
    MAP(0, 1, 0, AP, -1, 0);
    MAP(0, 4096, 0x1000, AP, -1, 0);
    MAP(0, 4096, RW, AP | MAP_NORESERVE | MAP_STACK | MAP_POPULATE, -1, 0);
    MAP(0, 1UL << 40, PROT_NONE, AP | MAP_NORESERVE, -1, 0);
    char *low = MAP(0, 4096, RW, AP | MAP_32BIT, -1, 0);
    v((unsigned long)low < 1UL << 31);
    MAP(0x50000000, 1048576, RW, AP | MAP_32BIT, -1, 0);
    MAP(0x51000001, 4096, RW, AP | MAP_32BIT, -1, 0);
    MAP(0x20000000, 4096, RW, AP | MAP_32BIT, -1, 0);
    v((unsigned long)mmap((void *)0x50000000, 4096, RW, AP | MAP_32BIT, -1, 0) < 0x80000000);
    v((unsigned long)mmap((void *)0x7ffff000, 8192, RW, AP | MAP_32BIT, -1, 0) < 0x80000000);
    MAP(0, 0x40000000, RW, AP | MAP_32BIT | MAP_NORESERVE, -1, 0);
    t(munmap(b + 1, 4096));
    t(munmap(b, 0));
    t(munmap((void *)(1UL << 47), 4096));
    t(munmap(b, -4096UL));
    t(munmap((void *)0x10000, 4096));
    return 0;
}

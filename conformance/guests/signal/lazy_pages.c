/* sigaction(2), mprotect(2): a SIGSEGV handler that repairs the mapping and returns: the instruction runs again with all its
 * registers; thousands of times, with string instructions, stack pages and calls into not yet readable code. */
#include "../guest.h"
#include <ucontext.h>

#define PAGES 256
static char *base, *code;
static volatile long faults, by_write;
static void handler(int s, siginfo_t *si, void *uc)
{
    (void)s;
    char *page = (char *)((unsigned long)si->si_addr & ~4095UL);
    faults++;
    by_write += !!(((ucontext_t *)uc)->uc_mcontext.gregs[REG_ERR] & 2);
    if (page >= code && page < code + 4096) { if (mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0) _exit(98); return; }
    if (page < base || page >= base + PAGES * 4096L) { say("a fault elsewhere, code %d\n", si->si_code); _exit(97); }
    if (si->si_code == SEGV_MAPERR) {
        if (mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) _exit(96);
    } else if (mprotect(page, 4096, PROT_READ | PROT_WRITE) < 0) _exit(95);
    memset(page, (page - base) / 4096 & 0x7f, 4096);
}
static void arm(int how)
{
    faults = by_write = 0;
    if (how) munmap(base, PAGES * 4096L);
    else mmap(base, PAGES * 4096L, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
static void tell(const char *what, long x) { say("%s: %ld, faults %ld, by writes %ld\n", what, x, faults, by_write); }

int main(void)
{
    fresh();
    on(SIGSEGV, handler, SA_SIGINFO);
    base = mmap(0, PAGES * 4096L, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int how = 0; how < 2; how++) {
        say(how ? "unmapped\n" : "protected\n");
        arm(how);
        long sum = 0;
        for (long i = 0; i < PAGES; i++) sum += base[i * 4096 + i];
        tell("loads", sum);
        arm(how);
        for (long i = PAGES - 1; i >= 0; i--) base[i * 4096 + 5] += 1;
        sum = 0;
        for (long i = 0; i < PAGES; i++) sum += base[i * 4096 + 5] - i % 128;
        tell("read-modify-write", sum);
        arm(how);
        void *d = base + 4090;
        long n = 5 * 4096;
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"('s') : "memory");
        tell("rep stosb, end and rest", n + ((char *)d - base));
        arm(how);
        void *s = base + 100, *e = base + 100 * 4096 + 50;
        n = 3 * 4096;
        __asm__ volatile("rep movsb" : "+S"(s), "+D"(e), "+c"(n) : : "memory");
        tell("rep movsb", base[100 * 4096 + 50] + base[101 * 4096 + 100] * 100 + n);
        arm(how);
        long x = 0;
        __asm__ volatile("movq 4092(%1), %0" : "=r"(x) : "r"(base + 7 * 4096));
        tell("across two pages", x & 0xffffffff);
        arm(how);
        sum = 0;
        for (long i = 0; i < PAGES; i += 2) sum += __atomic_fetch_add((long *)(base + i * 4096 + 64), 7, __ATOMIC_SEQ_CST) & 0xff;
        tell("locked add", sum);
        arm(how);
        /* A system call does not run the handler: it is EFAULT. */
        int p[2];
        must(pipe(p));
        write(p[1], "xyz", 3);
        long r = read(p[0], base + 9 * 4096, 3);
        int err = errno;
        tell("read(2) into it", r);
        say("  %s\n", ename(err));
        base[9 * 4096] = 0;
        tell("after a store", read(p[0], base + 9 * 4096, 3));
    }
    static const unsigned char f[] = { 0x48, 0x8d, 0x47, 0x2a, 0xc3 };
    memcpy(code, f, sizeof f);
    mprotect(code, 4096, PROT_NONE);
    faults = by_write = 0;
    tell("code made executable on demand", ((long (*)(long))code)(1000));
    return 0;
}

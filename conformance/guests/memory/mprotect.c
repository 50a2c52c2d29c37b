/* mprotect(2): every transition of protection with reads, writes and calls probed; ranges over several maps, partly over holes; the
 * kernel's own accesses obey; errors. */
#include "../guest.h"
#include <setjmp.h>

static sigjmp_buf back;
static void fault(int s, siginfo_t *si, void *u) { (void)s; (void)u; siglongjmp(back, si->si_code + 10); }
static const unsigned char ret42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
static char probe(char *p, int what)
{
    int c = sigsetjmp(back, 1);
    if (c) return c == 12 ? '!' : c == 11 ? '-' : '?';
    if (what == 0) (void)*(volatile char *)p;
    if (what == 1) *(volatile char *)p = ret42[0];
    if (what == 2) return ((int (*)(void))p)() == 42 ? 'x' : '?';
    return what ? 'w' : 'r';
}
static void rwx(const char *name, char *p) { say("%s: %c%c%c\n", name, probe(p, 0), probe(p, 1), probe(p, 2)); }

int main(void)
{
    fresh();
    on(SIGSEGV, fault, SA_SIGINFO);
    char *b = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8; i++) memcpy(b + i * 4096, ret42, sizeof ret42);
    static const char *const names[] = { "none", "r", "w", "rw", "x", "rx", "wx", "rwx" };
    for (int prot = 0; prot < 8; prot++) { mprotect(b, 4096, prot); rwx(names[prot], b); }
    for (int from = 0; from < 8; from++) { mprotect(b, 4096, from); mprotect(b, 4096, 7 - from); rwx(names[7 - from], b); }

    say("-- splits\n");
    mprotect(b, 8 * 4096, PROT_READ | PROT_WRITE);
    t(mprotect(b + 4096, 4096, PROT_NONE));
    t(mprotect(b + 3 * 4096, 2 * 4096, PROT_READ));
    char s[9] = { 0 };
    for (int i = 0; i < 8; i++) s[i] = probe(b + i * 4096, 1);
    say("writes: %s\n", s);
    t(mprotect(b, 8 * 4096, PROT_READ | PROT_WRITE));
    for (int i = 0; i < 8; i++) s[i] = probe(b + i * 4096, 1);
    say("writes: %s\n", s);
    /* A range that runs into a hole: what lies before it is changed. */
    munmap(b + 4 * 4096, 4096);
    t(mprotect(b + 2 * 4096, 5 * 4096, PROT_READ));
    for (int i = 0; i < 8; i++) s[i] = probe(b + i * 4096, 1);
    say("writes: %s\n", s);
    t(mprotect(b + 4 * 4096, 4096, PROT_READ));
    t(mprotect(b, 1, PROT_READ));
    say("one byte is a page: %c\n", probe(b + 4095, 1));
    t(mprotect(b, 0, PROT_NONE));
    t(mprotect(b + 1, 4096, PROT_READ));
    t(mprotect(b, -1UL, PROT_READ));
    t(mprotect(b, 4096, 0x100));
    t(mprotect(b, 4096, PROT_READ | PROT_GROWSDOWN));
    t(mprotect(b, 4096, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
    t(mprotect((void *)0x10000, 4096, PROT_READ));

    say("-- the kernel obeys too\n");
    int p[2];
    must(pipe(p));
    mprotect(b, 4096, PROT_READ | PROT_WRITE);
    t(write(p[1], b, 6));
    mprotect(b, 4096, PROT_READ);
    t(read(p[0], b, 6));
    mprotect(b, 4096, PROT_NONE);
    t(write(p[1], b, 6));
    mprotect(b, 4096, PROT_WRITE);
    t(write(p[1], b, 6));
    say("-- protection is per process\n");
    mprotect(b, 4096, PROT_READ | PROT_WRITE);
    pid_t c = spawn({ mprotect(b, 4096, PROT_NONE); rwx("child", b); });
    reap(c, "child");
    rwx("parent", b);
    say("-- a shared read-only page keeps its content when writing is allowed again\n");
    b[5] = 9;
    mprotect(b, 4096, PROT_READ);
    c = spawn({ mprotect(b, 4096, PROT_READ | PROT_WRITE); b[5] = 1; });
    reap(c, "child");
    v(b[5]);
    return 0;
}

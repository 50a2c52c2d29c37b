/* sigaction(2): si_signo, si_code, si_addr of SIGSEGV (MAPERR, ACCERR, non-canonical), SIGBUS, SIGFPE,
 * SIGILL and SIGTRAP made by the CPU. The error code is printed without its "present" bit, which tells
 * whether the page had been touched. */
#include "../guest.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static char *base;
static void handler(int s, siginfo_t *si, void *uc)
{
    ucontext_t *u = uc;
    char *a = si->si_addr;
    say("  %s code %d addr %s trapno %d err %d\n", signame(s), si->si_code,
        a >= base && a < base + 65536 ? "map" : a == 0 ? "0" :
        a == (char *)u->uc_mcontext.gregs[REG_RIP] ? "rip" : (unsigned long)a < 65536 ? "low" : "else",
        (int)u->uc_mcontext.gregs[REG_TRAPNO], (int)u->uc_mcontext.gregs[REG_ERR] & ~1);
    if (a >= base && a < base + 65536) say("  offset %ld\n", (long)(a - base));
    siglongjmp(back, 1);
}
#define TRY(name, ...) do { say("%s\n", name); if (!sigsetjmp(back, 1)) { __VA_ARGS__; say("  no fault\n"); } } while (0)

int main(void)
{
    fresh();
    xmkdtemp();
    int kinds[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    for (int i = 0; i < COUNT(kinds); i++) on(kinds[i], handler, SA_SIGINFO);
    base = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile char *b = base;
    mprotect(base, 4096, PROT_READ);
    mprotect(base + 4096, 4096, PROT_NONE);
    munmap(base + 8192, 4096);

    TRY("read null", (void)*(volatile char *)0);
    TRY("write null + 8", *(volatile char *)8 = 1);
    TRY("read a hole", (void)b[8192 + 5]);
    TRY("write a hole", b[8192 + 6] = 1);
    TRY("write read-only", b[7] = 1);
    TRY("read read-only", (void)b[7]);
    TRY("read PROT_NONE", (void)b[4096 + 9]);
    TRY("write PROT_NONE", b[4096 + 10] = 1);
    TRY("execute no-exec", ((void (*)(void))(base + 12288))());
    TRY("call null", ((void (*volatile)(void))0)());
    TRY("non-canonical", (void)*(volatile char *)0x8000000000000000UL);
    TRY("a kernel address", (void)*(volatile char *)0xffff888000000000UL);
    TRY("across into a hole", (void)*(volatile long *)(b + 8188));

    int fd = must(open("f", O_RDWR | O_CREAT, 0600));
    must(ftruncate(fd, 4096));
    must((long)mmap(base + 32768, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
    TRY("past the file's end", (void)b[32768 + 4096]);
    must(ftruncate(fd, 0));
    TRY("truncated, write", b[32768 + 3] = 1);

    volatile int zero = 0, one = 1;
    TRY("divide by zero", one = one / zero);
    TRY("divide overflow", zero = -1; one = INT_MIN; one = one / zero);
    TRY("ud2", __asm__ volatile("ud2"));
    TRY("int3", __asm__ volatile("int3"));
    TRY("int1", __asm__ volatile(".byte 0xf1"));
    TRY("hlt", __asm__ volatile("hlt"));
    TRY("single step", __asm__ volatile("pushf; orl $0x100,(%%rsp); popf; nop; nop" ::: "cc", "memory"));
    TRY("sse divide", { unsigned csr = 0x1f80 & ~0x200; double x = 1, y = 0;
        __asm__ volatile("ldmxcsr %0; divsd %2,%1" : : "m"(csr), "x"(x), "x"(y)); });
    TRY("into privileged port", __asm__ volatile("outb %%al,%%dx" : : "a"(0), "d"(0x80)));
    return 0;
}

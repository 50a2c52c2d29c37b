/* syscall(2) has no use for a stack: calls made while the stack pointer is no address, or that of nothing mapped, or the kernel's, are like any other, from a
 * place that calls once and from one that calls often; so are the flags and the registers behind them. An exception, and there is nowhere to
 * put the signal (signal(7): SIGSEGV by force). */
#include "../guest.h"

/* One call with the stack pointer at `sp`. Two places: `often` makes the same call in a loop. */
#define CALL(NAME) \
    static long NAME(long nr, unsigned long sp, unsigned long a, unsigned long b, unsigned long c, unsigned long times) \
    { \
        long r; \
        register unsigned long rsp_kept asm("r12"); \
        register unsigned long left asm("r13") = times; \
        register unsigned long number asm("r14") = nr; \
        register unsigned long place asm("r15") = sp; \
        asm volatile("mov %%rsp, %%r12\n\t" \
                     "mov %%r15, %%rsp\n" \
                     "1:\tmov %%r14, %%rax\n\t" \
                     "syscall\n\t" \
                     "dec %%r13\n\t" \
                     "jnz 1b\n\t" \
                     "mov %%rsp, %%r15\n\t" \
                     "mov %%r12, %%rsp" \
                     : "=&a"(r), "=&r"(rsp_kept), "+r"(left), "+r"(place) \
                     : "r"(number), "D"(a), "S"(b), "d"(c) \
                     : "rcx", "r11", "memory", "cc"); \
        if (place != sp) say("the stack pointer became %lx\n", place); \
        return r; \
    }
CALL(once)
CALL(often)
CALL(answered)

static const unsigned long places[] = { 0, 8, 0x5de6c8f9ca, 0x7ffffffff000, 0x800000000000, 0xa05de6c8f9ca, 0xffff7fffffffffff, 0xffff800000000000, 0xffffffff80004000, -1UL };

int main(void)
{
    char byte = 'x';
    int fd = open("/dev/zero", O_RDONLY);
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        unsigned long sp = places[i];
        say("stack pointer %lx\n", sp);
        say("getpid %s\n", once(SYS_getpid, sp, 0, 0, 0, 1) == getpid() ? "right" : "wrong");
        byte = 'x';
        say("read %ld %d\n", once(SYS_read, sp, fd, (unsigned long)&byte, 1, 1), byte);
        say("often: lseek %ld\n", often(SYS_lseek, sp, fd, 7, SEEK_SET, 3000));
        say("often: getppid %s\n", answered(SYS_getppid, sp, 0, 0, 0, 3000) == getppid() ? "right" : "wrong");
        say("write %ld\n", once(SYS_write, sp, 1, (unsigned long)"written\n", 8, 1));
        pid_t p = spawn({
            signal(SIGILL, SIG_IGN);
            asm volatile("mov %0, %%rsp\n\tmov $39, %%eax\n\tsyscall\n\tud2" : : "r"(sp) : "rax", "rcx", "r11");
        });
        int st;
        waitpid(p, &st, 0);
        say_status("an invalid opcode behind it:", st);
        p = spawn({
            /* mov %cr3, %rax: not for programs, whatever was before. */
            asm volatile("mov %0, %%rsp\n\tmov $39, %%eax\n\tsyscall\n\tmov %%cr3, %%rax" : : "r"(sp) : "rax", "rcx", "r11");
        });
        waitpid(p, &st, 0);
        say_status("a privileged instruction behind it:", st);
    }
    return 0;
}

/* syscalls(2): numbers without a call answer ENOSYS, also huge and negative ones; the registers rcx and r11 carry
 * the return address and flags, all others are kept. */
#include "../guest.h"

struct regs { unsigned long rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15, rcx, r11, rax; };

static __attribute__((noinline)) void probe(long nr, struct regs *r)
{
    __asm__ volatile(
        "push %%rbp\n push %%rbx\n push %1\n"
        "mov $0x1111, %%rbx\n mov $0x2222, %%rdx\n mov $0x3333, %%rsi\n mov $0x4444, %%rdi\n mov $0x5555, %%rbp\n"
        "mov $0x6666, %%r8\n mov $0x7777, %%r9\n mov $0x8888, %%r10\n mov $0x9999, %%r12\n mov $0xaaaa, %%r13\n"
        "mov $0xbbbb, %%r14\n mov $0xcccc, %%r15\n mov %0, %%rax\n"
        "std\n"
        "syscall\n"
        "9:\n"
        "push %%r11\n pushf\n pop %%r11\n bt $10, %%r11\n cld\n pop %%r11\n"
        "xchg %%rbx, (%%rsp)\n"
        "mov %%rdx, 8(%%rbx)\n mov %%rsi, 16(%%rbx)\n mov %%rdi, 24(%%rbx)\n mov %%rbp, 32(%%rbx)\n mov %%r8, 40(%%rbx)\n"
        "mov %%r9, 48(%%rbx)\n mov %%r10, 56(%%rbx)\n mov %%r12, 64(%%rbx)\n mov %%r13, 72(%%rbx)\n mov %%r14, 80(%%rbx)\n"
        "mov %%r15, 88(%%rbx)\n mov %%r11, 104(%%rbx)\n mov %%rax, 112(%%rbx)\n"
        "lea 9b(%%rip), %%rax\n sub %%rax, %%rcx\n mov %%rcx, 96(%%rbx)\n"
        "pop (%%rbx)\n pop %%rbx\n pop %%rbp\n"
        : "+a"(nr), "+c"(r) : : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}

int main(void)
{
    fresh();
    long nrs[] = { 174, 177, 178, 180, 181, 182, 183, 184, 185, 211, 212, 214, 215, 236, 400, 423, 500, 511, 600, 1000, 65536,
        0x7fffffff, -1, -2, -4096, -4097, 0x40000000, 0x40000001, 0x40000000 + 512, 0x40000000 + 600 };
    for (int i = 0; i < COUNT(nrs); i++) {
        errno = 0;
        long r = syscall(nrs[i], -1, -1, -1, -1, -1, -1);
        say("call %#lx: %ld %s\n", nrs[i], r, r < 0 ? ename(errno) : "");
    }
    static const char *const names[] = { "rbx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r12", "r13", "r14", "r15", "rcx - return", "r11", "rax" };
    long calls[] = { 999, -1, SYS_getpid, SYS_sched_yield, SYS_close };
    for (int i = 0; i < COUNT(calls); i++) {
        struct regs r;
        unsigned long *w = (unsigned long *)&r;
        memset(&r, 0, sizeof r);
        probe(calls[i], &r);
        if (calls[i] == SYS_getpid) r.rax = r.rax == (unsigned long)getpid() ? 1 : 0;
        say("call %ld:\n", calls[i]);
        for (int k = 0; k < COUNT(names); k++) {
            unsigned long x = w[k];
            if (k == 13) x &= 0x400;
            say("  %s %ld\n", names[k], (long)x);
        }
    }
    /* A call number's upper half counts: no call there. */
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(0x100000000L | SYS_getpid) : "rcx", "r11", "memory");
    say("upper bits set: %s\n", r == getpid() ? "ignored" : r == -ENOSYS ? "ENOSYS" : "else");
    /* An int argument's upper half does not. */
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_dup2), "D"(0x700000001L), "S"(0x300000009L) : "rcx", "r11", "memory");
    say("dup2 with dirty upper halves: %ld\n", r);
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_close), "D"(0xffffffff00000009L) : "rcx", "r11", "memory");
    say("close with dirty upper half: %ld\n", r);
    return 0;
}

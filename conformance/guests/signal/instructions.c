/*
 * Instructions that are the system's, or make the processor ask it: each in a child of its own, with what came of it. Left out is what
 * depends on how the host's kernel was built (int 0x80, sysenter) or is itself virtualised (vmcall, sgdt), and error codes of general
 * protection exceptions, which not every platform is told.
 */
#include "guest.h"
#include <ucontext.h>

static unsigned char *code;
static int size;

/* Handlers run with AC as it was, which the C library is not made for. */
static void clear_ac(void)
{
    __asm__ volatile("pushf\n andl $~0x40000, (%%rsp)\n popf" ::: "memory", "cc");
}

static void report(int sig, siginfo_t *si, void *context)
{
    clear_ac();
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long at = r[REG_RIP] - (long)code;
    char where[32];
    if (at >= 0 && at < 4096) snprintf(where, sizeof where, "+%ld", at);
    else if ((unsigned long)r[REG_RIP] >= 0x7ffffffff000) snprintf(where, sizeof where, "%lx", (long)r[REG_RIP]);
    else snprintf(where, sizeof where, "where it was");
    say("  %s code %d at %s of %d trap %ld error %lx flags %lx\n", sigabbrev_np(sig), si->si_code, where, size, (long)r[REG_TRAPNO],
        r[REG_TRAPNO] == 14 ? (long)r[REG_ERR] : 0, (long)r[REG_EFL] & 0x247000);
    _exit(0);
}

/* The bytes, then a return. */
static void try(const char *name, int length, const char *bytes)
{
    say("%s\n", name);
    pid_t child = fork();
    if (child == 0) {
        static char stack[65536];
        stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
        sigaltstack(&alt, 0);
        struct sigaction sa = { .sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_ONSTACK };
        for (int sig = 1; sig < 32; sig++) sigaction(sig, &sa, 0);
        code = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(code, bytes, length);
        memcpy(code + length, "\x90\xc3", 2);
        size = length;
        __asm__ volatile("xor %%eax, %%eax\n xor %%edx, %%edx\n xor %%ecx, %%ecx\n mov %0, %%rsi\n mov %0, %%rdi\n call *%1\n cld"
                         ::"r"(code + 4096), "r"(code) : "rax", "rdx", "rcx", "rsi", "rdi", "r11", "rbx", "memory", "cc");
        clear_ac();
        say("  goes on\n");
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) say("  killed by %s\n", sigabbrev_np(WTERMSIG(status)));
}
#define TRY(name, bytes) try(name, sizeof bytes - 1, bytes)

/* A signal handler that returns to where, with which flags and stack, it likes. */
static long to_rip, to_rsp, flags_on;
static void mangle(int sig UNUSED, siginfo_t *si UNUSED, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (to_rip) r[REG_RIP] = to_rip;
    if (to_rsp) r[REG_RSP] = to_rsp;
    r[REG_EFL] |= flags_on;
}

static void resume(const char *name, long rip, long rsp, long flags)
{
    say("%s\n", name);
    pid_t child = fork();
    if (child == 0) {
        static char stack[65536];
        stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
        sigaltstack(&alt, 0);
        code = (unsigned char *)1;
        struct sigaction sa = { .sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_ONSTACK };
        for (int sig = 1; sig < 32; sig++) sigaction(sig, &sa, 0);
        sa.sa_sigaction = mangle;
        sigaction(SIGUSR1, &sa, 0);
        to_rip = rip;
        to_rsp = rsp;
        flags_on = flags;
        long after;
        syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
        __asm__ volatile("pushf\n pop %0" : "=r"(after));
        say("  goes on, flags %lx\n", after & 0x3ff000 & ~0x40000L);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) say("  killed by %s\n", sigabbrev_np(WTERMSIG(status)));
}

/* The places single steps stop at. */
static volatile int steps;
static long places[64];
static void step(int sig UNUSED, siginfo_t *si UNUSED, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (steps < 64) places[steps++] = r[REG_RIP] - (long)code;
    if (r[REG_RIP] < (long)code || r[REG_RIP] >= (long)code + 4096) r[REG_EFL] &= ~0x100L;
}

static void walk(const char *name, int length, const char *bytes)
{
    struct sigaction sa = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };
    sigaction(SIGTRAP, &sa, 0);
    code = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* pushf; or byte [rsp + 1], 1; popf: the trap flag */
    memcpy(code, "\x9c\x80\x4c\x24\x01\x01\x9d", 7);
    memcpy(code + 7, bytes, length);
    memcpy(code + 7 + length, "\x90\xc3", 2);
    steps = 0;
    __asm__ volatile("mov %0, %%rsi\n mov %0, %%rdi\n mov $3, %%ecx\n call *%1\n pushf\n andl $~0x100, (%%rsp)\n popf\n"
                     ::"r"(code + 4096), "r"(code) : "rax", "rdx", "rcx", "rsi", "rdi", "r11", "rbx", "memory", "cc");
    char line[300];
    int n = 0;
    for (int i = 0; i < steps && places[i] >= 0 && places[i] < 4096; i++) n += sprintf(line + n, " %ld", places[i]);
    line[n] = 0;
    say("%s:%s\n", name, line);
    munmap(code, 8192);
}
#define WALK(name, bytes) walk(name, sizeof bytes - 1, bytes)

int main(void)
{
    TRY("nop", "\x90");
    TRY("out imm8 0", "\xe6\x00");
    TRY("out imm8 0, eax", "\xe7\x00");
    TRY("out imm8 14", "\xe6\x0e");
    TRY("out imm8 0x80", "\xe6\x80");
    TRY("out dx", "\xee");
    TRY("in imm8 0", "\xe4\x00");
    TRY("in dx", "\xec");
    TRY("in eax, dx", "\xed");
    TRY("rep outsb", "\xff\xc1\xf3\x6e");
    TRY("outsb", "\x6e");
    TRY("out dx, ax", "\x66\xef");
    TRY("out imm8 0, ax", "\x66\xe7\x00");
    TRY("rep outsd", "\xff\xc1\xf3\x6f");
    TRY("rep insb", "\xff\xc1\xf3\x6c");
    TRY("hlt", "\xf4");
    TRY("cli", "\xfa");
    TRY("sti", "\xfb");
    TRY("clts", "\x0f\x06");
    TRY("invd", "\x0f\x08");
    TRY("wbinvd", "\x0f\x09");
    TRY("wrmsr", "\x0f\x30");
    TRY("rdmsr", "\x0f\x32");
    TRY("rdmsr lstar", "\xb9\x82\x00\x00\xc0\x0f\x32");
    TRY("wrmsr fs base", "\xb9\x00\x01\x00\xc0\x0f\x30");
    TRY("sysexit", "\x0f\x35");
    TRY("sysret", "\x0f\x07");
    TRY("sysretq", "\x48\x0f\x07");
    TRY("swapgs", "\x0f\x01\xf8");
    TRY("lgdt", "\x0f\x01\x16");
    TRY("lidt", "\x0f\x01\x1e");
    TRY("lldt", "\x0f\x00\xd0");
    TRY("ltr", "\x0f\x00\xd8");
    TRY("lmsw", "\x0f\x01\xf0");
    TRY("invlpg", "\x0f\x01\x3e");
    TRY("xsetbv", "\x0f\x01\xd1");
    TRY("read cr0", "\x0f\x20\xc0");
    TRY("read cr2", "\x0f\x20\xd0");
    TRY("read cr3", "\x0f\x20\xd8");
    TRY("write cr0", "\x0f\x22\xc0");
    TRY("write cr3", "\x0f\x22\xd8");
    TRY("write cr4", "\x0f\x22\xe0");
    TRY("read cr8", "\x44\x0f\x20\xc0");
    TRY("read dr0", "\x0f\x21\xc0");
    TRY("write dr7", "\x0f\x23\xf8");
    TRY("int3", "\xcc");
    TRY("int 3", "\xcd\x03");
    TRY("int1", "\xf1");
    TRY("int 0", "\xcd\x00");
    TRY("int 1", "\xcd\x01");
    TRY("int 2", "\xcd\x02");
    TRY("int 8", "\xcd\x08");
    TRY("int 13", "\xcd\x0d");
    TRY("int 14", "\xcd\x0e");
    TRY("int 0x20", "\xcd\x20");
    TRY("int 0x21", "\xcd\x21");
    TRY("int 0xff", "\xcd\xff");
    TRY("ud2", "\x0f\x0b");
    TRY("ud1", "\x0f\xb9\xc0");
    TRY("push es", "\x06");
    TRY("into", "\xce");
    TRY("far jump, absolute", "\xea\x00\x00\x00\x00\x33\x00");
    TRY("lock nop", "\xf0\x90");
    TRY("lock mov", "\xf0\x89\x06");
    TRY("fifteen prefixes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90");
    TRY("divide by zero", "\xf7\xf1");
    TRY("quotient too large", "\xb9\x01\x00\x00\x00\xba\x01\x00\x00\x00\xf7\xf1");
    TRY("load ds with the kernel's code", "\xb8\x10\x00\x00\x00\x8e\xd8");
    TRY("load ds with the kernel's data", "\xb8\x18\x00\x00\x00\x8e\xd8");
    TRY("load ds with nothing", "\xb8\x00\x00\x00\x00\x8e\xd8");
    TRY("load ds with user data", "\xb8\x2b\x00\x00\x00\x8e\xd8");
    TRY("load ds beyond the table", "\xb8\xfb\xff\x00\x00\x8e\xd8");
    TRY("load ds from the local table", "\xb8\x07\x00\x00\x00\x8e\xd8");
    TRY("load ss with nothing", "\xb8\x00\x00\x00\x00\x8e\xd0");
    TRY("load ss with the kernel's data", "\xb8\x18\x00\x00\x00\x8e\xd0");
    TRY("load cs", "\x8e\xc8");
    TRY("far return to the kernel's code", "\x6a\x10\x56\x48\xcb");
    TRY("far return to data", "\x6a\x2b\x56\x48\xcb");
    TRY("interrupt return to the kernel's code", "\x6a\x18\x54\x9c\x6a\x10\x56\x48\xcf");
    TRY("interrupt return to the kernel's stack", "\x6a\x18\x54\x9c\x6a\x33\x56\x48\xcf");
    TRY("read a place of the kernel's", "\x48\xc7\xc0\x00\x00\x00\x80\x8b\x00");
    TRY("write a place of the kernel's", "\x48\xc7\xc0\x00\x30\x00\x80\x89\x00");
    TRY("jump to a place of the kernel's", "\x48\xc7\xc0\x00\x30\x00\x80\xff\xe0");
    TRY("read where no address is", "\x48\xb8\x00\x00\x00\x00\x00\x80\x00\x00\x8b\x00");
    TRY("read where no address is, by the stack", "\x48\xbd\x00\x00\x00\x00\x00\x80\x00\x00\x8b\x45\x00");
    TRY("jump where no address is", "\x48\xb8\x00\x00\x00\x00\x00\x80\x00\x00\xff\xe0");
    TRY("return where no address is", "\x48\xb8\x00\x00\x00\x00\x00\x80\x00\x00\x50\xc3");
    TRY("push where no address is", "\x48\xbc\x00\x00\x00\x00\x00\x80\x00\x00\x50");
    TRY("push on nothing", "\x48\xc7\xc4\x08\x00\x00\x00\x50");
    TRY("call on nothing", "\x48\xc7\xc4\x08\x00\x00\x00\xe8\x00\x00\x00\x00");
    TRY("system call without a stack", "\x31\xe4\xb8\x27\x00\x00\x00\x0f\x05\x0f\x0b");
    TRY("misaligned with AC", "\x9c\x80\x4c\x24\x02\x04\x9d\x8b\x46\x01");
    TRY("aligned with AC", "\x9c\x80\x4c\x24\x02\x04\x9d\x8b\x46\x04");
    TRY("system call with AC, TF and DF", "\x9c\x81\x0c\x24\x00\x05\x04\x00\x9d\xb8\x27\x00\x00\x00\x0f\x05");
    TRY("system call leaves flags and registers", "\xfd\xf9\xb8\x27\x00\x00\x00\x0f\x05\x9c\x58\xfc\x25\x01\x04\x00\x00\x3d\x01\x04\x00\x00\x74\x02\x0f\x0b");
    TRY("popf with every flag but TF", "\x68\xff\xfe\x3f\x00\x9d\xfc\x9c\x58\x25\x00\x70\x1a\x00\x85\xc0\x74\x02\x0f\x0b");
    TRY("x87 invalid, unmasked", "\x6a\x00\xd9\x2c\x24\xd9\xe8\xd9\xe0\xd9\xfa\x9b\x58");
    TRY("sse divide, unmasked", "\x6a\x00\x0f\xae\x14\x24\x58\x0f\x57\xc0\x0f\x57\xc9\x0f\x5e\xc1");
    TRY("movaps misaligned", "\x0f\x28\x46\x01");
    TRY("cpuid", "\x31\xc0\x0f\xa2\x85\xc0\x75\x02\x0f\x0b");
    TRY("rdtsc", "\x0f\x31\x89\xc3\x0f\x31\x29\xd8\x79\x02\x0f\x0b");
    TRY("rdtscp", "\x0f\x01\xf9");
    TRY("xgetbv", "\x0f\x01\xd0\x85\xc0\x75\x02\x0f\x0b");

    WALK("nop nop", "\x90\x90");
    WALK("system call", "\xb8\x27\x00\x00\x00\x0f\x05\x90\x90");
    WALK("two system calls", "\xb8\x27\x00\x00\x00\x0f\x05\xb8\x27\x00\x00\x00\x0f\x05\x90");
    WALK("mov ss", "\x8c\xd0\x8e\xd0\x90\x90");
    WALK("pop ss and a system call", "\xb8\x27\x00\x00\x00\x8c\xd3\x8e\xd3\x0f\x05\x90");
    WALK("rep movsb", "\xf3\xa4\x90");
    WALK("pushf", "\x9c\x58\x90");
    WALK("cpuid and rdtsc", "\x31\xc0\x0f\xa2\x0f\x31\x90");
    WALK("int3", "\xcc\x90");
    WALK("call and jump", "\xe8\x00\x00\x00\x00\x58\xeb\x00\x90");

    resume("return as it was", 0, 0, 0);
    resume("return to no address", 1L << 63, 0, 0);
    resume("return to the first place beyond", 1L << 47, 0, 0);
    resume("return to the end", 0x7ffffffff000, 0, 0);
    resume("return to the kernel", 0xffffffff80000000, 0, 0);
    resume("return without a stack", 0, 8, 0);
    resume("return with a stack nowhere", 0, 1L << 62, 0);
    resume("return with privileged flags", 0, 0, 0x1b3000 | 0x4000);
    resume("return with the trap flag", 0, 0, 0x100);
    return 0;
}

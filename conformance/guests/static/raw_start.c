// flags: -nostdlib -static -fno-stack-protector -fcf-protection=none
// exit: 44
/* The process as the kernel hands it over, without a C library: the initial stack (argc, argv, envp, auxv), registers,
 * flags, write and exit as raw calls. System V ABI AMD64, 3.4.1; getauxval(3). */
typedef unsigned long ul;
static long sys(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return r;
}
void *memcpy(void *d, const void *s, ul n) { for (ul i = 0; i < n; i++) ((char *)d)[i] = ((const char *)s)[i]; return d; }
static ul len(const char *s) { ul n = 0; while (s[n]) n++; return n; }
static void out(const char *s) { sys(1, 1, (long)s, len(s), 0, 0, 0); }
static void num(const char *name, long x)
{
    char b[24], *p = b + 23;
    int neg = x < 0;
    ul y = neg ? -(ul)x : (ul)x;
    *p = 0;
    do *--p = '0' + y % 10; while (y /= 10);
    if (neg) *--p = '-';
    out(name);
    out(": ");
    out(p);
    out("\n");
}
static int eq(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return *a == *b; }

__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n mov %rdx, %rsi\n pushf\n pop %rdx\n mov %rbp, %rcx\n and $-16, %rsp\n call entry\n hlt\n");

static char bss[10000];
static int initialised = 77;
static const char text_[] = "read-only";

__attribute__((used)) void entry(ul *sp, ul rdx, ul flags, ul rbp)
{
    ul argc = sp[0];
    char **argv = (char **)(sp + 1), **envp = argv + argc + 1;
    if (argc == 1 && !eq(argv[0], "stage two")) {
        static char *av[] = { "stage two", "with", "", 0 }, *ev[] = { "HOME=/", "X=", 0 };
        num("execve", sys(59, (long)"/proc/self/exe", (long)av, (long)ev, 0, 0, 0));
        sys(231, 1, 0, 0, 0, 0, 0);
    }
    num("argc", argc);
    for (ul i = 0; i < argc; i++) { out("["); out(argv[i]); out("]\n"); }
    num("argv[argc] is null", argv[argc] == 0);
    ul n = 0;
    while (envp[n]) { out(envp[n]); out("\n"); n++; }
    num("environment", n);
    num("stack aligned to 16", ((ul)sp & 15) == 0);
    num("rdx", rdx);
    num("rbp", rbp);
    num("flags", flags & ~(ul)0x202);
    num("strings above the vectors", (ul)argv[0] > (ul)(envp + n));
    num("strings in a row", envp[0] == argv[argc - 1] + len(argv[argc - 1]) + 1 && argv[1] == argv[0] + len(argv[0]) + 1);
    ul *aux = (ul *)(envp + n + 1), seen[64] = { 0 }, has = 0;
    for (; aux[0]; aux += 2) if (aux[0] < 64) { seen[aux[0]] = aux[1]; has |= 1UL << aux[0]; }
    num("AT_PAGESZ", seen[6]);
    num("AT_CLKTCK", seen[17]);
    num("AT_PHENT", seen[4]);
    num("AT_PHDR leads to headers", *(unsigned *)seen[3] <= 0x6fffffff && seen[5] > 2 && seen[5] < 20);
    num("AT_ENTRY", seen[9] != 0 && ((unsigned char *)seen[9])[0] == 0x48);
    num("AT_BASE", seen[7]);
    num("AT_FLAGS", seen[8]);
    num("AT_UID", seen[11]);
    num("AT_EUID", seen[12]);
    num("AT_GID", seen[13]);
    num("AT_EGID", seen[14]);
    num("AT_SECURE", seen[23]);
    num("AT_RANDOM on the stack", seen[25] > (ul)sp);
    num("AT_SYSINFO_EHDR is an ELF", seen[33] && *(unsigned *)seen[33] == 0x464c457f);
    out("AT_PLATFORM ");
    out((char *)seen[15]);
    out("\nAT_EXECFN ");
    out((char *)seen[31]);
    out("\n");
    num("AT_HWCAP, AT_HWCAP2 there", (has >> 16 & 1) + (has >> 26 & 1));
    long sum = 0;
    for (int i = 0; i < 10000; i++) sum += bss[i];
    bss[9999] = 1;
    num("bss sum", sum);
    num("data", initialised);
    num("write of a bad pointer", sys(1, 1, 8, 1, 0, 0, 0));
    num("write to rodata by read", sys(0, 0, (long)text_, 0, 0, 0, 0));
    num("brk(0) after bss", (ul)sys(12, 0, 0, 0, 0, 0, 0) >= (ul)(bss + 10000));
    num("brk grows", sys(12, sys(12, 0, 0, 0, 0, 0, 0) + 8192, 0, 0, 0, 0, 0) == sys(12, 0, 0, 0, 0, 0, 0));
    sys(60, 300, 0, 0, 0, 0, 0);
}

/* raw.h - for programs without a C library: system calls, output, memory functions the compiler may call. */
typedef unsigned long ul;
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return r;
}
#define sys(...) SYS_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_(n, a, b, c, d, e, f, ...) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
__attribute__((used)) void *memcpy(void *d, const void *s, ul n) { for (ul i = 0; i < n; i++) ((volatile char *)d)[i] = ((const char *)s)[i]; return d; }
__attribute__((used)) void *memset(void *d, int c, ul n) { for (ul i = 0; i < n; i++) ((volatile char *)d)[i] = c; return d; }
static void out(const char *s) { ul n = 0; while (s[n]) n++; sys(1, 1, s, n); }
static void num(const char *name, long x)
{
    char b[200], *p = b + 199;
    int neg = x < 0;
    ul y = neg ? -(ul)x : (ul)x, n = 0;
    *p = '\n';
    do *--p = '0' + y % 10; while (y /= 10);
    if (neg) *--p = '-';
    *--p = ' ';
    *--p = ':';
    while (name[n]) n++;
    while (n) *--p = name[--n];
    sys(1, 1, p, b + 200 - p);
}
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call entry\n hlt\n");

/* mmap(2) PROT_EXEC: code written at run time: write then execute, patching while mapped, two views of one page, code in shared memory, a
 * file's code, calls across forks, self-modifying loops, the stack and heap not executable. */
#include "../guest.h"
#include <setjmp.h>

static sigjmp_buf back;
static void fault(int s, siginfo_t *si, void *u) { (void)u; siglongjmp(back, s * 100 + si->si_code); }
/* mov eax, imm32; ret */
static void emit(unsigned char *p, int value)
{
    p[0] = 0xb8;
    memcpy(p + 1, &value, 4);
    p[5] = 0xc3;
}
static int call(void *p) { int c = sigsetjmp(back, 1); return c ? -c : ((int (*)(void))p)(); }

int main(void)
{
    fresh();
    xmkdtemp();
    on(SIGSEGV, fault, SA_SIGINFO);
    on(SIGBUS, fault, SA_SIGINFO);
    on(SIGILL, fault, SA_SIGINFO);
    unsigned char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(p, 1);
    v(call(p));
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    v(call(p));
    mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    long bad = 0;
    for (int i = 0; i < 5000; i++) { emit(p, i); bad += call(p) != i; }
    say("patched 5000 times: wrong %ld\n", bad);

    int fd = must(syscall(SYS_memfd_create, "code", 0));
    ftruncate(fd, 4096);
    unsigned char *w = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *x = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    bad = 0;
    for (int i = 0; i < 1000; i++) { emit(w, i); bad += call(x) != i; }
    say("two views: wrong %ld\n", bad);
    v(call(w));
    pid_t c = spawn({ emit(w, 4242); _exit(0); });
    reap(c, "child patches");
    v(call(x));
    emit(w, 7);
    char two[6];
    emit((unsigned char *)two, 8);
    pwrite(fd, two, 6, 0);
    v(call(x));

    put("code", "");
    int f = open("code", O_RDWR);
    emit((unsigned char *)two, 99);
    write(f, two, 6);
    unsigned char *fx = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, f, 0);
    v(call(fx));
    v(call(fx + 4096 - 1));
    /* Private copy on write of executable pages, per process. */
    emit(p, 10);
    c = spawn({ emit(p, 11); say("child: %d\n", call(p)); _exit(0); });
    reap(c, "child");
    say("parent: %d\n", call(p));
    c = spawn({ say("child: %d\n", call(p)); _exit(0); });
    emit(p, 12);
    reap(c, "child");
    say("parent: %d\n", call(p));

    /* A loop that rewrites the instruction it is about to run. */
    static const unsigned char loop[] = {
        0x31, 0xc0,                         /* xor eax,eax */
        0xb9, 0x64, 0, 0, 0,                /* mov ecx,100 */
        0x83, 0xc0, 0x01,                   /* add eax,1        <- patched at +9 */
        0x80, 0x05, 0xf8, 0xff, 0xff, 0xff, 0x01, /* add byte [rip-8],1 */
        0xff, 0xc9,                         /* dec ecx */
        0x75, 0xf2,                         /* jnz add */
        0xc3 };
    memcpy(p, loop, sizeof loop);
    v(call(p));
    /* Code that lies across two pages, the second made executable later. */
    unsigned char *q = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(q + 4096 - 3, 55);
    v(call(q + 4096 - 3));
    mprotect(q + 4096, 4096, PROT_READ);
    v(call(q + 4096 - 3));
    unsigned char on_stack[16];
    emit(on_stack, 3);
    v(call(on_stack));
    unsigned char *heap = malloc(100);
    emit(heap, 3);
    v(call(heap));
    q[0] = 0x0f;
    q[1] = 0x0b;
    v(call(q));
    munmap(q, 4096);
    v(call(q));
    return 0;
}

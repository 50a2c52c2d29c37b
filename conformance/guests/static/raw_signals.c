// flags: -nostdlib -static -fno-stack-protector -fcf-protection=none
/* rt_sigaction(2), rt_sigreturn(2) without a C library: the restorer, a missing one, the frame's layout on the stack, nested signals, a handler that
 * never returns, the mask in the frame. */
#include "raw.h"

struct act { void *handler; ul flags; void *restorer; ul mask; };
__asm__("restorer: mov $15, %eax\n syscall\n hlt\n");
extern char restorer[];
static volatile long depth, most, got[4], frame_ok, xsave_ok, mask_ok;
static void handler(int s, int *info, ul *uc)
{
    depth++;
    if (depth > most) most = depth;
    got[s == 10 ? 0 : s == 12 ? 1 : 2]++;
    ul *ret = (ul *)__builtin_frame_address(0) + 1;
    /* The return address is the restorer, ucontext lies right above it, siginfo after that. */
    frame_ok += ret[0] == (ul)restorer && (ul)uc == (ul)(ret + 1) && (ul)info > (ul)uc && ((ul)(ret + 1) & 15) == 0;
    unsigned char *fp = (unsigned char *)uc[28];
    xsave_ok += fp != 0 && ((ul)fp & 63) == 0 && *(unsigned *)(fp + 464) == 0x46505853;
    mask_ok += uc[37] == (depth == 1 ? 0 : 1UL << 9);
    if (s == 10 && depth == 1) sys(234, sys(39), sys(186), 12);
    depth--;
}
static void set(int s, void *h, ul flags, void *r, ul mask)
{
    struct act a = { h, flags, r, mask };
    num("rt_sigaction", sys(13, s, &a, 0, 8));
}
static int wait_child(long c)
{
    int st = -1;
    sys(61, c, &st, 0, 0);
    return st & 0x7f ? -(st & 0x7f) : st >> 8 & 0xff;
}
static void leaves(int s) { (void)s; out("left\n"); sys(231, 5); }

__attribute__((used)) void entry(ul *sp)
{
    (void)sp;
    set(10, handler, 4 | 0x04000000, restorer, 0);
    set(12, handler, 4 | 0x04000000, restorer, 0);
    for (int i = 0; i < 100; i++) sys(62, sys(39), 10);
    num("first", got[0]);
    num("second", got[1]);
    num("deepest", most);
    num("frames right", frame_ok);
    num("vector area right", xsave_ok);
    num("masks right", mask_ok);
    ul m = 1UL << 9;
    num("block", sys(14, 0, &m, 0, 8));
    sys(62, sys(39), 10);
    num("first still", got[0]);
    m = 0;
    num("pending", (sys(127, &m, 8), m));
    num("open", sys(14, 2, &(ul){ 0 }, 0, 8));
    num("first now", got[0]);
    long c = sys(57);
    if (c == 0) { set(10, handler, 4, 0, 0); sys(62, sys(39), 10); out("not reached\n"); sys(231, 1); }
    num("no restorer flag", wait_child(c));
    c = sys(57);
    if (c == 0) { set(10, handler, 0x04000000, (void *)16, 0); sys(62, sys(39), 10); out("not reached\n"); sys(231, 1); }
    num("a bad restorer", wait_child(c));
    c = sys(57);
    if (c == 0) { set(10, leaves, 0x04000000, restorer, 0); sys(62, sys(39), 10); }
    num("a handler that leaves", wait_child(c));
    c = sys(57);
    if (c == 0) { set(11, leaves, 0x04000000, restorer, 0); __asm__ volatile("mov $8, %rsp\n push %rax\n"); }
    num("no stack for the frame", wait_child(c));
    c = sys(57);
    if (c == 0) { set(5, leaves, 0x04000000, restorer, 0); __asm__ volatile("int3"); }
    num("int3", wait_child(c));
    sys(231, 0);
}

/* fork(2), mmap(2): private memory is copied on write in both directions, shared memory is one, over several
 * generations; madvise DONTFORK and WIPEONFORK. */
#include "../guest.h"

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
static char data[8 * 4096] = { 1 };
static long sum(const char *p, long n) { long s = 0; for (long i = 0; i < n; i++) s += p[i] * (i % 7 + 1); return s; }

int main(void)
{
    fresh();
    char *priv = mmap(0, 64 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *shr = mmap(0, 64 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *late = mmap(0, 8 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *heap = malloc(100000);
    char stack[20000];
    memset(priv, 3, 64 * P);
    memset(shr, 4, 64 * P);
    memset(heap, 5, 100000);
    memset(stack, 6, sizeof stack);
    memset(data, 7, sizeof data);
    say("parent: %ld %ld %ld %ld %ld\n", sum(priv, 64 * P), sum(shr, 64 * P), sum(heap, 100000),
        sum(stack, 20000), sum(data, sizeof data));
    int go[2], back[2];
    must(pipe(go));
    must(pipe(back));
    char c;
    pid_t p = spawn({
        priv[5 * P + 1] = 9;
        shr[6 * P + 1] = 9;
        heap[500] = stack[600] = data[700] = 9;
        late[3 * P] = 1;
        write(back[1], "1", 1);
        read(go[0], &c, 1);
        say("child: %ld %ld %ld %ld %ld late %d %d\n", sum(priv, 64 * P), sum(shr, 64 * P), sum(heap, 100000),
            sum(stack, 20000), sum(data, sizeof data), late[2 * P], late[3 * P]);
        pid_t g = spawn({
            memset(priv, 1, 32 * P);
            memset(shr, 2, 32 * P);
            say("grandchild: %ld %ld\n", sum(priv, 64 * P), sum(shr, 64 * P));
        });
        reap(g, "grandchild");
        say("child after: %ld %ld\n", sum(priv, 64 * P), sum(shr, 64 * P));
    });
    read(back[0], &c, 1);
    say("parent: %ld %ld %ld %ld %ld\n", sum(priv, 64 * P), sum(shr, 64 * P), sum(heap, 100000),
        sum(stack, 20000), sum(data, sizeof data));
    for (int i = 0; i < 64; i++) priv[i * P + 7] = 8;
    late[2 * P] = 1;
    shr[9 * P] = 40;
    write(go[1], "1", 1);
    reap(p, "child");
    say("parent: %ld %ld late %d %d\n", sum(priv, 64 * P), sum(shr, 64 * P), late[2 * P], late[3 * P]);

    t(madvise(priv, P, MADV_DONTFORK));
    t(madvise(priv + P, P, MADV_WIPEONFORK));
    t(madvise(shr, P, MADV_WIPEONFORK));
    p = spawn({ say("wiped %d\n", priv[P + 7]); say("not forked: "); priv[0] = 1; say("there\n"); });
    reap(p, "child");
    t(madvise(priv, 2 * P, MADV_DOFORK));
    t(madvise(priv, 2 * P, MADV_KEEPONFORK));
    p = spawn(say("again %d %d\n", priv[7], priv[P + 7]));
    reap(p, "child");

    /* The kernel's own writes into copied pages: read(2) breaks the sharing as a store does. */
    must(pipe(go));
    write(go[1], "kernel", 6);
    p = spawn({ read(go[0], priv + 2 * P, 6); show("child", priv + 2 * P, 6); });
    reap(p, "child");
    show("parent", priv + 2 * P, 6);
    return 0;
}

/* futex(2): FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET and WAKE_BITSET: counts, who wakes, refused values. */
#include "../guest.h"
#include <linux/futex.h>
#include <pthread.h>

static uint32_t a, b, woken;
static pid_t tids[6];
static volatile long results[6];
static uint32_t masks[6];
static long fx(uint32_t *w, int op, uint32_t val, unsigned long v2, uint32_t *w2, uint32_t v3) { return syscall(SYS_futex, w, op | FUTEX_PRIVATE_FLAG, val, v2, w2, v3); }

static void *waiter(void *arg)
{
    long i = (long)arg;
    tids[i] = syscall(SYS_gettid);
    results[i] = masks[i] ? fx(&a, FUTEX_WAIT_BITSET, 0, 0, 0, masks[i]) : fx(&a, FUTEX_WAIT, 0, 0, 0, 0);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return 0;
}
static pthread_t th[6];
static void start(int n)
{
    woken = 0;
    for (long i = 0; i < n; i++) {
        tids[i] = 0;
        results[i] = -5;
        pthread_create(&th[i], 0, waiter, (void *)i);
        while (!__atomic_load_n(&tids[i], __ATOMIC_SEQ_CST)) nap(1);
        settle_in(getpid(), tids[i], "S");
    }
}
static void expect(uint32_t n)
{
    for (int i = 0; i < 3000 && __atomic_load_n(&woken, __ATOMIC_SEQ_CST) < n; i++) nap(1);
    nap(5);
    say("  woken %u:", woken);
    for (int i = 0; i < 6; i++) if (tids[i]) say(" %ld", results[i]);
    say("\n");
}
static void finish(int n)
{
    fx(&a, FUTEX_WAKE, INT_MAX, 0, 0, 0);
    fx(&b, FUTEX_WAKE, INT_MAX, 0, 0, 0);
    for (int i = 0; i < n; i++) { pthread_join(th[i], 0); tids[i] = 0; }
}

int main(void)
{
    fresh();
    say("requeue: wake one, move two, leave one\n");
    start(4);
    t(fx(&a, FUTEX_REQUEUE, 1, 2, &b, 0));
    expect(1);
    t(fx(&b, FUTEX_WAKE, 10, 0, 0, 0));
    expect(3);
    t(fx(&a, FUTEX_WAKE, 10, 0, 0, 0));
    expect(4);
    finish(4);
    say("compare and requeue\n");
    start(3);
    t(fx(&a, FUTEX_CMP_REQUEUE, 1, 10, &b, 1));
    t(fx(&a, FUTEX_CMP_REQUEUE, 0, 10, &b, 0));
    expect(0);
    t(fx(&a, FUTEX_WAKE, 10, 0, 0, 0));
    t(fx(&b, FUTEX_CMP_REQUEUE, 1, 1, &a, 0));
    expect(1);
    t(fx(&a, FUTEX_WAKE, 10, 0, 0, 0));
    t(fx(&b, FUTEX_WAKE, 10, 0, 0, 0));
    expect(3);
    finish(3);
    t(fx(&a, FUTEX_REQUEUE, -1, 1, &b, 0));
    t(fx(&a, FUTEX_CMP_REQUEUE, 1, -1, &b, 0));
    t(fx(&a, FUTEX_REQUEUE, 1, 1, &a, 0));
    t(fx(&a, FUTEX_REQUEUE, 1, 1, (uint32_t *)((char *)&b + 1), 0));

    say("bitset\n");
    uint32_t m[] = { 1, 2, 4, 0xffffffff, 6 };
    memcpy(masks, m, sizeof m);
    start(5);
    t(fx(&a, FUTEX_WAKE_BITSET, 10, 0, 0, 8));
    expect(1);
    t(fx(&a, FUTEX_WAKE_BITSET, 1, 0, 0, 4));
    expect(2);
    t(fx(&a, FUTEX_WAKE_BITSET, 10, 0, 0, 2));
    expect(4);
    t(fx(&a, FUTEX_WAKE, 10, 0, 0, 0));
    expect(5);
    finish(5);
    memset(masks, 0, sizeof masks);
    t(fx(&a, FUTEX_WAIT_BITSET, 0, 0, 0, 0));
    t(fx(&a, FUTEX_WAKE_BITSET, 1, 0, 0, 0));

    say("wake op\n");
    start(2);
    b = 5;
    t(fx(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)));
    v(b);
    expect(1);
    t(fx(&b, FUTEX_WAKE_OP, 1, 9, &a, FUTEX_OP(FUTEX_OP_OR, 8, FUTEX_OP_CMP_GT, 0)));
    v(a);
    t(fx(&b, FUTEX_WAKE_OP, 1, 9, &a, FUTEX_OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_GE, 8)));
    v(a);
    expect(2);
    finish(2);
    uint32_t ops[] = { FUTEX_OP(FUTEX_OP_SET, 100, FUTEX_OP_CMP_LT, 0), FUTEX_OP(FUTEX_OP_XOR, 5, FUTEX_OP_CMP_NE, 0), FUTEX_OP(FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_LE, 0), FUTEX_OP((FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_EQ, 0), FUTEX_OP(7, 1, FUTEX_OP_CMP_EQ, 0), FUTEX_OP(FUTEX_OP_SET, 1, 7, 0) };
    for (int i = 0; i < COUNT(ops); i++) {
        b = 0;
        long r = fx(&a, FUTEX_WAKE_OP, 1, 1, &b, ops[i]);
        say("op %d: %ld %s, word %d\n", i, r, r < 0 ? ename(errno) : "", (int)b);
    }
    t(fx(&a, FUTEX_WAKE_OP, 1, 1, (uint32_t *)8, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
    struct timespec past = { 1, 0 }, bad = { 0, 1000000000 };
    t(fx(&a, FUTEX_WAIT_BITSET, 0, (unsigned long)&past, 0, 1));
    t(fx(&a, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, (unsigned long)&past, 0, 1));
    t(fx(&a, FUTEX_WAIT_BITSET, 0, (unsigned long)&bad, 0, 1));
    t(fx(&a, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, 0, 0, 1));
    return 0;
}

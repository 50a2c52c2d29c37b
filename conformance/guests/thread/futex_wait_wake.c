/* futex(2): FUTEX_WAIT and FUTEX_WAKE: value check, counts, timeouts, spurious keys, private against shared,
 * waiting across processes, bad addresses and commands. */
#include "../guest.h"
#include <linux/futex.h>
#include <pthread.h>

static long fx(uint32_t *w, int op, uint32_t val, const void *ts, uint32_t *w2, uint32_t v3)
{
    return syscall(SYS_futex, w, op, val, ts, w2, v3);
}
static uint32_t word, gate;
static pid_t tids[8];
static long results[8];
static void *waiter(void *arg)
{
    long i = (long)arg;
    tids[i] = syscall(SYS_gettid);
    results[i] = fx(&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
    __atomic_add_fetch(&gate, 1, __ATOMIC_SEQ_CST);
    return 0;
}
static void await_gate(uint32_t n)
{
    for (int i = 0; i < 3000 && __atomic_load_n(&gate, __ATOMIC_SEQ_CST) < n; i++) nap(1);
    say("woken so far: %u\n", gate);
}

int main(void)
{
    fresh();
    struct timespec zero = { 0, 0 }, short_ = { 0, 20000000 }, bad = { 0, 1000000000 }, neg = { -1, 0 };
    t(fx(&word, FUTEX_WAIT, 1, 0, 0, 0));
    t(fx(&word, FUTEX_WAIT, 0, &zero, 0, 0));
    t(fx(&word, FUTEX_WAIT, 0, &short_, 0, 0));
    t(fx(&word, FUTEX_WAIT, 0, &bad, 0, 0));
    t(fx(&word, FUTEX_WAIT, 0, &neg, 0, 0));
    t(fx(&word, FUTEX_WAIT, 1, &bad, 0, 0));
    t(fx(&word, FUTEX_WAIT, 0, (void *)1, 0, 0));
    t(fx((void *)8, FUTEX_WAIT, 0, &zero, 0, 0));
    t(fx((void *)((char *)&word + 1), FUTEX_WAIT, 0, &zero, 0, 0));
    t(fx((void *)-4096L, FUTEX_WAIT, 0, &zero, 0, 0));
    t(fx((void *)8, FUTEX_WAKE, 1, 0, 0, 0));
    t(fx((void *)8, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));
    t(fx((void *)((char *)&word + 2), FUTEX_WAKE, 1, 0, 0, 0));
    t(fx(&word, FUTEX_WAKE, 1, 0, 0, 0));
    t(fx(&word, 99, 0, 0, 0, 0));
    t(fx(&word, FUTEX_FD, 0, 0, 0, 0));

    pthread_t th[5];
    for (long i = 0; i < 5; i++) {
        pthread_create(&th[i], 0, waiter, (void *)i);
        while (!__atomic_load_n(&tids[i], __ATOMIC_SEQ_CST)) nap(1);
        settle_in(getpid(), tids[i], "S");
    }
    t(fx(&word, FUTEX_WAKE, 9, 0, 0, 0));
    t(fx(&gate, FUTEX_WAKE_PRIVATE, 9, 0, 0, 0));
    t(fx(&word, FUTEX_WAKE_PRIVATE, 0, 0, 0, 0));
    t(fx(&word, FUTEX_WAKE_PRIVATE, 2, 0, 0, 0));
    await_gate(3);
    t(fx(&word, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0));
    await_gate(5);
    for (int i = 0; i < 5; i++) { pthread_join(th[i], 0); say("waiter %d returned %ld\n", i, results[i]); }
    t(fx(&word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));

    /* A shared word wakes another process, also when mapped at another address. */
    uint32_t *sh = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t p = spawn({
        uint32_t *other = mremap(sh, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)0x600000000000UL);
        say("child: wait %ld\n", fx(other + 1, FUTEX_WAIT, 0, 0, 0, 0));
    });
    settle(p);
    t(fx(sh + 1, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));
    t(fx(sh, FUTEX_WAKE, 1, 0, 0, 0));
    long woke = fx(sh + 1, FUTEX_WAKE, 1, 0, 0, 0);
    reap(p, "child");
    v(woke);
    return 0;
}

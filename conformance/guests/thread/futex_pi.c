/* futex(2): FUTEX_LOCK_PI, TRYLOCK_PI, UNLOCK_PI: the word's owner and waiters bit, deadlock, wrong owner, timeouts, owner death. */
#include "../guest.h"
#include <linux/futex.h>
#include <pthread.h>

static uint32_t w;
static volatile int step;
static pid_t tid;
static long fx(int op, const struct timespec *ts) { return syscall(SYS_futex, &w, op | FUTEX_PRIVATE_FLAG, 0, ts, 0, 0); }
static void word(const char *what, pid_t me)
{
    uint32_t x = __atomic_load_n(&w, __ATOMIC_SEQ_CST), o = x & FUTEX_TID_MASK;
    say("  %s: owner %s%s%s\n", what, o == 0 ? "none" : o == (uint32_t)me ? "main" : o == (uint32_t)tid ? "thread" : "other", x & FUTEX_WAITERS ? ", waiters" : "", x & FUTEX_OWNER_DIED ? ", died" : "");
}
static long result;
static int err;
static void *locks(void *a)
{
    tid = syscall(SYS_gettid);
    step = 1;
    result = fx(FUTEX_LOCK_PI, 0);
    err = errno;
    if (a) fx(FUTEX_UNLOCK_PI, 0);
    return 0;
}
static void *tries(void *a)
{
    (void)a;
    tid = syscall(SYS_gettid);
    t(fx(FUTEX_TRYLOCK_PI, 0));
    t(fx(FUTEX_UNLOCK_PI, 0));
    struct timespec past = { 1, 0 };
    t(fx(FUTEX_LOCK_PI, &past));
    return 0;
}

int main(void)
{
    fresh();
    pid_t me = getpid();
    pthread_t th;
    t(fx(FUTEX_LOCK_PI, 0));
    word("locked", me);
    t(fx(FUTEX_LOCK_PI, 0));
    t(fx(FUTEX_TRYLOCK_PI, 0));
    say("another thread\n");
    pthread_create(&th, 0, tries, 0);
    pthread_join(th, 0);
    word("still", me);
    t(fx(FUTEX_UNLOCK_PI, 0));
    word("unlocked", me);
    t(fx(FUTEX_UNLOCK_PI, 0));
    t(fx(FUTEX_TRYLOCK_PI, 0));
    say("handing over\n");
    pthread_create(&th, 0, locks, (void *)1);
    while (!step) nap(1);
    settle_in(me, tid, "S");
    word("a waiter", me);
    t(fx(FUTEX_UNLOCK_PI, 0));
    pthread_join(th, 0);
    v(result);
    word("after both", me);
    say("the owner's thread ends with the lock\n");
    step = 0;
    pthread_create(&th, 0, locks, 0);
    pthread_join(th, 0);
    v(result);
    word("dead owner, not in its robust list", me);
    t(fx(FUTEX_LOCK_PI, 0));
    t(fx(FUTEX_TRYLOCK_PI, 0));
    w = 1 << 22 | 1;
    t(fx(FUTEX_LOCK_PI, 0));
    say("a waiter when the owner dies\n");
    w = 0;
    uint32_t *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t p = spawn({ syscall(SYS_futex, s, FUTEX_LOCK_PI, 0, 0, 0, 0); s[1] = 1; settle(getppid()); });
    while (!__atomic_load_n(&s[1], __ATOMIC_SEQ_CST)) nap(1);
    t(syscall(SYS_futex, s, FUTEX_LOCK_PI, 0, 0, 0, 0));
    say("  word: mine %d, died %d\n", (*s & FUTEX_TID_MASK) == (uint32_t)me, !!(*s & FUTEX_OWNER_DIED));
    reap(p, "owner");
    t(syscall(SYS_futex, s, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
    t(syscall(SYS_futex, 8, FUTEX_LOCK_PI, 0, 0, 0, 0));
    t(syscall(SYS_futex, (char *)s + 2, FUTEX_LOCK_PI, 0, 0, 0, 0));
    return 0;
}

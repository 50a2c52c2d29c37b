/* pthread_key_create(3), __thread, arch_prctl(2): thread-local data apart in each thread and copied by fork; destructors; errno per
 * thread; the FS base; TLS with initial values, alignment and many kilobytes. */
#include "../guest.h"
#include <pthread.h>

static __thread int plain = 7;
static __thread char big[100000];
static __thread struct { int a; } __attribute__((aligned(256))) aligned = { 9 };
static pthread_key_t key, key2;
static int destroyed, rounds;
static void dtor(void *p) { destroyed += (long)p; }
static void again(void *p) { if (++rounds < 3) pthread_setspecific(key2, p); }

static void *worker(void *arg)
{
    long i = (long)arg;
    int ok = plain == 7 && aligned.a == 9 && ((unsigned long)&aligned & 255) == 0;
    long sum = 0;
    for (int k = 0; k < (int)sizeof big; k++) sum += big[k];
    ok &= sum == 0;
    plain = 100 + i;
    big[sizeof big - 1] = i;
    aligned.a = i;
    pthread_setspecific(key, (void *)i);
    if (i == 1) pthread_setspecific(key2, (void *)1L);
    errno = 1000 + i;
    for (int k = 0; k < 20; k++) { sched_yield(); close(-1); if (errno != EBADF) ok = 0; errno = 1000 + i; }
    ok &= plain == 100 + i && big[sizeof big - 1] == i && aligned.a == i && errno == 1000 + i && pthread_getspecific(key) == (void *)i;
    return (void *)(long)ok;
}
static void *base(void *a)
{
    (void)a;
    unsigned long fs = 0, self;
    syscall(SYS_arch_prctl, 0x1003, &fs);
    __asm__("mov %%fs:0, %0" : "=r"(self));
    return (void *)(long)(fs == self && fs == (unsigned long)pthread_self());
}

int main(void)
{
    fresh();
    pthread_t th[8];
    void *r;
    int good = 0;
    pthread_key_create(&key, dtor);
    pthread_key_create(&key2, again);
    for (long i = 1; i <= 8; i++) pthread_create(&th[i - 1], 0, worker, (void *)i);
    for (int i = 0; i < 8; i++) { pthread_join(th[i], &r); good += (long)r; }
    say("threads with right values %d, destructors got %d, key set again in its destructor: rounds %d\n", good, destroyed, rounds);
    say("main untouched: %d %d %d\n", plain, big[sizeof big - 1], aligned.a);
    plain = 55;
    pid_t p = spawn({ say("child: %d\n", plain); plain = 56; });
    reap(p, "child");
    say("parent: %d\n", plain);
    v((long)base(0));
    pthread_create(&th[0], 0, base, 0);
    pthread_join(th[0], &r);
    say("FS base in a thread %ld\n", (long)r);
    unsigned long gs = 1;
    t(syscall(SYS_arch_prctl, 0x1004, &gs));
    v(gs);
    static long area[4] = { 11, 22, 33, 44 };
    t(syscall(SYS_arch_prctl, 0x1001, area));
    long x;
    __asm__ volatile("mov %%gs:16, %0" : "=r"(x));
    v(x);
    sched_yield();
    p = spawn({ __asm__ volatile("mov %%gs:8, %0" : "=r"(x)); say("child through GS: %ld\n", x); });
    reap(p, "child");
    __asm__ volatile("mov %%gs:24, %0" : "=r"(x));
    v(x);
    t(syscall(SYS_arch_prctl, 0x1001, 0x800000000000UL));
    t(syscall(SYS_arch_prctl, 0x1002, -1L));
    t(syscall(SYS_arch_prctl, 0x1003, 8));
    t(syscall(SYS_arch_prctl, 0x9999, 0));
    t(syscall(SYS_arch_prctl, 0x1004, &gs));
    v(gs == (unsigned long)area);
    /* More keys than one block of them. */
    int n = 0;
    pthread_key_t k;
    while (n < 2000 && pthread_key_create(&k, 0) == 0) n++;
    say("keys until %s: many %d\n", ename(pthread_key_create(&k, 0)), n > 900);
    return 0;
}

/* pthread_mutex_lock(3): normal, recursive and error-checking mutexes, trylock, timedlock, contention that keeps a count right,
 * process-shared mutexes in shared memory, priority inheritance. */
#include "../guest.h"
#include <pthread.h>

static pthread_mutex_t m;
static long counter;
static int kind;
static void init(int type, int shared, int pi)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, type);
    if (shared) pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    if (pi) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    te(pthread_mutex_init(&m, &a));
}
static struct timespec in_ms(int ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += ms * 1000000L;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}
static void *count(void *a)
{
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&m);
        if (kind == 1) pthread_mutex_lock(&m);
        counter++;
        if (kind == 1) pthread_mutex_unlock(&m);
        pthread_mutex_unlock(&m);
        if (i % 500 == 0) sched_yield();
    }
    return a;
}
static void *other(void *a)
{
    (void)a;
    te(pthread_mutex_trylock(&m));
    struct timespec ts = in_ms(20);
    te(pthread_mutex_timedlock(&m, &ts));
    te(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &(struct timespec){ 0, 0 }));
    if (kind == 2) te(pthread_mutex_unlock(&m));
    return 0;
}

int main(void)
{
    fresh();
    int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };
    pthread_t th[6];
    for (kind = 0; kind < 4; kind++)
        for (int pi = 0; pi < 2; pi++) {
            say("-- kind %d, inheritance %d\n", kind, pi);
            init(types[kind], 0, pi);
            te(pthread_mutex_lock(&m));
            if (kind == 1 || kind == 2) te(pthread_mutex_lock(&m));
            te(pthread_mutex_trylock(&m));
            pthread_create(&th[0], 0, other, 0);
            pthread_join(th[0], 0);
            te(pthread_mutex_unlock(&m));
            if (kind == 1) { te(pthread_mutex_unlock(&m)); te(pthread_mutex_unlock(&m)); }
            if (kind == 1 || kind == 2) te(pthread_mutex_unlock(&m));
            struct timespec ts = { 0, 1000000000 };
            te(pthread_mutex_timedlock(&m, &ts));
            te(pthread_mutex_timedlock(&m, &ts));
            while (kind != 0 && kind != 3 && pthread_mutex_unlock(&m) == 0) {}
            if (kind == 0 || kind == 3) pthread_mutex_unlock(&m);
            counter = 0;
            for (int i = 0; i < 6; i++) pthread_create(&th[i], 0, count, 0);
            for (int i = 0; i < 6; i++) pthread_join(th[i], 0);
            say("six threads counted %ld\n", counter);
        }
    say("-- between processes\n");
    struct { pthread_mutex_t m; long n; } *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int pi = 0; pi < 2; pi++) {
        pthread_mutexattr_t a;
        pthread_mutexattr_init(&a);
        pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
        if (pi) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
        pthread_mutex_init(&s->m, &a);
        s->n = 0;
        for (int c = 0; c < 4; c++)
            spawn({ for (int i = 0; i < 2000; i++) { pthread_mutex_lock(&s->m); long x = s->n; if (i % 100 == 0) sched_yield(); s->n = x + 1; pthread_mutex_unlock(&s->m); } });
        while (wait(0) > 0) {}
        say("four processes counted %ld\n", s->n);
    }
    return 0;
}

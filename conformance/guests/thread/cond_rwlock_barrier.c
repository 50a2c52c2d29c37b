/* pthread_cond_wait(3), pthread_rwlock_rdlock(3), pthread_barrier_wait(3), sem_wait(3), pthread_once(3): a bounded queue, broadcast,
 * timeouts, readers together and writers alone, barriers in rounds, semaphores with timeouts and between processes. */
#include "../guest.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t full = PTHREAD_COND_INITIALIZER, empty = PTHREAD_COND_INITIALIZER;
static int q[4], n, in, out, woken, gate;
static long sum;
static void *producer(void *a)
{
    for (int i = 1; i <= 500; i++) {
        pthread_mutex_lock(&m);
        while (n == 4) pthread_cond_wait(&full, &m);
        q[in++ % 4] = i;
        n++;
        pthread_cond_signal(&empty);
        pthread_mutex_unlock(&m);
    }
    return a;
}
static void *consumer(void *a)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&m);
        while (n == 0) pthread_cond_wait(&empty, &m);
        sum += q[out++ % 4];
        n--;
        pthread_cond_signal(&full);
        pthread_mutex_unlock(&m);
    }
    return a;
}
static void *waits(void *a)
{
    pthread_mutex_lock(&m);
    n++;
    while (!gate) pthread_cond_wait(&empty, &m);
    woken++;
    pthread_mutex_unlock(&m);
    return a;
}
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static int readers, most, broken, value;
static void *reader(void *a)
{
    pthread_rwlock_rdlock(&rw);
    int r = __atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
    if (r > most) most = r;
    for (int i = 0; i < 3000 && __atomic_load_n(&readers, __ATOMIC_SEQ_CST) < 3 && !gate; i++) nap(1);
    gate = 1;
    __atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
    pthread_rwlock_unlock(&rw);
    return a;
}
static void *writer(void *a)
{
    for (int i = 0; i < 300; i++) {
        pthread_rwlock_wrlock(&rw);
        if (readers || value & 1) broken++;
        value++;
        if (i % 50 == 0) sched_yield();
        value++;
        pthread_rwlock_unlock(&rw);
    }
    return a;
}
static pthread_barrier_t bar;
static int serial, phase[4], late;
static void *rounds(void *arg)
{
    long me = (long)arg;
    for (int r = 1; r <= 50; r++) {
        phase[me] = r;
        int x = pthread_barrier_wait(&bar);
        if (x == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 4; i++) if (phase[i] < r) late++;
        pthread_barrier_wait(&bar);
    }
    return 0;
}
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int inits;
static void init(void) { nap(5); inits++; }
static void *onces(void *a) { pthread_once(&once, init); return a; }

int main(void)
{
    fresh();
    pthread_t th[8];
    struct timespec ts;
    for (int i = 0; i < 3; i++) { pthread_create(&th[i], 0, producer, 0); pthread_create(&th[i + 3], 0, consumer, 0); }
    for (int i = 0; i < 6; i++) pthread_join(th[i], 0);
    say("queue: sum %ld left %d\n", sum, n);

    for (int i = 0; i < 5; i++) pthread_create(&th[i], 0, waits, 0);
    for (int left = 1; left; nap(1)) { pthread_mutex_lock(&m); left = n < 5; pthread_mutex_unlock(&m); }
    pthread_mutex_lock(&m);
    gate = 1;
    te(pthread_cond_broadcast(&empty));
    pthread_mutex_unlock(&m);
    for (int i = 0; i < 5; i++) pthread_join(th[i], 0);
    say("broadcast woke %d\n", woken);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec -= 1;
    pthread_mutex_lock(&m);
    te(pthread_cond_timedwait(&empty, &m, &ts));
    ts.tv_sec += 1;
    te(pthread_cond_timedwait(&empty, &m, &ts));
    clock_gettime(CLOCK_MONOTONIC, &ts);
    te(pthread_cond_clockwait(&empty, &m, CLOCK_MONOTONIC, &ts));
    pthread_mutex_unlock(&m);

    gate = 0;
    for (int i = 0; i < 3; i++) pthread_create(&th[i], 0, reader, 0);
    for (int i = 0; i < 3; i++) pthread_join(th[i], 0);
    say("readers together: %d\n", most);
    for (int i = 0; i < 4; i++) pthread_create(&th[i], 0, i < 3 ? writer : reader, 0);
    for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
    say("writers alone: broken %d value %d\n", broken, value);
    pthread_rwlock_rdlock(&rw);
    te(pthread_rwlock_tryrdlock(&rw));
    te(pthread_rwlock_trywrlock(&rw));
    clock_gettime(CLOCK_REALTIME, &ts);
    te(pthread_rwlock_timedwrlock(&rw, &ts));
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_unlock(&rw);

    pthread_barrier_init(&bar, 0, 4);
    for (long i = 0; i < 4; i++) pthread_create(&th[i], 0, rounds, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
    say("barrier: serial threads %d, late %d\n", serial, late);
    for (int i = 0; i < 6; i++) pthread_create(&th[i], 0, onces, 0);
    for (int i = 0; i < 6; i++) pthread_join(th[i], 0);
    say("once: %d\n", inits);

    sem_t *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(s, 1, 2);
    t(sem_wait(s));
    t(sem_trywait(s));
    t(sem_trywait(s));
    clock_gettime(CLOCK_REALTIME, &ts);
    t(sem_timedwait(s, &ts));
    pid_t p = spawn({ settle(getppid()); sem_post(s); });
    t(sem_wait(s));
    reap(p, "poster");
    int x;
    sem_getvalue(s, &x);
    v(x);
    return 0;
}

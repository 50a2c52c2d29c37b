/* pthread_condattr_setpshared(3), pthread_condattr_setclock(3), sem_open(3), pthread_barrierattr_setpshared(3): between processes: a condition, a barrier, a
 * read-write lock, named semaphores; a waiter killed while it waits. */
#include "../guest.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

static struct shared {
    pthread_mutex_t m;
    pthread_cond_t c;
    pthread_barrier_t b;
    pthread_rwlock_t rw;
    int turn, ready, count, readers, most;
    long sum;
} *s;

int main(void)
{
    fresh();
    s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    pthread_barrierattr_t ba;
    pthread_rwlockattr_t ra;
    pthread_mutexattr_init(&ma);
    pthread_condattr_init(&ca);
    pthread_barrierattr_init(&ba);
    pthread_rwlockattr_init(&ra);
    te(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
    te(pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
    te(pthread_condattr_setclock(&ca, CLOCK_MONOTONIC));
    te(pthread_condattr_setclock(&ca, CLOCK_PROCESS_CPUTIME_ID));
    te(pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED));
    te(pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED));
    pthread_mutex_init(&s->m, &ma);
    pthread_cond_init(&s->c, &ca);
    pthread_barrier_init(&s->b, &ba, 4);
    pthread_rwlock_init(&s->rw, &ra);

    say("turns of three processes\n");
    for (int me = 0; me < 3; me++)
        spawn({
            for (int i = 0; i < 100; i++) {
                pthread_mutex_lock(&s->m);
                while (s->turn % 3 != me) pthread_cond_wait(&s->c, &s->m);
                s->sum = s->sum * 3 + me;
                s->sum %= 1000003;
                s->turn++;
                pthread_cond_broadcast(&s->c);
                pthread_mutex_unlock(&s->m);
            }
        });
    while (wait(0) > 0) {}
    say("turns %d, sum %ld\n", s->turn, s->sum);
    say("a barrier of four processes, fifty rounds\n");
    for (int me = 0; me < 4; me++)
        spawn({
            int serial = 0;
            for (int i = 0; i < 50; i++) {
                __atomic_add_fetch(&s->count, 1, __ATOMIC_SEQ_CST);
                serial += pthread_barrier_wait(&s->b) == PTHREAD_BARRIER_SERIAL_THREAD;
                if (s->count != 4 * (i + 1)) __atomic_add_fetch(&s->readers, 100000, __ATOMIC_SEQ_CST);
                pthread_barrier_wait(&s->b);
            }
            __atomic_add_fetch(&s->ready, serial, __ATOMIC_SEQ_CST);
        });
    while (wait(0) > 0) {}
    say("count %d, serial %d, out of step %d\n", s->count, s->ready, s->readers);
    say("a read-write lock\n");
    s->count = 0;
    for (int me = 0; me < 3; me++)
        spawn({
            for (int i = 0; i < 300; i++) {
                pthread_rwlock_wrlock(&s->rw);
                int x = s->count;
                if (i % 50 == 0) sched_yield();
                s->count = x + 1;
                pthread_rwlock_unlock(&s->rw);
                pthread_rwlock_rdlock(&s->rw);
                if (s->count < x + 1) s->most = 1;
                pthread_rwlock_unlock(&s->rw);
            }
        });
    while (wait(0) > 0) {}
    say("count %d, went back %d\n", s->count, s->most);

    say("a waiter is killed: others are not held up\n");
    s->ready = 0;
    pid_t p = spawn({ pthread_mutex_lock(&s->m); for (;;) pthread_cond_wait(&s->c, &s->m); });
    settle(p);
    pid_t q = spawn({ pthread_mutex_lock(&s->m); while (!s->ready) pthread_cond_wait(&s->c, &s->m); pthread_mutex_unlock(&s->m); _exit(6); });
    settle(q);
    kill(p, SIGKILL);
    reap(p, "killed");
    pthread_mutex_lock(&s->m);
    s->ready = 1;
    pthread_cond_broadcast(&s->c);
    pthread_mutex_unlock(&s->m);
    reap(q, "the other");
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    pthread_mutex_lock(&s->m);
    te(pthread_cond_timedwait(&s->c, &s->m, &ts));
    pthread_mutex_unlock(&s->m);

    say("named semaphores\n");
    char name[32];
    snprintf(name, 32, "/guest-%d", getpid());
    v(sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
    sem_t *a = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    v(a != SEM_FAILED);
    v(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
    v(sem_open(name, 0) == a);
    t(sem_wait(a));
    p = spawn({ sem_t *x = sem_open(name, 0); t(sem_trywait(x)); t(sem_wait(x)); say("  child goes on\n"); });
    settle(p);
    sem_post(a);
    reap(p, "child");
    t(sem_unlink(name));
    t(sem_unlink(name));
    t(sem_post(a));
    int x;
    sem_getvalue(a, &x);
    v(x);
    t(sem_close(a));
    v(sem_open("noslash/x", O_CREAT, 0600, 1) == SEM_FAILED);
    say("shared memory objects\n");
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    v(fd > 2);
    t(fcntl(fd, F_GETFD));
    t(ftruncate(fd, 8192));
    char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p = spawn({ int f = shm_open(name, O_RDWR, 0); char *c = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0); strcpy(c + 5000, "by the child"); });
    reap(p, "child");
    say("%s\n", m + 5000);
    t(shm_unlink(name));
    t(shm_open(name, O_RDWR, 0));
    return 0;
}

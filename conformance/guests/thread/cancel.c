/* pthread_cancel(3), pthread_cleanup_push(3): cancellation in blocking calls, deferred and disabled, asynchronous in a loop, cleanup order,
 * keys' destructors after cleanups, a cancelled cond_wait owns its mutex. */
#include "../guest.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>

static int pp[2], sv[2], mode;
static volatile int ready;
static pid_t tid;
static sem_t sem;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static char order[16];
static void mark(void *p) { strcat(order, p); }
static void unlock(void *p) { strcat(order, pthread_mutex_unlock(p) == 0 ? "u" : "!"); }

static void *worker(void *arg)
{
    char b[4];
    int old;
    (void)arg;
    tid = syscall(SYS_gettid);
    pthread_setspecific(key, "k");
    pthread_cleanup_push(mark, "1");
    pthread_cleanup_push(mark, "2");
    if (mode >= 10) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    if (mode == 9) pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    ready = 1;
    switch (mode) {
    case 0: read(pp[0], b, 1); break;
    case 1: nap(5000); break;
    case 2: pause(); break;
    case 3: poll(0, 0, 5000); break;
    case 4: recv(sv[0], b, 1, 0); break;
    case 5: sem_wait(&sem); break;
    case 6: pthread_mutex_lock(&m); pthread_cleanup_push(unlock, &m); pthread_cond_wait(&c, &m); pthread_cleanup_pop(1); break;
    case 7: waitpid(-1, 0, 0); break;
    case 8: for (;;) { sched_yield(); pthread_testcancel(); } break;
    case 9: for (;;) __asm__ volatile("pause"); break;
    case 10: read(pp[0], b, 1); mark("d"); pthread_setcancelstate(old, 0); mark("e"); pthread_testcancel(); mark("!"); break;
    case 11: read(pp[0], b, 1); mark("d"); break;
    }
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(1);
    return "returned";
}
static const char *const names[] = { "read", "nanosleep", "pause", "poll", "recv", "sem_wait", "cond_wait", "waitpid", "testcancel", "asynchronous", "disabled, then enabled", "disabled to the end" };

int main(void)
{
    fresh();
    must(pipe(pp));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    sem_init(&sem, 0, 0);
    pthread_key_create(&key, mark);
    pid_t kid = spawn(for (;;) pause());
    for (mode = 0; mode < COUNT(names); mode++) {
        pthread_t th;
        void *r;
        order[0] = ready = 0;
        pthread_create(&th, 0, worker, 0);
        while (!ready) nap(1);
        if (mode != 8 && mode != 9) settle_in(getpid(), tid, "S");
        te(pthread_cancel(th));
        if (mode >= 10) { nap(10); write(pp[1], "x", 1); }
        te(pthread_join(th, &r));
        say("%s: %s, order %s\n", names[mode], r == PTHREAD_CANCELED ? "cancelled" : (char *)r, order);
    }
    say("the mutex is free: %s\n", ename(pthread_mutex_trylock(&m)));
    kill(kid, SIGKILL);
    reap(kid, "child");
    /* Cancelling a thread that has already ended but is not joined. */
    pthread_t th;
    void *r;
    mode = 99;
    ready = 0;
    pthread_create(&th, 0, worker, 0);
    while (!ready) nap(1);
    nap(20);
    te(pthread_cancel(th));
    pthread_join(th, &r);
    say("late: %s\n", r == PTHREAD_CANCELED ? "cancelled" : (char *)r);
    /* A cancelled thread during pthread_exit of main: the process ends with the last thread. */
    pid_t p = spawn({ mode = 1; ready = 0; pthread_create(&th, 0, worker, 0); while (!ready) nap(1); pthread_cancel(th); pthread_exit(0); });
    reap(p, "main left first");
    return 0;
}

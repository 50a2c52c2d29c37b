/* pthread_mutexattr_setrobust(3), set_robust_list(2), get_robust_list(2): EOWNERDEAD and ENOTRECOVERABLE after the owner's thread or
 * process is gone, by exit, kill and exec; the owner-died bit and the waiter's wake by hand. */
#include "../guest.h"
#include <linux/futex.h>
#include <pthread.h>

static pthread_mutex_t *m;
static void init(int pi)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    if (pi) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    memset(m, 0, sizeof *m);
    pthread_mutex_init(m, &a);
}
static void *takes(void *a) { pthread_mutex_lock(m); return a; }
static void *leaves(void *a) { pthread_mutex_lock(m); syscall(SYS_exit, 0); return a; }

int main(int argc, char **argv)
{
    if (argc > 1) return atoi(argv[1]);
    fresh();
    m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_t th;
    for (int pi = 0; pi < 2; pi++) {
        say("-- inheritance %d\n", pi);
        init(pi);
        pthread_create(&th, 0, takes, 0);
        pthread_join(th, 0);
        te(pthread_mutex_lock(m));
        te(pthread_mutex_consistent(m));
        te(pthread_mutex_consistent(m));
        te(pthread_mutex_unlock(m));
        te(pthread_mutex_lock(m));
        te(pthread_mutex_unlock(m));
        const char *ways[] = { "exit", "SIGKILL", "exec", "a thread's raw exit" };
        for (int w = 0; w < 4; w++) {
            say("%s\n", ways[w]);
            pid_t p = spawn({
                if (w == 3) { pthread_create(&th, 0, leaves, 0); nap(1); pause(); }
                pthread_mutex_lock(m);
                if (w == 0) exit(3);
                if (w == 1) raise(SIGKILL);
                execl("/proc/self/exe", "self", "4", NULL);
            });
            if (w == 3) {
                /* The process lives on: the dead thread alone gives the mutex up. */
                int r;
                while ((r = pthread_mutex_trylock(m)) == 0) { pthread_mutex_unlock(m); nap(1); }
                if (r == EBUSY) r = pthread_mutex_lock(m);
                say("  lock: %s\n", ename(r));
                kill(p, SIGKILL);
                waitpid(p, 0, 0);
            } else {
                waitpid(p, 0, 0);
                say("  trylock: %s\n", ename(pthread_mutex_trylock(m)));
            }
            pthread_mutex_consistent(m);
            pthread_mutex_unlock(m);
        }
        say("a waiter is woken by the death\n");
        int pp[2];
        char c;
        must(pipe(pp));
        pid_t p = spawn({ pthread_mutex_lock(m); write(pp[1], "x", 1); settle(getppid()); _exit(0); });
        read(pp[0], &c, 1);
        te(pthread_mutex_lock(m));
        reap(p, "owner");
        say("not made consistent\n");
        te(pthread_mutex_unlock(m));
        te(pthread_mutex_lock(m));
        te(pthread_mutex_trylock(m));
        te(pthread_mutex_destroy(m));
    }
    say("-- by hand\n");
    struct { struct robust_list_head h; struct { struct robust_list l; unsigned f; } e; } *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s->h.list.next = &s->e.l;
    s->e.l.next = &s->h.list;
    s->h.futex_offset = (char *)&s->e.f - (char *)&s->e.l;
    pid_t p = spawn({ t(syscall(SYS_set_robust_list, &s->h, sizeof s->h)); s->e.f = getpid(); });
    reap(p, "owner");
    say("owner died bit %d, tid gone %d\n", !!(s->e.f & FUTEX_OWNER_DIED), (s->e.f & FUTEX_TID_MASK) == 0);
    p = spawn({ syscall(SYS_set_robust_list, &s->h, sizeof s->h); s->e.f = 12345; });
    reap(p, "not the owner");
    say("word %u\n", s->e.f);
    p = spawn({ syscall(SYS_set_robust_list, &s->h, sizeof s->h); s->h.list.next = (void *)8; s->e.f = getpid(); });
    reap(p, "a broken list");
    say("word kept %d\n", s->e.f == (unsigned)p);
    void *head = 0;
    size_t len = 0;
    t(syscall(SYS_get_robust_list, 0, &head, &len));
    say("has a head %d, length %zu\n", head != 0, len);
    t(syscall(SYS_get_robust_list, 1 << 22, &head, &len));
    t(syscall(SYS_get_robust_list, 0, 8, &len));
    t(syscall(SYS_set_robust_list, &s->h, 8));
    return 0;
}

/* mmap(2) MAP_SHARED: atomic counters and hand-overs between processes and threads through anonymous, file and memfd memory, mapped
 * at different addresses, while others fork, map and unmap. */
#include "../guest.h"
#include <linux/futex.h>
#include <pthread.h>

#define RW (PROT_READ | PROT_WRITE)
struct page { long count; uint32_t turn; long data[100]; };

static void *churn(void *stop)
{
    long n = 0;
    while (!__atomic_load_n((int *)stop, __ATOMIC_SEQ_CST)) {
        char *p = mmap(0, 16 * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[5 * 4096] = 1;
        mprotect(p, 4096, PROT_READ);
        if (p[5 * 4096] != 1 || p[6 * 4096] != 0) n++;
        munmap(p, 16 * 4096);
    }
    return (void *)n;
}

int main(void)
{
    fresh();
    xmkdtemp();
    put("file", "");
    int fds[3] = { -1, open("file", O_RDWR), syscall(SYS_memfd_create, "m", 0) };
    const char *kinds[] = { "anonymous", "file", "memfd" };
    for (int k = 0; k < 3; k++) {
        if (k) must(ftruncate(fds[k], 4096));
        struct page *s = mmap(0, 4096, RW, MAP_SHARED | (k ? 0 : MAP_ANONYMOUS), fds[k], 0);
        pid_t p[4];
        for (int i = 0; i < 4; i++)
            p[i] = spawn({
                struct page *mine = k ? mmap(0, 4096, RW, MAP_SHARED, fds[k], 0) : s;
                for (int j = 0; j < 20000; j++) __atomic_add_fetch(&mine->count, 1, __ATOMIC_SEQ_CST);
            });
        for (int i = 0; i < 4; i++) waitpid(p[i], 0, 0);
        say("%s: counted %ld\n", kinds[k], s->count);
        /* Turns by futex: parent and child write alternate values. */
        pid_t c = spawn({
            for (int i = 1; i < 200; i += 2) {
                while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) != (uint32_t)i) syscall(SYS_futex, &s->turn, FUTEX_WAIT, i - 1, 0, 0, 0);
                s->data[i % 100] = i * 3;
                __atomic_store_n(&s->turn, i + 1, __ATOMIC_SEQ_CST);
                syscall(SYS_futex, &s->turn, FUTEX_WAKE, 1, 0, 0, 0);
            }
        });
        long sum = 0;
        for (int i = 0; i < 200; i += 2) {
            while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) != (uint32_t)i) syscall(SYS_futex, &s->turn, FUTEX_WAIT, i - 1, 0, 0, 0);
            if (i) sum += s->data[(i - 1) % 100];
            __atomic_store_n(&s->turn, i + 1, __ATOMIC_SEQ_CST);
            syscall(SYS_futex, &s->turn, FUTEX_WAKE, 1, 0, 0, 0);
        }
        waitpid(c, 0, 0);
        say("%s: turns %u sum %ld\n", kinds[k], s->turn, sum);
        munmap(s, 4096);
    }
    say("-- threads that map and unmap while children are made\n");
    int stop = 0;
    pthread_t th[2];
    char *own = mmap(0, 64 * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 2; i++) pthread_create(&th[i], 0, churn, &stop);
    int wrong = 0;
    for (int r = 0; r < 20; r++) {
        for (int i = 0; i < 64; i++) own[i * 4096] = r;
        pid_t p = spawn({
            int bad = 0;
            for (int i = 0; i < 64; i++) { bad += own[i * 4096] != r; own[i * 4096] = 99; }
            _exit(bad != 0);
        });
        for (int i = 0; i < 64; i++) { wrong += own[i * 4096] != r; own[i * 4096] = 77; }
        int st;
        waitpid(p, &st, 0);
        wrong += st != 0;
    }
    stop = 1;
    void *bad;
    for (int i = 0; i < 2; i++) { pthread_join(th[i], &bad); wrong += (long)bad; }
    say("wrong %d\n", wrong);
    return 0;
}

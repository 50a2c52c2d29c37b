/* mmap(2), munmap(2), mprotect(2), madvise(2), mremap(2), fork(2): random sequences on private, shared and file memory by several threads at
 * once, each checking every page it owns before every step, and children checking all of them. */
#include "../guest.h"
#include <pthread.h>

#define P 4096
#define N 24
enum { PRIVATE, SHARED, MAPPED, PLAIN };
struct range {
    char *p;
    int n, kind;
    unsigned char v[64];
};
static int iterations = 1500, file;
static long bad;

static unsigned rnd(unsigned *s)
{
    *s = *s * 1664525u + 1013904223u;
    return *s >> 8;
}
/* Where the byte of a page is kept: not always at its start. */
static int at(const struct range *r, int i) { return i * P + (r->kind == MAPPED ? 0 : i * 37 % P); }
static unsigned char fresh_value(int kind, int i) { return kind == MAPPED ? i + 1 : 0; }

static void wrong(void) { __atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST); }

static void check(const struct range *r)
{
    for (int i = 0; i < r->n; i++) if ((unsigned char)r->p[at(r, i)] != r->v[i]) wrong();
}

static void make(struct range *r, unsigned *s)
{
    int n = 1 + rnd(s) % 40, kind = rnd(s) % 4;
    int flags = kind == SHARED ? MAP_SHARED | MAP_ANONYMOUS : kind == MAPPED ? MAP_PRIVATE : MAP_PRIVATE | MAP_ANONYMOUS;
    char *p = mmap(0, n * P, PROT_READ | PROT_WRITE, flags, kind == MAPPED ? file : -1, 0);
    if (p == MAP_FAILED) return wrong();
    *r = (struct range){ .p = p, .n = n, .kind = kind };
    for (int i = 0; i < n; i++) r->v[i] = fresh_value(kind, i);
}

static void grow(struct range *r)
{
    char *q = mremap(r->p, r->n * P, (r->n + 3) * P, MREMAP_MAYMOVE);
    if (q == MAP_FAILED) return wrong();
    r->p = q;
    for (int i = r->n; i < r->n + 3; i++) r->v[i] = fresh_value(r->kind, i);
    r->n += 3;
}

static void split(struct range *all)
{
    pid_t c = fork();
    if (c == 0) {
        bad = 0;
        for (int k = 0; k < N; k++) {
            if (!all[k].p) continue;
            check(&all[k]);
            if (all[k].kind != SHARED) for (int i = 0; i < all[k].n; i++) all[k].p[at(&all[k], i)] = 99;
        }
        _exit(bad != 0);
    }
    int st;
    if (c < 0 || waitpid(c, &st, 0) != c || st) wrong();
}

static void *work(void *arg)
{
    unsigned s = (long)arg * 7919 + 1;
    struct range all[N] = { 0 };
    for (int step = 0; step < iterations; step++) {
        struct range *r = &all[rnd(&s) % N];
        if (!r->p) { make(r, &s); continue; }
        check(r);
        int op = rnd(&s) % 12, i = rnd(&s) % r->n;
        if (op < 4) r->p[at(r, i)] = r->v[i] = rnd(&s);
        else if (op == 4) { munmap(r->p, r->n * P); r->p = 0; }
        else if (op == 5) { mprotect(r->p + i * P, P, PROT_READ); mprotect(r->p + i * P, P, PROT_READ | PROT_WRITE); }
        else if (op == 6 && r->kind != SHARED) { madvise(r->p + i * P, P, MADV_DONTNEED); r->v[i] = fresh_value(r->kind, i); }
        else if (op == 7 && r->n < 60 && r->kind != SHARED) grow(r);
        else if (op == 8 && r->n > 2) munmap(r->p + --r->n * P, P);
        else if (op == 9 && rnd(&s) % 40 == 0) split(all);
    }
    for (int k = 0; k < N; k++) if (all[k].p) check(&all[k]);
    return 0;
}

int main(void)
{
    fresh();
    xmkdtemp();
    file = must(open("file", O_RDWR | O_CREAT, 0600));
    char page[P];
    for (int i = 0; i < 64; i++) {
        memset(page, i + 1, P);
        must(write(file, page, P));
    }
    work((void *)100);
    say("alone: %ld wrong\n", bad);
    pthread_t th[4];
    for (long i = 0; i < 4; i++) pthread_create(&th[i], 0, work, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(th[i], 0);
    say("together: %ld wrong\n", bad);
    return 0;
}

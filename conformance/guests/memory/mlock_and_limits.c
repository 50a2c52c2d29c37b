// kernel: fresh
// Memory that an earlier program gave back is handed out resident; mincore(2) tells.
/* mlock(2), mlock2(2), mlockall(2), munlock(2): ranges, holes, RLIMIT_MEMLOCK for users, VmLck, locks are not inherited by fork. */
#include "../guest.h"

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
static long locked(void)
{
    char b[4096];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    close(fd);
    b[n > 0 ? n : 0] = 0;
    char *p = strstr(b, "VmLck:");
    return p ? atol(p + 6) : -1;
}
static int in_core(char *p, int pages)
{
    unsigned char vec[64];
    int n = 0;
    mincore(p, pages * P, vec);
    for (int i = 0; i < pages; i++) n += vec[i] & 1;
    return n;
}

int main(void)
{
    fresh();
    struct rlimit rl = { 1 << 20, 1 << 20 };
    getrlimit(RLIMIT_MEMLOCK, &rl);
    char *a = mmap(0, 16 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(a, 16 * P, MADV_NOHUGEPAGE);
    v(locked());
    v(in_core(a, 16));
    t(mlock(a, 4 * P));
    v(locked());
    v(in_core(a, 16));
    t(mlock(a + 100, 10));
    v(locked());
    t(mlock(a + 4 * P - 1, 2));
    v(locked());
    t(munlock(a + P, P));
    v(locked());
    t(munlock(a, 16 * P));
    v(locked());
    t(syscall(SYS_mlock2, a + 8 * P, 4 * P, 1));
    v(locked());
    v(in_core(a + 8 * P, 4));
    a[9 * P] = 1;
    v(in_core(a + 8 * P, 4));
    t(syscall(SYS_mlock2, a, P, 2));
    pid_t p = spawn({ v(locked()); });
    reap(p, "child");
    munmap(a + 8 * P, 2 * P);
    v(locked());
    t(mlock(a + 6 * P, 8 * P));
    t(munlock(a + 6 * P, 8 * P));
    t(mlock(a, 0));
    t(mlock(a, -1UL));
    t(mlock((void *)0x10000, P));
    char *none = mmap(0, P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t(mlock(none, P));
    t(munlock(none, P));
    char *l = mmap(0, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    v(in_core(l, 4));

    say("-- all\n");
    t(munlockall());
    v(locked());
    t(mlockall(0));
    t(mlockall(8));
    t(mlockall(MCL_ONFAULT));
    p = spawn({
        t(mlockall(MCL_FUTURE));
        char *n = mmap(0, 8 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        v(in_core(n, 8));
        t(mlockall(MCL_CURRENT));
        v(locked() > 100);
        t(munlockall());
        v(locked());
    });
    reap(p, "child");
    say("-- a user's limit\n");
    p = spawn({
        struct rlimit r = { 8 * P, 8 * P };
        t(setrlimit(RLIMIT_MEMLOCK, &r));
        setuid(1000);
        char *n = mmap(0, 16 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        t(mlock(n, 8 * P));
        t(mlock(n, 9 * P));
        t(mlock(n, 8 * P));
        t(munlock(n, 4 * P));
        t(mlock(n + 8 * P, 4 * P));
        t(mlock(n + 12 * P, P));
        n = mmap(0, P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
        say("MAP_LOCKED over the limit: %s\n", n == MAP_FAILED ? ename(errno) : "ok");
        t(mlockall(MCL_CURRENT));
        r.rlim_cur = 0;
        t(setrlimit(RLIMIT_MEMLOCK, &r));
        t(munlockall());
        t(mlock(n == MAP_FAILED ? a : n, P));
    });
    reap(p, "user");
    return 0;
}

/* brk(2), sbrk(3): growing, shrinking, zeroes after a shrink, unaligned breaks, refusals, fork, RLIMIT_DATA. */
#include "../guest.h"

static char *raw(void *p) { return (char *)syscall(SYS_brk, p); }

int main(void)
{
    fresh();
    char *b = raw(0);
    v(b != 0 && raw(0) == b);
    v(raw(b + 10000) == b + 10000);
    long sum = 0;
    for (int i = 0; i < 10000; i++) sum += b[i];
    v(sum);
    memset(b, 'x', 10000);
    v(raw(b + 1) == b + 1);
    v(b[0]);
    /* The rest of the page stays; pages given back come again as zeroes. */
    v(raw(b + 20000) == b + 20000);
    char *page = (char *)(((unsigned long)b + 4096) & ~4095UL);
    sum = 0;
    for (char *p = page; p < b + 20000; p++) sum += *p;
    v(sum);
    v(raw(b + 20001) == b + 20001);
    b[20000] = 5;
    v(raw((char *)1) == b + 20001);
    v(raw((char *)-1L) == b + 20001);
    v(raw((char *)0x7fffffff0000UL) == b + 20001);
    v(raw(0) == b + 20001);
    char *big = b + (64 << 20);
    v(raw(big) == big);
    big[-1] = 7;
    b[32 << 20] = 8;
    pid_t p = spawn({
        say("child: same break %d, value %d\n", raw(0) == big, big[-1]);
        v(raw(b + 4096) == b + 4096);
        v(raw(b + 8192) == b + 8192);
    });
    reap(p, "child");
    v(raw(0) == big && big[-1] == 7);
    v(raw(b) == b);
    p = spawn(b[32 << 20] = 1);
    reap(p, "touching what was given back");
    /* Something in the way stops it. */
    char *wall = (char *)(((unsigned long)b + (1 << 20)) & ~4095UL);
    void *m = mmap(wall, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    v(m == wall);
    v(raw(wall + 8192) == b);
    v(raw(wall - 4096) == wall - 4096);
    v(raw(wall) == wall - 4096 || raw(0) == wall);
    munmap(wall, 4096);
    v(raw(wall + 8192) == wall + 8192);
    raw(b);
    struct rlimit rl = { 16 << 20, 16 << 20 };
    p = spawn({
        t(setrlimit(RLIMIT_DATA, &rl));
        v(raw(b + (1 << 20)) == b + (1 << 20));
        v(raw(b + (32 << 20)) == b + (1 << 20));
        void *q = mmap(0, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        say("private writable map over the limit: %s\n", q == MAP_FAILED ? ename(errno) : "ok");
        q = mmap(0, 32 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        say("read-only map: %s\n", q == MAP_FAILED ? ename(errno) : "ok");
        q = mmap(0, 32 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        say("shared map: %s\n", q == MAP_FAILED ? ename(errno) : "ok");
    });
    reap(p, "RLIMIT_DATA");
    p = spawn({
        rl = (struct rlimit){ 256 << 20, 256 << 20 };
        t(setrlimit(RLIMIT_AS, &rl));
        v(raw(b + (512 << 20)) == b);
        void *q = mmap(0, 512 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        say("a map over RLIMIT_AS: %s\n", q == MAP_FAILED ? ename(errno) : "ok");
        v(malloc(1 << 30) == 0);
        q = mmap(0, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        v(mremap(q, 1 << 20, 512 << 20, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    });
    reap(p, "RLIMIT_AS");
    return 0;
}

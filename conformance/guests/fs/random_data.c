/* memfd_create(2), pwrite(2), fallocate(2), lseek(2) SEEK_DATA and SEEK_HOLE, ftruncate(2), copy_file_range(2), mmap(2): random changes to two memory files,
 * with what they hold, how much of them is allocated and where their holes are after each. The same seed makes the same calls. */
#include "../guest.h"

#define MAX 300000

static unsigned long long rng;
static unsigned rnd(unsigned n)
{
    rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(rng >> 33) % n;
}

/* Offsets like to lie on pages, or one off. */
static long offset(void)
{
    long at = rnd(4) ? rnd(70) * 4096L : rnd(MAX);
    return rnd(4) ? at : at + (long)rnd(3) - 1 < 0 ? 0 : at + (long)rnd(3) - 1;
}

static unsigned sum(int fd)
{
    static unsigned char buf[MAX * 2];
    unsigned h = 2166136261u;
    long n = pread(fd, buf, sizeof buf, 0);
    for (long i = 0; i < n; i++) h = (h ^ buf[i]) * 16777619u;
    return h;
}

static void state(int fd)
{
    struct stat st;
    fstat(fd, &st);
    char holes[512];
    int o = 0;
    for (off_t at = 0; at < st.st_size && o < 440;) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0) break;
        off_t hole = lseek(fd, data, SEEK_HOLE);
        o += snprintf(holes + o, sizeof holes - o, " %ld-%ld", (long)data, (long)hole);
        at = hole;
    }
    holes[o] = 0;
    say("    size %ld blocks %ld sum %08x data%s\n", (long)st.st_size, (long)st.st_blocks, sum(fd), holes);
}

#define R(...) ({ errno = 0; long r_ = (__VA_ARGS__); r_ < 0 ? -(long)errno : r_; })

static void result(const char *what, long a, long b, long r)
{
    if (r < 0) say("%s %ld %ld: %s\n", what, a, b, ename((int)-r));
    else say("%s %ld %ld: %ld\n", what, a, b, r);
}

/* Write through a shared mapping, within the file. */
static void through_mapping(int fd)
{
    struct stat st;
    fstat(fd, &st);
    if (st.st_size == 0) return;
    long at = offset() % st.st_size, n = rnd(20000);
    if (at + n > st.st_size) n = st.st_size - at;
    long page = at & ~4095L;
    unsigned char *p = mmap(0, at - page + n + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
    if (p == MAP_FAILED) { say("mmap: %s\n", ename(errno)); return; }
    memset(p + (at - page), 'A' + rnd(26), n);
    munmap(p, at - page + n + 1);
    say("mapping %ld %ld\n", at, n);
}

static void one(int *fds)
{
    static unsigned char buf[40000];
    int i = rnd(2), fd = fds[i];
    long at = offset(), n = rnd(3) ? rnd(9000) : rnd(40000);
    off_t from, to;
    switch (rnd(12)) {
    case 0: case 1: case 2: case 3:
        memset(buf, 'a' + rnd(26), n);
        result("pwrite", at, n, R(pwrite(fd, buf, n, at)));
        break;
    case 4: result("ftruncate", at, 0, R(ftruncate(fd, at))); break;
    case 5: n++; result("fallocate", at, n, R(fallocate(fd, 0, at, n))); break;
    case 6: n++; result("keep size", at, n, R(fallocate(fd, FALLOC_FL_KEEP_SIZE, at, n))); break;
    case 7: case 8: n = 1 + rnd(60000); result("punch", at, n, R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n))); break;
    case 9: through_mapping(fd); break;
    case 10:
        from = at;
        to = offset();
        result("copy", from, to, R(copy_file_range(fd, &from, fds[1 - i], &to, n, 0)));
        break;
    default:
        result("other modes", at, n, R(fallocate(fd, rnd(64), at, n)));
        break;
    }
    state(fds[0]);
    state(fds[1]);
}

int main(void)
{
    fresh();
    const char *seed = getenv("RANDOM_OPS_SEED");
    int rounds = seed ? 1 : 8;
    for (int round = 0; round < rounds; round++) {
        rng = ((seed ? strtoull(seed, 0, 10) : 1) + round) * 2654435761ULL + 12345;
        for (int i = 0; i < 8; i++) rnd(2);
        say("== round %d\n", round);
        int fds[2] = { must(memfd_create("one", 0)), must(memfd_create("two", 0)) };
        for (int i = 0; i < 60; i++) one(fds);
        close(fds[0]);
        close(fds[1]);
    }
    return 0;
}

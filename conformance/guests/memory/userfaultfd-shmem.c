/* userfaultfd(2) of shared memory: missing pages, pages that are there already (minor faults, UFFDIO_CONTINUE), private mappings of files in memory, ends of files; UFFDIO_POISON and UFFDIO_MOVE. */
// exit: SIGBUS
#include "../guest.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>

#define P 4096L
static int u = -1;
static char *area, *alias;
static volatile int stop;
static char src[8 * 4096] __attribute__((aligned(4096)));

static int open_uffd(unsigned long long features)
{
    int fd = must(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    struct uffdio_api api = { .api = UFFD_API, .features = features };
    must(ioctl(fd, UFFDIO_API, &api));
    return fd;
}
static int reg(void *at, long len, unsigned mode)
{
    struct uffdio_register r = { { (unsigned long)at, len }, mode, 0 };
    int x = ioctl(u, UFFDIO_REGISTER, &r);
    if (!x) say("  ioctls %#llx\n", (unsigned long long)r.ioctls);
    return x;
}
static int copy(void *to, void *from, long len, int mode)
{
    struct uffdio_copy c = { (unsigned long)to, (unsigned long)from, len, mode, 0 };
    int r = ioctl(u, UFFDIO_COPY, &c);
    say("  copied %lld\n", (long long)c.copy);
    return r;
}
static int zero(void *to, long len) { struct uffdio_zeropage z = { { (unsigned long)to, len }, 0, 0 }; int r = ioctl(u, UFFDIO_ZEROPAGE, &z); say("  zeroed %lld\n", (long long)z.zeropage); return r; }
static int cont(void *to, long len, int mode) { struct uffdio_continue c = { { (unsigned long)to, len }, mode, 0 }; int r = ioctl(u, UFFDIO_CONTINUE, &c); say("  mapped %lld\n", (long long)c.mapped); return r; }
static int poison(void *to, long len, int mode) { struct uffdio_poison c = { { (unsigned long)to, len }, mode, 0 }; int r = ioctl(u, UFFDIO_POISON, &c); say("  updated %lld\n", (long long)c.updated); return r; }
static int move(void *to, void *from, long len, int mode) { struct uffdio_move c = { (unsigned long)to, (unsigned long)from, len, mode, 0 }; int r = ioctl(u, UFFDIO_MOVE, &c); say("  moved %lld\n", (long long)c.move); return r; }

/* Missing pages get letters; pages that are there get an 'M' as their second byte by the other mapping, then are shown. */
static void *server(void *x)
{
    (void)x;
    static char page[4096] __attribute__((aligned(4096)));
    struct uffd_msg m;
    for (;;) {
        struct pollfd pf = { u, POLLIN, 0 };
        poll(&pf, 1, 20);
        if (stop) return 0;
        if (read(u, &m, sizeof m) != sizeof m) continue;
        long n = ((char *)m.arg.pagefault.address - area) / P;
        say("  fault: page %ld flags %#llx\n", n, (unsigned long long)m.arg.pagefault.flags);
        struct uffdio_continue there = { { (unsigned long)area + n * P, P }, 0, 0 };
        struct uffdio_zeropage empty = { { (unsigned long)area + n * P, P }, 0, 0 };
        struct uffdio_copy full = { (unsigned long)area + n * P, (unsigned long)page, P, 0, 0 };
        if (m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR) { alias[n * P + 1] = 'M'; must(ioctl(u, UFFDIO_CONTINUE, &there)); continue; }
        memset(page, 'a' + (int)(n % 26), P);
        must(n == 5 ? ioctl(u, UFFDIO_ZEROPAGE, &empty) : ioctl(u, UFFDIO_COPY, &full));
    }
}
static pthread_t th;
static void start(void) { stop = 0; pthread_create(&th, 0, server, 0); }
static void finish(void) { stop = 1; pthread_join(th, 0); close(u); }
static int file(long pages) { int fd = memfd_create("x", 0); ftruncate(fd, pages * P); return fd; }
static char *map(int fd, long pages, int flags) { return mmap(0, pages * P, PROT_READ | PROT_WRITE, flags, fd, 0); }

static void missing(void)
{
    say("-- missing pages of a file in memory\n");
    int fd = file(8);
    area = map(fd, 8, MAP_SHARED);
    alias = map(fd, 8, MAP_SHARED);
    u = open_uffd(UFFD_FEATURE_MISSING_SHMEM);
    area[7 * P] = '7';
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_MISSING));
    start();
    v(area[P]);
    v(alias[P]);
    area[2 * P + 1] = '!';
    say("%.3s\n", alias + 2 * P);
    say("what is there is no fault\n");
    alias[3 * P] = 'x';
    v(area[3 * P]);
    t(pwrite(fd, "w", 1, 4 * P));
    v(area[4 * P]);
    v(area[7 * P]);
    v(area[5 * P]);
    say("copying to where something is\n");
    t(copy(area + 3 * P, src, P, 0));
    alias[6 * P] = 'y';
    t(copy(area + 6 * P, src, P, 0));
    t(zero(area + 6 * P, P));
    v(area[6 * P]);
    say("after a hole was made\n");
    must(madvise(area + P, P, MADV_REMOVE));
    v(area[P]);
    say("dropped, but still in the file\n");
    must(madvise(area + 2 * P, P, MADV_DONTNEED));
    v(area[2 * P]);
    say("behind the end\n");
    ftruncate(fd, 4 * P);
    t(copy(area + 5 * P, src, P, 0));
    ftruncate(fd, 8 * P);
    v(area[5 * P]);
    v(area[6 * P]);
    finish();

    say("-- shared anonymous memory\n");
    area = mmap(0, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    area[0] = '0';
    u = open_uffd(0);
    t(reg(area, 4 * P, UFFDIO_REGISTER_MODE_MISSING));
    start();
    v(area[0]);
    v(area[P]);
    pid_t c = spawn({ v(area[P]); area[2 * P] = 'c'; });
    reap(c, "child");
    v(area[2 * P]);
    v(area[3 * P]);
    finish();

    say("-- private mapping of a file in memory\n");
    fd = file(4);
    area = map(fd, 4, MAP_PRIVATE);
    alias = map(fd, 4, MAP_SHARED);
    u = open_uffd(0);
    t(reg(area, 4 * P, UFFDIO_REGISTER_MODE_MISSING));
    start();
    v(area[P]);
    v(alias[P]);
    alias[2 * P] = 'x';
    v(area[2 * P]);
    area[2 * P] = 'y';
    v(alias[2 * P]);
    finish();
}

static void minor(void)
{
    say("-- pages that are there\n");
    int fd = file(8);
    area = map(fd, 8, MAP_SHARED);
    alias = map(fd, 8, MAP_SHARED);
    u = open_uffd(UFFD_FEATURE_MINOR_SHMEM);
    char *private = mmap(0, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t(reg(private, P, UFFDIO_REGISTER_MODE_MINOR));
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_MINOR));
    alias[0] = 'p';
    alias[P] = 'q';
    start();
    say("%.2s\n", area);
    area[P] = 'Q';
    say("%.2s\n", alias + P);
    say("what is not there is made\n");
    v(area[2 * P]);
    say("shown before it is touched\n");
    t(cont(area + 3 * P, P, 0));
    alias[3 * P] = 'r';
    alias[4 * P] = 's';
    t(cont(area + 3 * P, 2 * P, 0));
    t(cont(area + 3 * P, P, 0));
    t(cont(area + 3 * P, P, 4));
    t(cont(area + 3 * P, P, UFFDIO_CONTINUE_MODE_WP));
    v(area[3 * P]);
    v(area[4 * P]);
    must(madvise(area + 4 * P, P, MADV_DONTNEED));
    v(area[4 * P]);
    say("%.2s\n", area + 4 * P);
    finish();
    say("-- both\n");
    fd = file(4);
    area = map(fd, 4, MAP_SHARED);
    alias = map(fd, 4, MAP_SHARED);
    u = open_uffd(0);
    t(reg(area, 4 * P, UFFDIO_REGISTER_MODE_MINOR | UFFDIO_REGISTER_MODE_MISSING));
    start();
    alias[0] = 'x';
    say("%.2s\n", area);
    v(area[P]);
    finish();
}

static void moving(void)
{
    say("-- moving\n");
    u = open_uffd(0);
    struct uffdio_api api = { .api = UFFD_API };
    int probe = syscall(SYS_userfaultfd, O_CLOEXEC);
    ioctl(probe, UFFDIO_API, &api);
    close(probe);
    v(!!(api.features & UFFD_FEATURE_MOVE));
    v(!!(api.features & UFFD_FEATURE_POISON));
    char *from = mmap(0, 128 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    area = mmap(0, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(from, 8 * P, MADV_NOHUGEPAGE);
    madvise(area, 8 * P, MADV_NOHUGEPAGE);
    t(move(area, from, P, 0));
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_MISSING));
    for (int i = 0; i < 4; i++) from[i * P] = 'A' + i;
    t(move(area, from, 2 * P, 0));
    say("%c%c\n", area[0], area[P]);
    v(from[0]);
    t(move(area, from + 2 * P, P, 0));
    t(move(area + 2 * P, from + 2 * P, 4 * P, 0));
    t(move(area + 5 * P, from + 4 * P, P, 0));
    t(move(area + 4 * P, from + 4 * P, 2 * P, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES));
    t(move(area + 4 * P, from, P, 4));
    t(move(area + 4 * P, from + 1, P, 0));
    t(move(area + 7 * P, from, 2 * P, 0));
    t(move(from, area, P, 0));
    t(move((void *)0x700000000000, from, P, 0));
    from[6 * P] = 'G';
    pid_t c = spawn({ nap(300); });
    t(move(area + 6 * P, from + 6 * P, P, 0));
    kill(c, SIGKILL);
    waitpid(c, 0, 0);
    mprotect(from, 8 * P, PROT_READ);
    t(move(area + 6 * P, from + 6 * P, P, 0));
    close(u);
}

static void broken(void)
{
    say("-- poisoned\n");
    u = open_uffd(0);
    area = mmap(0, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t(poison(area, P, 0));
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_MISSING));
    t(poison(area, 2 * P, 0));
    t(poison(area, P, 0));
    t(poison(area, P, 4));
    memset(src, 'S', sizeof src);
    t(zero(area, P));
    t(copy(area + P, src, P, 0));
    v(area[P]);
    t(poison(area + P, P, 0));
    int p[2];
    must(pipe(p));
    must(write(p[1], "abc", 3));
    t(read(p[0], area, 3));
    t(poison(area + 2 * P, P, 0));
    must(madvise(area + 2 * P, P, MADV_DONTNEED));
    t(poison(area + 2 * P, P, 0));
}

static void on_bus(int sig, siginfo_t *i, void *c)
{
    (void)c;
    /* A kernel built for broken memory says BUS_MCEERR_AR. */
    say("%s code known %d page %ld\n", signame(sig), i->si_code == BUS_ADRERR || (i->si_code == BUS_MCEERR_AR && i->si_addr_lsb == 12), ((char *)i->si_addr - area) / P);
    signal(SIGBUS, SIG_DFL);
}

int main(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) skip("no userfaultfd");
    close(fd);
    missing();
    minor();
    moving();
    broken();
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    struct sigaction sa = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
    sigaction(SIGBUS, &sa, 0);
    pid_t c = fork();
    if (c == 0) { v(*(volatile char *)area); _exit(0); }
    int st;
    waitpid(c, &st, 0);
    say_status("child", st);
    v(*(volatile char *)area);
    return 0;
}

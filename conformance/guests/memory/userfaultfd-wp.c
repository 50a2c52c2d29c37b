/* userfaultfd(2), write protection: anonymous and shared memory, messages, lifting, UFFDIO_COPY with it, unpopulated pages, asynchronous mode, /proc/self/pagemap, what drops it. */
#include "../guest.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>

#define P 4096L
static int u = -1;
static char *area;
static volatile int stop;
static int pm;

static int open_uffd(unsigned long long features)
{
    int fd = must(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    struct uffdio_api api = { .api = UFFD_API, .features = features };
    if (ioctl(fd, UFFDIO_API, &api) != 0) { say("UFFDIO_API: %s\n", ename(errno)); close(fd); return -1; }
    return fd;
}
static int reg(void *at, long len, unsigned mode)
{
    struct uffdio_register r = { { (unsigned long)at, len }, mode, 0 };
    int x = ioctl(u, UFFDIO_REGISTER, &r);
    if (!x) say("  ioctls %#llx\n", (unsigned long long)r.ioctls);
    return x;
}
static int wp(void *at, long len, unsigned mode) { struct uffdio_writeprotect w = { { (unsigned long)at, len }, mode }; return ioctl(u, UFFDIO_WRITEPROTECT, &w); }
static int copy(void *to, void *from, long len, int mode)
{
    struct uffdio_copy c = { (unsigned long)to, (unsigned long)from, len, mode, 0 };
    int r = ioctl(u, UFFDIO_COPY, &c);
    say("  copied %lld\n", (long long)c.copy);
    return r;
}
static unsigned long long entry(void *at)
{
    unsigned long long e = 0;
    must(pread(pm, &e, 8, (unsigned long)at / P * 8));
    return e;
}
/* Present, swapped, and protected, as pagemap shows them. */
#define page(at) do { unsigned long long e_ = entry(at); say("%s: present %d swap %d uffd-wp %d\n", #at, (int)(e_ >> 63), (int)(e_ >> 62 & 1), (int)(e_ >> 57 & 1)); } while (0)

/* Serve faults: missing pages get letters, protection is lifted from what is written to. */
static void *server(void *x)
{
    (void)x;
    static char fresh_page[4096] __attribute__((aligned(4096)));
    struct uffd_msg m;
    for (;;) {
        struct pollfd pf = { u, POLLIN, 0 };
        poll(&pf, 1, 20);
        if (stop) return 0;
        if (read(u, &m, sizeof m) != sizeof m) continue;
        long n = ((char *)m.arg.pagefault.address - area) / P;
        say("  fault: page %ld flags %#llx\n", n, (unsigned long long)m.arg.pagefault.flags);
        if (m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) { wp(area + n * P, P, 0); continue; }
        memset(fresh_page, 'a' + (int)(n % 26), P);
        struct uffdio_copy c = { (unsigned long)(area + n * P), (unsigned long)fresh_page, P, n == 7 ? UFFDIO_COPY_MODE_WP : 0, 0 };
        must(ioctl(u, UFFDIO_COPY, &c));
    }
}
static pthread_t th;
static void start(void) { stop = 0; pthread_create(&th, 0, server, 0); }
static void finish(void) { stop = 1; pthread_join(th, 0); }
static char *anon(long pages) { return mmap(0, pages * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static void anonymous(void)
{
    say("-- anonymous\n");
    u = open_uffd(0);
    area = anon(128);
    for (int i = 0; i < 6; i++) area[i * P] = 'A' + i;
    t(wp(area, P, UFFDIO_WRITEPROTECT_MODE_WP));
    t(reg(area, 16 * P, UFFDIO_REGISTER_MODE_WP));
    t(wp(area, 16 * P, 4));
    t(wp(area, 16 * P, UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE));
    t(wp(area + 1, P, UFFDIO_WRITEPROTECT_MODE_WP));
    t(wp(area, 0, UFFDIO_WRITEPROTECT_MODE_WP));
    t(wp(area, 16 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    page(area); page(area + 5 * P); page(area + 9 * P);
    start();
    say("reading is allowed: %c\n", area[0]);
    area[0] = 'z';
    area[1] = 'y';
    v(area[0]);
    page(area);
    say("what was not there is not protected\n");
    area[9 * P] = 'q';
    page(area + 9 * P);
    say("a call writes\n");
    int p[2];
    must(pipe(p));
    must(write(p[1], "0123456789", 10));
    t(read(p[0], area + P, 4));
    say("%.4s\n", area + P);
    say("through mprotect\n");
    mprotect(area + 2 * P, P, PROT_READ);
    mprotect(area + 2 * P, P, PROT_READ | PROT_WRITE);
    area[2 * P] = '2';
    say("a child's copy is its own\n");
    pid_t c = spawn({ area[3 * P] = 'c'; v(area[3 * P]); });
    reap(c, "child");
    area[3 * P] = '3';
    say("after MADV_DONTNEED\n");
    must(madvise(area + 4 * P, P, MADV_DONTNEED));
    page(area + 4 * P);
    area[4 * P] = '4';
    say("unregistered\n");
    struct uffdio_range r = { (unsigned long)area + 5 * P, P };
    t(ioctl(u, UFFDIO_UNREGISTER, &r));
    page(area + 5 * P);
    area[5 * P] = '5';
    t(wp(area, 16 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    finish();
    close(u);
    area[0] = 'x';
    v(area[0]);
}

static void missing_too(void)
{
    say("-- missing pages as well\n");
    u = open_uffd(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
    area = anon(128);
    t(reg(area, 16 * P, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
    start();
    v(area[P]);
    area[2 * P] = '!';
    say("copied with protection\n");
    v(area[7 * P]);
    page(area + 7 * P);
    area[7 * P] = '7';
    say("written at first touch\n");
    area[8 * P] = '8';
    must(wp(area + P, 2 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    area[P] = '1';
    area[2 * P] = '2';
    say("%c%c%c%c\n", area[P], area[2 * P], area[7 * P], area[8 * P]);
    finish();
    say("not registered for it\n");
    area = anon(2);
    t(reg(area, 2 * P, UFFDIO_REGISTER_MODE_MISSING));
    t(copy(area, "", P, UFFDIO_COPY_MODE_WP));
    close(u);
}

static void unpopulated(void)
{
    say("-- pages that are not there\n");
    u = open_uffd(UFFD_FEATURE_WP_UNPOPULATED);
    area = anon(128);
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_WP));
    t(wp(area, 8 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    page(area);
    start();
    area[0] = 'a';
    v(area[P]);
    page(area + P);
    area[P] = 'b';
    t(wp(area + 2 * P, P, 0));
    page(area + 2 * P);
    area[2 * P] = 'c';
    must(madvise(area + 3 * P, P, MADV_DONTNEED));
    page(area + 3 * P);
    area[3 * P] = 'd';
    finish();
    close(u);
}

static void shared(void)
{
    say("-- shared memory\n");
    u = open_uffd(0);
    int fd = memfd_create("x", 0);
    ftruncate(fd, 8 * P);
    area = mmap(0, 8 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *alias = mmap(0, 8 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    area[0] = '0';
    area[P] = '1';
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_WP));
    t(wp(area, 4 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    page(area);
    start();
    say("the other mapping is not protected\n");
    alias[0] = 'x';
    area[1] = 'y';
    say("%.2s\n", alias);
    say("a page that is not there\n");
    area[2 * P] = '2';
    must(madvise(area + P, P, MADV_DONTNEED));
    page(area + P);
    area[P] = 'z';
    area[5 * P] = '5';
    say("%c%c%c\n", alias[P], alias[2 * P], alias[5 * P]);
    finish();
    close(u);
    say("-- shared anonymous memory\n");
    u = open_uffd(0);
    area = mmap(0, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    area[0] = '0';
    t(reg(area, 4 * P, UFFDIO_REGISTER_MODE_WP));
    t(wp(area, 4 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    start();
    area[0] = 'a';
    area[P] = 'b';
    say("%c%c\n", area[0], area[P]);
    finish();
    close(u);
}

static void asynchronous(void)
{
    say("-- asynchronous\n");
    u = open_uffd(UFFD_FEATURE_WP_ASYNC);
    area = anon(128);
    area[0] = 'a';
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_WP));
    t(wp(area, 4 * P, UFFDIO_WRITEPROTECT_MODE_WP));
    page(area); page(area + P);
    area[0] = 'b';
    area[P] = 'c';
    page(area); page(area + P); page(area + 2 * P);
    struct uffd_msg m;
    t(read(u, &m, sizeof m));
    say("a file's pages\n");
    int fd = open("/proc/self/exe", O_RDONLY);
    char *file = mmap(0, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    v(file[1]);
    t(reg(file, P, UFFDIO_REGISTER_MODE_WP));
    t(wp(file, P, UFFDIO_WRITEPROTECT_MODE_WP));
    page(file);
    file[1] = 'x';
    page(file);
    t(reg(file, P, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
    close(u);
}

int main(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    pm = open("/proc/self/pagemap", O_RDONLY);
    int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) skip("no userfaultfd");
    close(fd);
    anonymous();
    missing_too();
    unpopulated();
    shared();
    asynchronous();
    return 0;
}

// exit: SIGBUS
/* userfaultfd(2): missing pages served by a second thread: reads, writes, system calls' buffers, zero pages, waking, what is dropped and unregistered, forks, errors. */
#include "../guest.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>

#define P 4096L
static int u;
static char *area;
static volatile int stop;

static int reg(int fd, void *at, long len, unsigned mode)
{
    struct uffdio_register r = { { (unsigned long)at, len }, mode, 0 };
    int x = ioctl(fd, UFFDIO_REGISTER, &r);
    if (!x) say("  knows COPY %d ZEROPAGE %d WAKE %d\n", (int)(r.ioctls >> _UFFDIO_COPY & 1), (int)(r.ioctls >> _UFFDIO_ZEROPAGE & 1), (int)(r.ioctls >> _UFFDIO_WAKE & 1));
    return x;
}
static int unreg(void *at, long len) { struct uffdio_range r = { (unsigned long)at, len }; return ioctl(u, UFFDIO_UNREGISTER, &r); }
static int wake(void *at, long len) { struct uffdio_range r = { (unsigned long)at, len }; return ioctl(u, UFFDIO_WAKE, &r); }
static long long copied;
static int copy(void *to, void *from, long len, int mode)
{
    struct uffdio_copy c = { (unsigned long)to, (unsigned long)from, len, mode, 0 };
    int r = ioctl(u, UFFDIO_COPY, &c);
    copied = c.copy;
    return r;
}
static int zero(void *to, long len) { struct uffdio_zeropage z = { { (unsigned long)to, len }, 0, 0 }; int r = ioctl(u, UFFDIO_ZEROPAGE, &z); copied = z.zeropage; return r; }

/* Serve faults: page n is filled with 'a' + n; page 5 is a zero page; page 6 is put there without waking, then woken. */
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
        say("  fault: event %#x page %ld %s\n", m.event, n, m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE ? "write" : "read");
        memset(page, 'a' + (int)(n % 26), P);
        if (n == 5) zero(area + n * P, P);
        else if (n == 6) { copy(area + n * P, page, P, UFFDIO_COPY_MODE_DONTWAKE); wake(area + n * P, P); }
        else copy(area + n * P, page, P, 0);
    }
}

int main(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    ok(syscall(SYS_userfaultfd, 0x10));
    u = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (u < 0) skip("no userfaultfd");
    struct uffd_msg m[2];
    area = mmap(0, 64 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pollfd pf = { u, POLLIN, 0 };
    v(poll(&pf, 1, 0));
    v(pf.revents);
    t(read(u, m, sizeof m));
    t(reg(u, area, 64 * P, UFFDIO_REGISTER_MODE_MISSING));
    struct uffdio_api api = { .api = 0x55 };
    t(ioctl(u, UFFDIO_API, &api));
    api = (struct uffdio_api){ .api = UFFD_API, .features = 1ULL << 60 };
    t(ioctl(u, UFFDIO_API, &api));
    v(api.api);
    api = (struct uffdio_api){ .api = UFFD_API };
    t(ioctl(u, UFFDIO_API, &api));
    v(api.ioctls == (1ULL << _UFFDIO_REGISTER | 1ULL << _UFFDIO_UNREGISTER | 1ULL << _UFFDIO_API));
    t(ioctl(u, UFFDIO_API, &api));
    t(read(u, m, sizeof m));
    t(read(u, m, 31));
    v(poll(&pf, 1, 0));
    t(ioctl(u, 0x1234, 0));

    t(reg(u, area, 64 * P, 0));
    t(reg(u, area, 64 * P, 0x80));
    t(reg(u, area + 1, P, UFFDIO_REGISTER_MODE_MISSING));
    t(reg(u, area, 0, UFFDIO_REGISTER_MODE_MISSING));
    t(reg(u, (void *)0x700000000000, P, UFFDIO_REGISTER_MODE_MISSING));
    t(reg(u, (void *)-P, P, UFFDIO_REGISTER_MODE_MISSING));
    char *hole = mmap(0, P, PROT_READ, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY), 0);
    t(reg(u, hole, P, UFFDIO_REGISTER_MODE_MISSING));
    area[0] = 'x';
    area[63 * P] = 'y';
    t(reg(u, area, 64 * P, UFFDIO_REGISTER_MODE_MISSING));
    int other = must(syscall(SYS_userfaultfd, O_NONBLOCK));
    api = (struct uffdio_api){ .api = UFFD_API };
    must(ioctl(other, UFFDIO_API, &api));
    t(reg(other, area, P, UFFDIO_REGISTER_MODE_MISSING));
    close(other);
    static char src[8192] __attribute__((aligned(4096)));
    memset(src, 'S', sizeof src);
    t(copy(area, src, P, 0)); v(copied);
    t(copy(area + 62 * P, src, 2 * P, 0)); v(copied);
    t(copy(area + 61 * P, src, P, 0)); v(copied);
    t(copy(area + 60 * P, (void *)8, P, 0)); v(copied);
    t(copy(area + 60 * P, src, 0, 0));
    t(copy(area + 60 * P, src, P, 0x40));
    t(copy(area + 60 * P + 1, src, P, 0));
    t(copy(area + 64 * P, src, P, 0)); v(copied);
    t(zero(area + 60 * P, P)); v(copied);
    v(area[0]); v(area[62 * P]); v(area[61 * P]); v(area[60 * P]); v(area[63 * P]);

    pthread_t th;
    pthread_create(&th, 0, server, 0);
    v(area[P]);
    area[2 * P + 7] = '!';
    v(area[2 * P]);
    v(area[2 * P + 7]);
    v(area[5 * P]);
    v(area[6 * P]);
    int p[2];
    pipe(p);
    write(p[1], "0123456789", 10);
    say("read into a page that is missing\n");
    t(read(p[0], area + 8 * P, 4));
    say("%.6s\n", area + 8 * P);
    say("over the edge of one\n");
    ssize_t n = read(p[0], area + 9 * P - 2, 4);
    if (n < 4) n += read(p[0], area + 9 * P - 2 + n, 4 - n);
    v(n);
    say("%.4s %c\n", area + 9 * P - 2, area[9 * P + 3]);
    say("write from a page that is missing\n");
    t(write(p[1], area + 10 * P, 3));
    char b[16] = "";
    read(p[0], b, 16);
    say("%s\n", b);

    say("dropped\n");
    must(madvise(area + P, 2 * P, MADV_DONTNEED));
    v(area[P]);
    v(area[2 * P + 7]);
    say("a child has empty pages\n");
    pid_t c = spawn({ v(area[20 * P]); v(area[P]); });
    reap(c, "child");
    say("made writable by mprotect\n");
    mprotect(area + 22 * P, P, PROT_NONE);
    mprotect(area + 22 * P, P, PROT_READ | PROT_WRITE);
    v(area[22 * P]);
    say("mapped over\n");
    mmap(area + 23 * P, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    v(area[23 * P]);
    say("moved\n");
    char *moved = mremap(area + 30 * P, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(0, 2 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    v(moved[0]);
    say("unregistered\n");
    t(unreg(area + 40 * P, 4 * P));
    v(area[40 * P]);
    t(unreg(area + 40 * P, 4 * P));
    v(area[44 * P]);
    say("another process looks\n");
    c = spawn({
        char b[8] = "";
        struct iovec in[2] = { { b, 4 }, { b + 4, 3 } }, from[2] = { { area + 45 * P, 4 }, { area + 46 * P, 3 } };
        v(process_vm_readv(getppid(), in, 2, from, 2, 0));
        say("  %s\n", b);
        from[0].iov_base = area + 47 * P;
        v(process_vm_writev(getppid(), in, 1, from, 1, 0));
    });
    reap(c, "child");
    v(area[47 * P]);
    v(area[47 * P + 4]);
    stop = 1;
    pthread_join(th, 0);

    say("with the descriptor gone\n");
    pthread_create(&th, 0, server, 0);
    pthread_join(th, 0);
    c = spawn({ nap(1); });
    reap(c, "child");
    close(u);
    v(area[50 * P]);

    say("SIGBUS instead\n");
    u = must(syscall(SYS_userfaultfd, O_NONBLOCK));
    api = (struct uffdio_api){ .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS };
    t(ioctl(u, UFFDIO_API, &api));
    char *bus = mmap(0, 2 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t(reg(u, bus, 2 * P, UFFDIO_REGISTER_MODE_MISSING));
    t(read(open("/dev/zero", O_RDONLY), bus, 8));
    t(copy(bus, src, P, 0));
    v(bus[0]);
    if (fork() == 0) { v(bus[P]); _exit(0); }
    int st;
    wait(&st);
    say_status("child, which has nobody to ask", st);
    signal(SIGBUS, SIG_DFL);
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    v(bus[P]);
    return 0;
}

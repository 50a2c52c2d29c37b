/* userfaultfd(2), events: UFFD_EVENT_FORK, _REMAP, _REMOVE, _UNMAP; who waits for whom, and what a change under way refuses. */
#include "../guest.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>

#define P 4096L
static int u = -1, child_uffd = -1;
static char *area, *moved;
static volatile int stop = 1;

static int open_uffd(unsigned long long features)
{
    int fd = must(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    struct uffdio_api api = { .api = UFFD_API, .features = features };
    must(ioctl(fd, UFFDIO_API, &api));
    return fd;
}
static int reg(void *at, long len, unsigned mode) { struct uffdio_register r = { { (unsigned long)at, len }, mode, 0 }; return ioctl(u, UFFDIO_REGISTER, &r); }
static int copy(int fd, void *to, void *from, long len)
{
    struct uffdio_copy c = { (unsigned long)to, (unsigned long)from, len, 0, 0 };
    int r = ioctl(fd, UFFDIO_COPY, &c);
    if (r) say("  copy: %s, %lld\n", ename(errno), (long long)c.copy);
    return r;
}
static long pages(unsigned long long at)
{
    long n = ((long)at - (long)area) / P;
    if (n >= 0 && n <= 64) return n;
    return 1000 + ((long)at - (long)moved) / P;
}
static void handle(int fd)
{
    static char page[4096] __attribute__((aligned(4096)));
    struct uffd_msg m;
    if (read(fd, &m, sizeof m) != sizeof m) return;
    const char *who = fd == u ? "ours" : "the child's";
    switch (m.event) {
    case UFFD_EVENT_PAGEFAULT:
        say("  %s: fault of page %ld\n", who, pages(m.arg.pagefault.address));
        memset(page, fd == u ? 'a' : 'A', P);
        copy(fd, (void *)(m.arg.pagefault.address & ~(P - 1)), page, P);
        break;
    case UFFD_EVENT_FORK:
        say("  %s: fork, a descriptor %d, closed by exec %d\n", who, m.arg.fork.ufd > 2, fcntl(m.arg.fork.ufd, F_GETFD));
        child_uffd = m.arg.fork.ufd;
        break;
    case UFFD_EVENT_REMAP:
        say("  %s: remap of %ld to %ld, %lld pages\n", who, pages(m.arg.remap.from), pages(m.arg.remap.to), (long long)m.arg.remap.len / P);
        break;
    case UFFD_EVENT_REMOVE:
        say("  %s: remove %ld to %ld\n", who, pages(m.arg.remove.start), pages(m.arg.remove.end));
        break;
    case UFFD_EVENT_UNMAP:
        say("  %s: unmap %ld to %ld\n", who, pages(m.arg.remove.start), pages(m.arg.remove.end));
        break;
    default:
        say("  event %#x\n", m.event);
    }
}
static volatile int asked;
static void *server(void *x)
{
    (void)x;
    while (!stop) {
        struct pollfd pf[2] = { { u, POLLIN, 0 }, { child_uffd, POLLIN, 0 } };
        int n = poll(pf, 2, 5);
        if (pf[0].revents & POLLIN) handle(u);
        else if (pf[1].revents & POLLIN) handle(child_uffd);
        else if (n == 0) asked = 0;
    }
    asked = 0;
    return 0;
}
/* Until the server has said all it has to say. */
static void all_said(void) { asked = 1; while (asked && !stop) nap(1); }
#define V(x) do { long r_ = (long)(x); all_said(); say("%s: %ld\n", #x, r_); } while (0)
#define T(x) do { long r_ = (x); int e_ = errno; all_said(); errno = e_; t_(#x, r_); } while (0)
static pthread_t th;
static void start(void) { stop = 0; pthread_create(&th, 0, server, 0); }
static void finish(void) { stop = 1; pthread_join(th, 0); }
static char *anon(long n) { return mmap(0, n * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static void *unmapper(void *at) { munmap(at, P); return 0; }

int main(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) skip("no userfaultfd");
    close(fd);
    u = open_uffd(UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP);
    area = anon(32);
    moved = anon(8);
    munmap(moved, 8 * P);
    T(reg(area, 32 * P, UFFDIO_REGISTER_MODE_MISSING));
    start();
    V(area[0]);
    say("a child's faults are asked for, too\n");
    int go[2];
    must(pipe(go));
    pid_t c = spawn({ char b; read(go[0], &b, 1); v(area[0]); v(area[P]); area[2 * P] = 'x'; v(area[2 * P + 1]); });
    all_said();
    must(write(go[1], "", 1));
    reap(c, "child");
    V(area[P]);
    say("what is taken away is told before\n");
    T(madvise(area, 2 * P, MADV_DONTNEED));
    V(area[0]);
    T(madvise(area + 3 * P, P, MADV_FREE));
    say("moved\n");
    area[8 * P] = 'm';
    char *to = mremap(area + 8 * P, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
    V(to == moved);
    V(moved[0]);
    V(moved[P]);
    say("unmapped\n");
    T(munmap(moved, P));
    T(munmap(area + 12 * P, 2 * P));
    say("mapped over\n");
    V(mmap(area + 14 * P, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area + 14 * P);
    V(area[14 * P]);
    say("nothing registered there\n");
    T(munmap(area + 14 * P, P));
    finish();

    say("without a reader a change waits, and nothing is given meanwhile\n");
    pthread_t waiter;
    pthread_create(&waiter, 0, unmapper, area + 20 * P);
    struct pollfd pf = { u, POLLIN, 0 };
    v(poll(&pf, 1, 10000));
    static char src[4096] __attribute__((aligned(4096)));
    v(copy(u, area + 21 * P, src, P));
    struct uffdio_zeropage z = { { (unsigned long)area + 21 * P, P }, 0, 0 };
    t(ioctl(u, UFFDIO_ZEROPAGE, &z));
    v((int)z.zeropage);
    struct uffdio_range wake = { (unsigned long)area + 21 * P, P };
    t(ioctl(u, UFFDIO_WAKE, &wake));
    handle(u);
    pthread_join(waiter, 0);
    t(copy(u, area + 21 * P, src, P));
    say("closing lets it go\n");
    pthread_create(&waiter, 0, unmapper, area + 22 * P);
    v(poll(&pf, 1, 10000));
    close(u);
    pthread_join(waiter, 0);

    say("without the features nobody is told\n");
    u = open_uffd(0);
    area = anon(8);
    moved = anon(2);
    t(reg(area, 8 * P, UFFDIO_REGISTER_MODE_MISSING));
    start();
    c = spawn({ v(area[P]); });
    reap(c, "child");
    T(madvise(area, P, MADV_DONTNEED));
    to = mremap(area + 4 * P, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
    v(to[0]);
    T(munmap(area, P));
    finish();
    return 0;
}

/* sched_setaffinity(2), sched_getaffinity(2): masks shorter and longer than a word, with processors that do not exist, sizes that wrap
 * around, bad pointers before and after the thread is looked up; what is stored and inherited. */
#include "../guest.h"
#include <pthread.h>
#include <sched.h>

static int cpus;
/* What the thread may run on: whether that is all, the first alone, or what. */
static void got(const char *what)
{
    unsigned long m[16] = { 0 };
    long r = syscall(SYS_sched_getaffinity, 0, sizeof m, m);
    int rest = 0;
    for (int i = 1; i < 16; i++) rest |= m[i] != 0;
    unsigned long all = cpus >= 64 ? ~0UL : (1UL << cpus) - 1;
    say("%s: %s, %s%s\n", what, r > 0 && r % 8 == 0 ? "whole words" : ename(errno), m[0] == all ? "all" : m[0] == 1 ? "first" : m[0] == 2 ? "second" : "other", rest ? " and more" : "");
}
static void set(const char *what, unsigned size, const void *mask)
{
    errno = 0;
    long r = syscall(SYS_sched_setaffinity, 0, size, mask);
    say("set %s: %ld %s\n", what, r, ename(r < 0 ? errno : 0));
    got("  then");
}
static void *thread(void *arg) { (void)arg; got("thread"); return 0; }

int main(void)
{
    fresh();
    cpus = sysconf(_SC_NPROCESSORS_CONF);
    if (cpus < 2 || cpus > 31) skip("two processors and a word of them are needed");
    static unsigned char ones[8192], zeros[8192];
    memset(ones, 0xff, sizeof ones);
    got("start");
    unsigned long m[4096 / 8] = { 2 };
    set("the second", 8, m);
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    reap(spawn(got("child")), "child");
    pid_t p = spawn({ char *argv[] = { "true", 0 }; execv("/bin/true", argv); });
    reap(p, "exec");
    set("one byte", 1, ones);
    set("one byte of the first", 1, "\1");
    set("four bytes", 4, "\2\0\0\0");
    set("three bytes", 3, "\1\0\0");
    set("nine bytes", 9, ones);
    set("127 bytes", 127, ones);
    set("a page and more", 8192, ones);
    set("nothing", 0, ones);
    set("nothing at nowhere", 0, 0);
    set("nothing at a bad place", 0, (void *)8);
    set("zeros", 8, zeros);
    set("many zeros", 8192, zeros);
    m[0] = 1UL << cpus;
    set("one that does not exist", 8, m);
    m[0] = 1UL << 63;
    set("the last of a word", 8, m);
    m[0] = 1UL << 40 | 1;
    set("one of both", 8, m);
    m[0] = 0;
    m[1] = 1;
    set("the second word's", 16, m);
    m[0] = 2;
    set("of both words", 16, m);
    m[0] = ~0UL;
    m[1] = 0;
    set("all bits", 8, m);
    set("a bad pointer", 8, (void *)8);
    set("a kernel pointer", 8, (void *)0xffff880000000000UL);
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    memset(page, 0xff, 4096);
    set("a word cut by the end of memory", 8, page + 4092);
    set("half a word before it", 4, page + 4092);
    // How much of it is read depends on how many processors Linux was built for.
    set("huge, a kilobyte before it", 0xffffffff, page + 3072);
    set("huge", 0xfffffff8, ones);
    set("sign", 0x80000000, ones);
    say("-- who\n");
    long none = 1 << 22;
    t(syscall(SYS_sched_setaffinity, none, 8, 8));
    t(syscall(SYS_sched_setaffinity, none, 8, ones));
    t(syscall(SYS_sched_setaffinity, none, 8, zeros));
    t(syscall(SYS_sched_setaffinity, -1, 8, zeros));
    t(syscall(SYS_sched_setaffinity, INT_MIN, 8, 8));
    t(syscall(SYS_sched_setaffinity, 0x100000000L, 8, ones));
    int up[2];
    must(pipe(up));
    p = spawn({ char c; setuid(1000); close(up[1]); read(up[0], &c, 1); });
    close(up[0]);
    nap(20);
    t(syscall(SYS_sched_setaffinity, p, 8, ones) == 0 ? 0 : -1);
    pid_t q = spawn({
        setgid(1000);
        setuid(2000);
        t(syscall(SYS_sched_setaffinity, p, 8, ones));
        t(syscall(SYS_sched_setaffinity, p, 8, zeros));
        t(syscall(SYS_sched_setaffinity, p, 8, 8));
        t(syscall(SYS_sched_getaffinity, p, 128, m) > 0 ? 0 : -1);
    });
    reap(q, "another user");
    q = spawn({
        setresuid(1000, 2000, 0);
        t(syscall(SYS_sched_setaffinity, p, 8, ones));
        setresuid(-1, 0, -1);
        setresuid(2000, 1000, 2000);
        t(syscall(SYS_sched_setaffinity, p, 8, ones));
    });
    reap(q, "by real and effective user");
    close(up[1]);
    reap(p, "other");
    say("-- get\n");
    unsigned sizes[] = { 0, 1, 2, 4, 7, 8, 9, 12, 15, 16, 17, 24, 32, 64, 128, 1024, 0x10000000, 0x1fffffff, 0x20000000, 0x20000008, 0x40000000, 0x7ffffff8, 0x80000000, 0xfffffff8, 0xffffffff };
    for (int i = 0; i < COUNT(sizes); i++) {
        memset(page, 0x55, 4096);
        errno = 0;
        long r = syscall(SYS_sched_getaffinity, 0, sizes[i], page);
        say("size %#x: %s %d, mask %d, behind it %d\n", sizes[i], r > 0 ? "stored" : ename(errno), r > 0 && (unsigned)r <= sizes[i] && r % 8 == 0, r <= 0 || *(long *)page == (1 << cpus) - 1, r <= 0 || page[r] == 0x55);
    }
    t(syscall(SYS_sched_getaffinity, 0, 8, 8));
    t(syscall(SYS_sched_getaffinity, 0, 8, 0));
    t(syscall(SYS_sched_getaffinity, 0, 8, page + 4092));
    t(syscall(SYS_sched_getaffinity, 0, 8, page + 4088));
    t(syscall(SYS_sched_getaffinity, none, 8, 8));
    t(syscall(SYS_sched_getaffinity, none, 7, 8));
    t(syscall(SYS_sched_getaffinity, -1, 8, page));
    t(syscall(SYS_sched_getaffinity, 0x100000000L, 8, page));
    return 0;
}

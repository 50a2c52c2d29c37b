/* The GS base as the program's own: set by arch_prctl(2) or by wrgsbase, around thousands of calls from the same places. Nothing is written where it
 * points to, and it is what it was behind each call, in handlers, in a child and in other threads. */
#include "../guest.h"
#include <asm/prctl.h>
#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif
static int instructions;

static void set(unsigned long base)
{
    if (instructions) __asm__ volatile("wrgsbase %0" ::"r"(base) : "memory");
    else must(syscall(SYS_arch_prctl, ARCH_SET_GS, base));
}
static unsigned long get(void)
{
    unsigned long base;
    if (instructions) __asm__ volatile("rdgsbase %0" : "=r"(base));
    else must(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
    return base;
}

static unsigned char *area(int pattern)
{
    unsigned char *p = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, pattern, 65536);
    return p;
}
static int damage(const unsigned char *p, int pattern)
{
    int n = 0;
    for (int i = 0; i < 65536; i++) n += p[i] != pattern;
    return n;
}

/* Calls from few places, often. */
static long calls(int n)
{
    char c;
    long sum = 0;
    for (int i = 0; i < n; i++) {
        sum += lseek(0, 0, SEEK_CUR) < 0;
        sum += getppid() <= 0;
        sum += read(-1, &c, 1) == -1;
        sum += sched_yield();
    }
    return sum;
}

static unsigned char *volatile mine;
static volatile int right;
static void on_usr1(int s)
{
    unsigned char first;
    (void)s;
    if (!mine) return;
    __asm__ volatile("movb %%gs:0,%0" : "=r"(first));
    right += first == mine[0] && get() == (unsigned long)mine;
}

static void *other(void *arg)
{
    int pattern = 0x30 + (int)(long)arg;
    unsigned char *p = area(pattern);
    calls(200);
    unsigned long before = get();
    for (int i = 0; i < 50; i++) {
        set((unsigned long)p);
        calls(10);
        if (get() != (unsigned long)p) return "another base";
        set(before);
        calls(10);
    }
    return damage(p, pattern) ? "damaged" : "as it was";
}

static void alone(void)
{
    mine = area(0x5a);
    set((unsigned long)mine);
    long sum = calls(300);
    say("  calls %ld, base %s, bytes that changed %d\n", sum, get() == (unsigned long)mine ? "kept" : "lost", damage(mine, 0x5a));
}
static void handlers(void)
{
    signal(SIGUSR1, on_usr1);
    for (int i = 0; i < 200; i++) raise(SIGUSR1);
    mine = area(0x5a);
    set((unsigned long)mine);
    right = 0;
    for (int i = 0; i < 100; i++) raise(SIGUSR1);
    say("  right in %d handlers, bytes that changed %d\n", right, damage(mine, 0x5a));
}
static void children(void)
{
    mine = area(0x5a);
    set((unsigned long)mine);
    int child = must(fork()), status;
    if (child == 0) _exit(calls(300) != 600 || get() != (unsigned long)mine || damage(mine, 0x5a) != 0);
    must(waitpid(child, &status, 0));
    say("  child %d, bytes that changed %d\n", status, damage(mine, 0x5a));
}
static void threads(void)
{
    pthread_t t[4];
    for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, other, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(t[i], &r);
        say("  thread: %s\n", (char *)r);
    }
}
static void nothing(void)
{
    set(0);
    long sum = calls(300);
    set(0x100000);
    sum += calls(300);
    say("  calls %ld, base %s\n", sum, get() == 0x100000 ? "kept" : "lost");
}

int main(void)
{
    void (*parts[])(void) = { alone, handlers, children, threads, nothing };
    int pipes[2], has = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
    must(pipe(pipes));
    dup2(pipes[0], 0);
    calls(300);
    for (int way = 0; way < 2; way++) {
        say("way %d\n", way);
        for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
            int child = must(fork()), status;
            if (child == 0) {
                instructions = way == 0 && has;
                calls(300);
                parts[i]();
                _exit(0);
            }
            must(waitpid(child, &status, 0));
            say("part %d: %#x\n", (int)i, status);
        }
    }
    return 0;
}

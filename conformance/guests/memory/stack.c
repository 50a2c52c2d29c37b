/* mmap(2) MAP_GROWSDOWN, getrlimit(2) RLIMIT_STACK: the main stack grows on demand to its limit, in big steps and small; a thread's guard
 * page; the map below; stack limits set before exec. */
#include "../guest.h"
#include <pthread.h>
#include <setjmp.h>

static sigjmp_buf back;
static char alt[32768];
static void fault(int s, siginfo_t *si, void *u) { (void)s; (void)u; siglongjmp(back, si->si_code); }
static long deep(long n) { volatile char b[1000]; b[0] = n; b[999] = 1; return n == 0 ? 0 : deep(n - 1) + b[999]; }
static long step(long size)
{
    volatile char *p = __builtin_alloca(size);
    p[0] = 1;
    p[size - 1] = 2;
    return p[0] + p[size - 1];
}
static int endless(int n) { volatile char b[4096]; b[0] = n; if (n < 0) return 0; return endless(n + 1) + b[0]; }
static void *thread(void *a)
{
    stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };
    sigaltstack(&ss, 0);
    int c = sigsetjmp(back, 1);
    if (c) say("a thread's overflow: code %d\n", c);
    else endless(0);
    say("a thread goes on: %ld\n", step(20000));
    return a;
}
static unsigned long stack_line(unsigned long *end)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char l[512];
    unsigned long a = 0, b = 0;
    while (f && fgets(l, sizeof l, f)) if (strstr(l, "[stack]")) sscanf(l, "%lx-%lx", &a, &b);
    if (f) fclose(f);
    *end = b;
    return a;
}

int main(int argc, char **argv)
{
    unsigned long lo, hi, local;
    if (argc > 1) {
        struct rlimit rl;
        getrlimit(RLIMIT_STACK, &rl);
        say("new program: limit %ld kB, 100 kB deep %ld\n", (long)(rl.rlim_cur >> 10), deep(100));
        if (argc > 2) say("1 MB deep %ld\n", deep(1000));
        return argv[1][0] == 'x' ? 3 : 0;
    }
    fresh();
    struct rlimit rl;
    getrlimit(RLIMIT_STACK, &rl);
    rl.rlim_cur = 8 << 20;
    must(setrlimit(RLIMIT_STACK, &rl));
    lo = stack_line(&hi);
    v((unsigned long)&local >= lo && (unsigned long)&local < hi);
    v((unsigned long)argv >= lo && (unsigned long)environ[0] < hi);
    say("deep calls %ld\n", deep(2000));
    unsigned long lo2 = stack_line(&hi);
    v(lo2 < lo);
    say("one step of 3 MB: %ld\n", step(3 << 20));
    lo = stack_line(&hi);
    v(hi - lo >= 3 << 20);
    pid_t p = spawn({ say("child: deep %ld\n", deep(3000)); });
    reap(p, "child");
    stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };
    sigaltstack(&ss, 0);
    on(SIGSEGV, fault, SA_SIGINFO | SA_ONSTACK);
    int c = sigsetjmp(back, 1);
    if (!c) endless(0);
    say("overflow: code %d\n", c);
    lo = stack_line(&hi);
    say("the stack's size is near its limit: %d\n", hi - lo > 7 << 20 && hi - lo <= 8 << 20);
    rl.rlim_cur = 16 << 20;
    must(setrlimit(RLIMIT_STACK, &rl));
    say("a higher limit works at once: %ld\n", step(10 << 20));
    ss.ss_flags = SS_DISABLE;
    sigaltstack(&ss, 0);
    pthread_t th;
    pthread_attr_t at;
    pthread_attr_init(&at);
    pthread_attr_setstacksize(&at, 256 << 10);
    pthread_create(&th, &at, thread, 0);
    pthread_join(th, 0);

    p = spawn({ rl.rlim_cur = 200 << 10; setrlimit(RLIMIT_STACK, &rl); execl("/proc/self/exe", "self", "a", NULL); });
    reap(p, "200 kB");
    p = spawn({ rl.rlim_cur = 200 << 10; setrlimit(RLIMIT_STACK, &rl); execl("/proc/self/exe", "self", "x", "y", NULL); });
    reap(p, "200 kB, too deep");
    say("-- MAP_GROWSDOWN\n");
    char *area = mmap(0, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area, 64 * 4096);
    char *g = mmap(area + 60 * 4096, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    v(g == area + 60 * 4096);
    g[0] = 1;
    p = spawn({ signal(SIGSEGV, SIG_DFL); g[-1] = 2; g[-4097] = 3; say("grew: %d %d\n", g[-1], g[-4097]); });
    reap(p, "one page at a time");
    return 0;
}

/* libc_static.h - one body for several ways to link a program: what a C library needs from the kernel to run at all. */
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/auxv.h>

static int data_word = 11, bss_word;
static const char rodata[] = "constant";
static __thread int tls_word = 22;
static char order[8];
__attribute__((constructor)) static void ctor(void) { strcat(order, "c"); }
static void at_end(void) { say("atexit\n"); }
__attribute__((destructor)) static void dtor(void) { say("destructor\n"); }

static void *thread(void *a)
{
    int had = tls_word;
    tls_word = 5;
    char *m = malloc(100000);
    memset(m, 1, 100000);
    free(m);
    return (void *)(long)(had + (long)a);
}
static jmp_buf jb;
static int cmp(const void *a, const void *b) { return *(int *)a - *(int *)b; }
static volatile int sig_seen;
static void handler(int s) { sig_seen = s; }

static int body(int argc, char **argv, const char *how)
{
    if (argc > 1) { say("executed itself: %s\n", argv[1]); return 4; }
    fresh();
    say("%s: constructor ran %s, data %d bss %d rodata %s tls %d\n", how, order, data_word, bss_word, rodata, tls_word);
    atexit(at_end);
    pthread_t th[4];
    long sum = 0;
    for (long i = 0; i < 4; i++) pthread_create(&th[i], 0, thread, (void *)i);
    for (int i = 0; i < 4; i++) { void *r; pthread_join(th[i], &r); sum += (long)r; }
    say("threads: %ld, main's tls %d\n", sum, tls_word);
    long total = 0;
    char *p[200];
    for (int i = 0; i < 200; i++) { p[i] = malloc(1 << (i % 17)); p[i][0] = i; }
    for (int i = 0; i < 200; i++) { total += (unsigned char)p[i][0]; free(p[i]); }
    p[0] = malloc(64 << 20);
    p[0][50 << 20] = 1;
    p[0] = realloc(p[0], 128 << 20);
    total += p[0][50 << 20];
    free(p[0]);
    say("heap: %ld\n", total);
    char text[64];
    snprintf(text, sizeof text, "%.3f %e %s %5d|%-5d|%x", sqrt(2.0), 12345.678, "str", 42, 42, 255);
    say("%s\n", text);
    int v_[] = { 5, 3, 9, 1 };
    qsort(v_, 4, sizeof(int), cmp);
    say("%d %d %d %d strtod %.2f\n", v_[0], v_[1], v_[2], v_[3], strtod("2.75", 0));
    if (setjmp(jb) == 0) longjmp(jb, 3); else say("longjmp\n");
    on(SIGUSR1, handler, 0);
    raise(SIGUSR1);
    say("signal %s\n", signame(sig_seen));
    struct timespec ts;
    say("clock %d, time %d\n", clock_gettime(CLOCK_MONOTONIC, &ts), time(0) > 1600000000);
    FILE *f = tmpfile();
    fprintf(f, "line one\nline two\n");
    rewind(f);
    int lines = 0;
    while (fgets(text, sizeof text, f)) lines++;
    fclose(f);
    say("stdio: %d lines, locale %s\n", lines, setlocale(LC_ALL, "C"));
    say("auxv: base %s, page %lu\n", getauxval(AT_BASE) ? "an interpreter" : "none", getauxval(AT_PAGESZ));
    pid_t k = spawn({ tls_word = 9; bss_word = 9; _exit(tls_word + data_word); });
    reap(k, "fork");
    k = spawn(execl("/proc/self/exe", "self", how, NULL));
    reap(k, "exec");
    k = spawn(exit(6));
    reap(k, "exit");
    return 0;
}

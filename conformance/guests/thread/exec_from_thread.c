/* execve(2): a thread other than the first executes: all other threads end, the process keeps its pid and the new program's thread has
 * it; a refused exec leaves the threads; exec while threads block, spin, hold a pipe. */
#include "../guest.h"
#include <pthread.h>

static int pp[2], how;
static char pid_text[16];
static void *spin(void *a) { (void)a; for (;;) __asm__ volatile("pause"); return 0; }
static void *blocked(void *a) { (void)a; char c; read(pp[0], &c, 1); return 0; }
static volatile int alive;
static void *ticking(void *a) { (void)a; for (;;) { alive++; nap(1); } return 0; }
static void *execs(void *a)
{
    (void)a;
    block(SIGUSR2);
    if (how == 3) {
        t(execl("/none", "x", NULL));
        t(execl("/", "x", NULL));
        int before = alive;
        for (int i = 0; i < 2000 && alive < before + 3; i++) nap(1);
        say("other threads still run: %d\n", alive > before);
        exit(3);
    }
    if (how == 2) {
        /* /proc/self is the first thread, a zombie without memory by now. */
        settle_in(getpid(), getpid(), "Z");
        char b[8];
        t(readlink("/proc/self/exe", b, 8));
    }
    execl("/proc/thread-self/exe", "self", pid_text, "x", NULL);
    return 0;
}
static int count_tasks(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        sigset_t m;
        sigprocmask(SIG_BLOCK, 0, &m);
        say("  pid kept %d, tid is the pid %d, threads %d, name %s\n", getpid() == atoi(argv[1]), syscall(SYS_gettid) == getpid(), count_tasks(), argv[0]);
        say_set("  mask of the thread that executed", &m);
        pthread_t th;
        void *r;
        pthread_create(&th, 0, (void *(*)(void *))strlen, "four");
        pthread_join(th, &r);
        say("  new threads work: %ld\n", (long)r);
        return 5;
    }
    fresh();
    const char *names[] = { "main waits in join", "main spins", "main has left", "refused", "main itself, others run" };
    for (how = 0; how < 5; how++) {
        say("%s\n", names[how]);
        pid_t p = spawn({
            must(pipe(pp));
            snprintf(pid_text, 16, "%d", getpid());
            pthread_t a;
            pthread_t th;
            pthread_create(&a, 0, spin, 0);
            pthread_create(&a, 0, blocked, 0);
            pthread_create(&a, 0, ticking, 0);
            if (how == 4) execs(0);
            pthread_create(&th, 0, execs, 0);
            if (how == 0 || how == 3) pthread_join(th, 0);
            if (how == 1) spin(0);
            if (how == 2) syscall(SYS_exit, 0);
        });
        reap(p, "process");
    }
    say("two threads execute at once: one wins\n");
    for (int i = 0; i < 10; i++) {
        pid_t p = spawn({
            pthread_t a;
            pthread_t b;
            int null = open("/dev/null", O_WRONLY);
            dup2(null, 1);
            snprintf(pid_text, 16, "%d", getpid());
            pthread_create(&a, 0, execs, 0);
            pthread_create(&b, 0, execs, 0);
            for (;;) pause();
        });
        int st;
        waitpid(p, &st, 0);
        if (!WIFEXITED(st) || WEXITSTATUS(st) != 5) say_status("wrong", st);
    }
    say("done\n");
    return 0;
}

/* execve(2): a process that executes itself again and again keeps its pid, its open files and their offsets, its parent, its limits and what it ignores,
 * and does not grow; exec of other programs in between; arguments that change each time. */
#include "../guest.h"

int main(int argc, char **argv)
{
    if (argc == 5) {
        int n = atoi(argv[1]);
        char b[8], next[16];
        if (getpid() != atoi(argv[2]) || getppid() != atoi(argv[3])) say("round %d: another process\n", n);
        ssize_t r = read(9, b, 3);
        if (r != 3 || b[0] != 'a' + n % 26) say("round %d: read %ld '%c'\n", n, (long)r, b[0]);
        if (n == 0) {
            struct sigaction sa;
            struct rlimit rl;
            int fds = 0;
            for (int i = 0; i < 100; i++) fds += fcntl(i, F_GETFD) >= 0;
            sigaction(SIGHUP, 0, &sa);
            getrlimit(RLIMIT_NOFILE, &rl);
            sigset_t m;
            sigprocmask(SIG_BLOCK, 0, &m);
            say("the last: descriptors %d, SIGHUP %s, limit %ld, umask %03o, nice %d, payload %zu\n", fds, sa.sa_handler == SIG_IGN ? "ignored" : "not ignored", (long)rl.rlim_cur, umask(0), getpriority(PRIO_PROCESS, 0), strlen(argv[4]));
            say_set("mask", &m);
            char *env = getenv("ROUND");
            say("environment %s\n", env ? env : "lost");
            return 17;
        }
        /* Memory taken here is gone in the next round. */
        char *m = malloc(4 << 20);
        memset(m, 1, 4 << 20);
        snprintf(next, 16, "%d", n - 1);
        setenv("ROUND", next, 1);
        umask(n & 077);
        execl("/proc/self/exe", argv[0], next, argv[2], argv[3], argv[4], NULL);
        say("round %d: %s\n", n, ename(errno));
        return 1;
    }
    fresh();
    char exe[512] = { 0 };
    readlink("/proc/self/exe", exe, 511);
    xmkdtemp();
    int fd = must(open("data", O_RDWR | O_CREAT, 0600));
    for (int i = 99; i >= 0; i--) { char c[3] = { 'a' + i % 26, '.', '.' }; write(fd, c, 3); }
    lseek(fd, 0, SEEK_SET);
    must(dup2(fd, 9));
    close(fd);
    pid_t p = spawn({
        char pid[16];
        char ppid[16];
        char payload[5001];
        memset(payload, 'p', 5000);
        payload[5000] = 0;
        snprintf(pid, 16, "%d", getpid());
        snprintf(ppid, 16, "%d", getppid());
        signal(SIGHUP, SIG_IGN);
        block(SIGUSR2);
        setpriority(PRIO_PROCESS, 0, 3);
        struct rlimit rl = { 64, 128 };
        setrlimit(RLIMIT_NOFILE, &rl);
        execl(exe, "chain", "99", pid, ppid, payload, NULL);
    });
    struct rusage ru;
    int st;
    v(wait4(p, &st, 0, &ru) == p);
    say_status("chain", st);
    say("the offset they shared %ld, did not grow with the rounds %d\n", (long)lseek(9, 0, SEEK_CUR), ru.ru_maxrss < 100 << 10);
    say("-- through other programs\n");
    p = spawn({ execl("/usr/bin/env", "env", "-i", "/usr/bin/nice", "-n", "2", "/bin/sh", "-c", "exec /usr/bin/env A=$((1+1)) /bin/sh -c 'echo $A; nice; exit 8'", NULL); });
    reap(p, "env nice sh env sh");
    return 0;
}

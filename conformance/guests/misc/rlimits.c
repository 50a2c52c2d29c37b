/* getrlimit(2), setrlimit(2), prlimit(2): soft against hard, raising and lowering as a user and as root, inheritance, other processes, unknown
 * resources, RLIMIT_NPROC, RLIMIT_NOFILE, the effects on exec. */
#include "../guest.h"
#include <sys/prctl.h>

static void show_rl(const char *what, int r)
{
    struct rlimit l;
    if (getrlimit(r, &l) < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %ld %ld\n", what, (long)l.rlim_cur, (long)l.rlim_max);
}
static int set(int r, long cur, long max) { struct rlimit l = { cur, max }; return setrlimit(r, &l); }

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) { show_rl("after exec: RLIMIT_NOFILE", RLIMIT_NOFILE); show_rl("RLIMIT_FSIZE", RLIMIT_FSIZE); return 0; }
    fresh();
    t(set(RLIMIT_NOFILE, 100, 200));
    show_rl("RLIMIT_NOFILE", RLIMIT_NOFILE);
    t(set(RLIMIT_NOFILE, 201, 200));
    t(set(RLIMIT_FSIZE, 1000000000, 2000000000));
    pid_t p = spawn({ show_rl("child", RLIMIT_NOFILE); t(set(RLIMIT_NOFILE, 50, 60)); show_rl("child", RLIMIT_NOFILE); execl("/proc/self/exe", "self", "x", NULL); });
    reap(p, "child");
    show_rl("parent", RLIMIT_NOFILE);
    p = spawn({ setuid(1000); t(set(RLIMIT_NOFILE, 200, 200)); t(set(RLIMIT_NOFILE, 150, 201)); t(set(RLIMIT_NOFILE, 10, 150)); t(set(RLIMIT_NOFILE, 10, 151)); show_rl("user", RLIMIT_NOFILE); });
    reap(p, "user");
    for (int r = 0; r < 16; r++) {
        struct rlimit l;
        if (getrlimit(r, &l)) say("%d: %s\n", r, ename(errno));
        else if (l.rlim_cur > l.rlim_max) say("%d: soft above hard\n", r);
    }
    t(getrlimit(16, &(struct rlimit){ 0 }));
    t(getrlimit(-1, &(struct rlimit){ 0 }));
    t(set(16, 1, 1));
    t(set(RLIMIT_CORE, -1, 0));
    t(set(RLIMIT_CORE, 0, 0));
    show_rl("RLIMIT_CORE", RLIMIT_CORE);

    say("-- prlimit\n");
    struct rlimit n = { 70, 80 }, o;
    t(prlimit(0, RLIMIT_NOFILE, &n, &o));
    say("old %ld %ld\n", (long)o.rlim_cur, (long)o.rlim_max);
    t(prlimit(getpid(), RLIMIT_NOFILE, 0, &o));
    say("now %ld %ld\n", (long)o.rlim_cur, (long)o.rlim_max);
    int pp[2];
    char c;
    must(pipe(pp));
    p = spawn({ read(pp[0], &c, 1); show_rl("set from outside", RLIMIT_NOFILE); });
    n = (struct rlimit){ 33, 44 };
    t(prlimit(p, RLIMIT_NOFILE, &n, &o));
    say("old %ld %ld\n", (long)o.rlim_cur, (long)o.rlim_max);
    write(pp[1], "x", 1);
    reap(p, "child");
    t(prlimit(1 << 22, RLIMIT_NOFILE, 0, &o));
    t(prlimit(0, 99, 0, &o));
    t(prlimit(-1, RLIMIT_NOFILE, 0, &o));
    t(prlimit(0, RLIMIT_NOFILE, 0, 0));
    p = spawn({ setuid(1000); t(prlimit(getppid(), RLIMIT_NOFILE, 0, &o)); });
    reap(p, "user");
    say("-- descriptors: what is open above the limit stays, new ones must be below\n");
    dup2(0, 60);
    t(set(RLIMIT_NOFILE, 10, 80));
    t(fcntl(60, F_GETFD));
    t(dup2(0, 61));
    t(dup2(0, 60));
    t(dup2(0, 9));
    t(dup2(0, 10));
    t(fcntl(0, F_DUPFD, 10));
    t(set(RLIMIT_NOFILE, 0, 80));
    t(dup(0));
    t(read(60, &c, 0) >= 0);
    t(set(RLIMIT_NOFILE, 80, 80));
    say("-- processes of one user\n");
    p = spawn({
        /* A user nobody else is. */
        int uid = 300000 + getpid();
        set(RLIMIT_NPROC, 3, 3);
        setuid(uid);
        int k = 0;
        int hold[2];
        must(pipe(hold));
        for (;; k++) {
            pid_t q = fork();
            if (q < 0) break;
            if (q == 0) { close(hold[1]); read(hold[0], &c, 1); _exit(0); }
        }
        say("forks until %s: %d\n", ename(errno), k);
        close(hold[1]);
        while (wait(0) > 0) {}
        pid_t q = fork();
        if (q == 0) _exit(0);
        v(q > 0);
        waitpid(q, 0, 0);
    });
    reap(p, "NPROC");
    say("-- nice and priorities\n");
    p = spawn({
        t(getpriority(PRIO_PROCESS, 0));
        v(nice(5));
        v(getpriority(PRIO_PROCESS, 0));
        v(syscall(SYS_getpriority, PRIO_PROCESS, 0));
        t(setpriority(PRIO_PROCESS, 0, 100));
        v(getpriority(PRIO_PROCESS, 0));
        pid_t q = spawn(v(getpriority(PRIO_PROCESS, 0)));
        reap(q, "child");
        setuid(1000);
        set(RLIMIT_NICE, 0, 0);
        t(setpriority(PRIO_PROCESS, 0, 10));
        t(setpriority(PRIO_PROCESS, 0, 19));
        t(setpriority(9, 0, 0));
        t(getpriority(9, 0));
        t(getpriority(PRIO_PROCESS, 1 << 22));
        t(setpriority(PRIO_PROCESS, 1 << 22, 0));
        t(getpriority(PRIO_USER, 4000000));
    });
    reap(p, "nice");
    return 0;
}

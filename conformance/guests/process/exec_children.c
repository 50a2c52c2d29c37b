/* Children that execute a program: the status of a script's interpreter, setpgid(2) before and after, close-on-exec in a table that is shared,
 * however the program was started. */
#include "../guest.h"
#include <pthread.h>
#include <sched.h>
#include <spawn.h>

extern char **environ;
static void script(const char *name, const char *text) { put(name, text); chmod(name, 0755); }
static void *never(void *arg) { for (;;) pause(); return arg; }
static char stack[65536] __attribute__((aligned(16)));
static int ways(const char *path, char **av, int way)
{
    pid_t p;
    int st = -1;
    if (way == 0) { if ((p = fork()) == 0) { execv(path, av); _exit(126); } }
    else if (way == 1) { if ((p = vfork()) == 0) { execv(path, av); _exit(126); } }
    else if (way == 2) { int e = posix_spawn(&p, path, 0, 0, av, environ); if (e) return -e; }
    else if (way == 3) { if ((p = fork()) == 0) { execvp(path, av); _exit(126); } }
    else { if ((p = fork()) == 0) { pthread_t th; pthread_create(&th, 0, never, 0); int fd = open(path, O_RDONLY); syscall(SYS_execveat, fd, "", av, environ, AT_EMPTY_PATH); _exit(126); } }
    waitpid(p, &st, 0);
    return st;
}
static int up[2], go[2];
static int shared_child(void *arg)
{
    char *av[] = { "i", "fds", NULL };
    (void)arg;
    execv("i", av);
    _exit(126);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "exit")) _exit(atoi(argv[2]));
    if (argc > 1 && !strcmp(argv[1], "signal")) { raise(atoi(argv[2])); _exit(1); }
    if (argc > 1 && !strcmp(argv[1], "tell")) { write(atoi(argv[2]), "x", 1); char c; read(atoi(argv[3]), &c, 1); _exit(0); }
    if (argc > 1 && !strcmp(argv[1], "fds")) {
        char line[200];
        int n = 0;
        for (int fd = 3; fd < 20; fd++) if (fcntl(fd, F_GETFD) >= 0) n += sprintf(line + n, " %d", fd);
        say("descriptors in the program:%s\n", n ? line : " none");
        int fd = open("/dev/null", O_RDONLY);
        say("a new one %d\n", fd);
        close(fd);
        close(6);
        _exit(0);
    }
    if (argc > 3) { say("%d arguments: %s %s\n", argc, argv[1], argv[2]); _exit(argc); }
    fresh();
    char exe[512] = { 0 };
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    xmkdtemp();
    must(symlink(exe, "i"));
    say("-- status of scripts\n");
    script("own0", "#!/bin/sh\nexit 0\n");
    script("own7", "#!/bin/sh\nexit 7\n");
    script("own255", "#!/bin/sh\nexit 255\n");
    script("own256", "#!/bin/sh\nfalse\n");
    script("last", "#!/bin/sh -e\nfalse\ntrue\n");
    script("killed", "#!/bin/sh\nkill -TERM $$\n");
    script("env", "#!/usr/bin/env sh\nexit 9\n");
    script("nested", "#!own7\n");
    script("bare", "exit 5\n");
    script("true", "#!/bin/true\n");
    script("false", "#!/bin/false\n");
    script("prog", "#!i one two\n");
    script("missing", "#!/none/such\n");
    script("execs", "#!/bin/sh\nexec ./own7\n");
    script("child", "#!/bin/sh\n./own7\necho $?\n./killed\necho $?\n(exit 3)\necho $?\nsh -c 'exit 4' | (exit 6)\necho $?\n");
    const char *all[] = { "./own0", "./own7", "./own255", "./own256", "./last", "./killed", "./env", "./nested", "./bare", "./true", "./false", "./prog", "./missing", "./execs", "./child" };
    for (int i = 0; i < COUNT(all); i++)
        for (int way = 0; way < 5; way++) {
            char *av[] = { "name", "given", NULL };
            int st = ways(all[i], av, way);
            say("%s %d: ", all[i], way);
            if (st < 0) say("%s\n", ename(-st)); else say_status("ended", st);
        }
    say("system: %d %d %d\n", WEXITSTATUS(system("./own7")), WTERMSIG(system("kill -9 $$")), WEXITSTATUS(system("./missing 2>/dev/null")));

    say("-- setpgid\n");
    must(pipe(up));
    must(pipe(go));
    char a[12], b[12], c;
    sprintf(a, "%d", up[1]);
    sprintf(b, "%d", go[0]);
    pid_t p = spawn({ write(up[1], "x", 1); read(go[0], &c, 1); char *av[] = { "i", "tell", a, b, NULL }; execv("i", av); });
    read(up[0], &c, 1);
    t(setpgid(p, p));
    v(getpgid(p) == p);
    t(setpgid(p, getpgrp()) == 0 ? 0 : -1);
    write(go[1], "x", 1);
    read(up[0], &c, 1);
    t(setpgid(p, p));
    t(setpgid(p, 0));
    t(setpgid(p, getpgrp()));
    t(setpgid(p, -1));
    t(setpgid(p, 1 << 22));
    v(getpgid(p) == getpgrp());
    write(go[1], "x", 1);
    reap(p, "executed");
    p = vfork();
    if (p == 0) { char *av[] = { "i", "tell", a, b, NULL }; execv("i", av); _exit(1); }
    t(setpgid(p, p));
    read(up[0], &c, 1);
    write(go[1], "x", 1);
    reap(p, "vforked");
    p = spawn({ char *av[] = { "none", NULL }; execv("none", av); write(up[1], "x", 1); read(go[0], &c, 1); });
    read(up[0], &c, 1);
    t(setpgid(p, p));
    write(go[1], "x", 1);
    reap(p, "a refused exec does not count");
    p = spawn({ setsid(); write(up[1], "x", 1); read(go[0], &c, 1); });
    read(up[0], &c, 1);
    t(setpgid(p, p));
    write(go[1], "x", 1);
    reap(p, "session leader");
    p = spawn({ pid_t q = spawn({ read(go[0], &c, 1); }); write(up[1], &q, sizeof q); waitpid(q, 0, 0); });
    pid_t q;
    read(up[0], &q, sizeof q);
    t(setpgid(q, q));
    write(go[1], "x", 1);
    reap(p, "grandchild");
    p = spawn({ char *av[] = { "i", "tell", a, b, NULL }; execv("i", av); });
    read(up[0], &c, 1);
    pid_t zombie = spawn(_exit(0));
    siginfo_t si;
    waitid(P_PID, zombie, &si, WEXITED | WNOWAIT);
    t(setpgid(zombie, zombie));
    t(setpgid(zombie, p));
    reap(zombie, "zombie");
    write(go[1], "x", 1);
    reap(p, "other");
    close(up[0]); close(up[1]); close(go[0]); close(go[1]);

    say("-- a shared table\n");
    for (int fd = 3; fd < 8; fd++) { int n = open("/dev/null", O_RDONLY | (fd % 2 ? O_CLOEXEC : 0)); if (n != fd) die("open"); }
    p = clone(shared_child, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);
    reap(p, "shares the table");
    for (int fd = 3; fd < 9; fd++) say("%d: %d\n", fd, fcntl(fd, F_GETFD));
    p = clone(shared_child, stack + sizeof stack, CLONE_FILES | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    reap(p, "shares table and memory");
    for (int fd = 3; fd < 9; fd++) say("%d: %d\n", fd, fcntl(fd, F_GETFD));
    p = clone(shared_child, stack + sizeof stack, SIGCHLD, NULL);
    reap(p, "shares nothing");
    for (int fd = 3; fd < 9; fd++) say("%d: %d\n", fd, fcntl(fd, F_GETFD));
    /* flock(2) goes with the description, record locks with the table. */
    int lf = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    t(fcntl(lf, F_SETLK, &fl));
    p = clone(shared_child, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);
    reap(p, "with a lock");
    p = spawn({ struct flock g = { .l_type = F_WRLCK, .l_whence = SEEK_SET }; int f = open("lock", O_RDWR); t(fcntl(f, F_GETLK, &g)); say("held %d\n", g.l_type != F_UNLCK); });
    reap(p, "looks");
    return 0;
}

/* posix_spawn(3), system(3), popen(3): the C library's ways to start programs: file actions, attributes (group, mask, default
 * signals), error reports through vfork, and the shell's exit statuses. */
#include "../guest.h"
#include <spawn.h>

static int child(int argc, char **argv)
{
    sigset_t m;
    struct sigaction sa;
    sigprocmask(SIG_BLOCK, 0, &m);
    say_set("  mask", &m);
    sigaction(SIGUSR2, 0, &sa);
    say("  SIGUSR2 %s\n", sa.sa_handler == SIG_IGN ? "ignored" : "default");
    say("  leader of a group %d, of a session %d\n", getpgrp() == getpid(), getsid(0) == getpid());
    for (int i = 3; i < 12; i++) if (fcntl(i, F_GETFD) >= 0) say("  fd %d open\n", i);
    char cwd[64], b[32];
    if (getcwd(cwd, 64) && !strcmp(cwd, "/proc")) say("  in /proc\n");
    ssize_t n = read(0, b, 32);
    if (n > 0) show("  stdin", b, n);
    say("  argc %d last %s\n", argc, argv[argc - 1]);
    return 3;
}
static void run(const char *name, const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *at, char *path)
{
    pid_t p = -5;
    char *av[] = { "child", (char *)name, NULL };
    say("%s\n", name);
    int r = posix_spawn(&p, path ? path : "/proc/self/exe", fa, at, av, environ);
    if (r) say("  %s\n", ename(r));
    else reap(p, "  child");
}

int main(int argc, char **argv)
{
    if (!strcmp(argv[0], "child")) return child(argc, argv);
    fresh();
    xmkdtemp();
    put("in", "input text");
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    int keep = open("in", O_RDONLY), ce = open("in", O_RDONLY | O_CLOEXEC);
    say("fds %d %d\n", keep, ce);
    run("plain", 0, 0, 0);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "in", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, keep, 8);
    posix_spawn_file_actions_adddup2(&fa, ce, ce);
    posix_spawn_file_actions_addclose(&fa, keep);
    posix_spawn_file_actions_addchdir_np(&fa, "/proc");
    run("file actions", &fa, 0, 0);
    posix_spawn_file_actions_addopen(&fa, 9, "/none/such", O_RDONLY, 0);
    run("a failing action", &fa, 0, 0);
    posix_spawnattr_init(&at);
    sigset_t m = sigs(SIGUSR1, SIGTERM), d = sigs(SIGUSR2);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&at, 0);
    posix_spawnattr_setsigmask(&at, &m);
    posix_spawnattr_setsigdefault(&at, &d);
    signal(SIGUSR2, SIG_IGN);
    run("without attributes", 0, 0, 0);
    run("with attributes", 0, &at, 0);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID);
    run("a session", 0, &at, 0);
    run("no program", 0, 0, "/none/such");
    run("not executable", 0, 0, "in");
    t(waitpid(-1, 0, 0));
    fflush(stdout);

    int codes[] = { 0, 3, 255 };
    char cmd[64];
    for (int i = 0; i < 3; i++) {
        snprintf(cmd, 64, "exit %d", codes[i]);
        say_status(cmd, system(cmd));
    }
    say_status("kill", system("kill -TERM $$"));
    say_status("missing command", system("none-such-command 2>/dev/null"));
    say_status("redirect", system("echo shell >out; cat in out | tr a-z A-Z >out2; wc -c <out2 | tr -d ' '"));
    cat("out2");
    v(system(0) != 0);
    FILE *f = popen("while read l; do echo \"<$l>\"; done >out3", "w");
    fprintf(f, "one\ntwo\n");
    say_status("pclose", pclose(f));
    cat("out3");
    f = popen("printf 'a\\nb\\n'; exit 9", "r");
    char l[16];
    while (fgets(l, 16, f)) show("line", l, strlen(l));
    say_status("pclose", pclose(f));
    return 0;
}

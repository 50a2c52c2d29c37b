/* cgroup.freeze and what cgroup.events tells of it. */
#include "cgroup.h"
#include <sys/ptrace.h>

static void wait_for(const char *group, const char *want)
{
    struct pollfd p = { open(in(group, "cgroup.events"), O_RDONLY), POLLPRI, 0 };
    char b[128];
    for (;;) {
        ssize_t n = pread(p.fd, b, sizeof b - 1, 0);
        b[n < 0 ? 0 : n] = 0;
        if (strstr(b, want)) break;
        poll(&p, 1, 1000);
    }
    close(p.fd);
    say("%s: %s\n", group, want);
}

int main(void)
{
    begin();
    must(cg_make("a"));
    must(cg_make("a/b"));
    must(cg_make("a/c"));
    say("-- empty\n");
    TRY("freeze", cg_put("a", "cgroup.freeze", "1"));
    say("a %s%s", cg_get("a", "cgroup.freeze"), cg_get("a", "cgroup.events"));
    say("a/b %s%s", cg_get("a/b", "cgroup.freeze"), cg_get("a/b", "cgroup.events"));
    must(cg_make("a/b/d"));
    say("new %s%s", cg_get("a/b/d", "cgroup.freeze"), cg_get("a/b/d", "cgroup.events"));
    TRY("thaw", cg_put("a", "cgroup.freeze", "0"));
    say("a %sa/b %s", cg_get("a", "cgroup.events"), cg_get("a/b", "cgroup.events"));
    say("-- one that runs, one that sleeps\n");
    volatile long *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t run = spawn({ for (;;) ++*count; });
    must(cg_move("a/b", "cgroup.procs", run));
    int back[2];
    pipe(back);
    pid_t sleeps = fork();
    if (sleeps == 0) {
        char c;
        while (read(hold[0], &c, 1) == 1) write(back[1], &c, 1);
        _exit(0);
    }
    must(cg_move("a/c", "cgroup.procs", sleeps));
    while (*count == 0) usleep(100);
    TRY("freeze a", cg_put("a", "cgroup.freeze", "1"));
    wait_for("a", "frozen 1");
    wait_for("a/b", "frozen 1");
    long before = *count;
    write(hold[1], "1", 1);
    struct pollfd p = { back[0], POLLIN, 0 };
    say("answers %d\n", poll(&p, 1, 100));
    say("counts %d\n", *count != before);
    TRY("thaw a/b alone", cg_put("a/b", "cgroup.freeze", "0"));
    say("a/b %s", cg_get("a/b", "cgroup.events"));
    TRY("freeze a/b too", cg_put("a/b", "cgroup.freeze", "1"));
    TRY("thaw a", cg_put("a", "cgroup.freeze", "0"));
    char c;
    say("answers %d\n", (int)read(back[0], &c, 1));
    wait_for("a", "frozen 0");
    say("a/b %sa/c %s", cg_get("a/b", "cgroup.events"), cg_get("a/c", "cgroup.events"));
    say("counts %d\n", *count != before);
    TRY("thaw a/b", cg_put("a/b", "cgroup.freeze", "0"));
    wait_for("a/b", "frozen 0");
    while (*count == before) usleep(100);
    say("-- moving\n");
    must(cg_make("ice"));
    TRY("freeze", cg_put("ice", "cgroup.freeze", "1"));
    TRY("in", cg_move("ice", "cgroup.procs", run));
    wait_for("ice", "frozen 1");
    before = *count;
    usleep(20000);
    say("counts %d\n", *count != before);
    TRY("out", cg_move("a", "cgroup.procs", run));
    while (*count == before) usleep(100);
    wait_for("ice", "frozen 1");
    wait_for("a", "frozen 0");
    say("-- signals\n");
    TRY("freeze", cg_put("a", "cgroup.freeze", "1"));
    wait_for("a", "frozen 1");
    kill(run, SIGKILL);
    int st;
    waitpid(run, &st, 0);
    say("%s\n", signame(WTERMSIG(st)));
    wait_for("a", "frozen 1");
    say("-- itself\n");
    pid_t self = spawn({
        cg_put("ice", "cgroup.procs", "0");
        say("goes on\n");
    });
    wait_for("ice", "populated 1");
    wait_for("ice", "frozen 1");
    must(cg_put("ice", "cgroup.freeze", "0"));
    ended(self);
    say("-- a tracer\n");
    TRY("thaw", cg_put("a", "cgroup.freeze", "0"));
    TRY("freeze", cg_put("a", "cgroup.freeze", "1"));
    wait_for("a", "frozen 1");
    TRY("seize", ptrace(PTRACE_SEIZE, sleeps, 0, 0));
    TRY("interrupt", ptrace(PTRACE_INTERRUPT, sleeps, 0, 0));
    waitpid(sleeps, &st, __WALL);
    say("stopped %d %x\n", WIFSTOPPED(st), st >> 8);
    wait_for("a", "frozen 1");
    TRY("detach", ptrace(PTRACE_DETACH, sleeps, 0, 0));
    wait_for("a", "frozen 1");
    TRY("thaw", cg_put("a", "cgroup.freeze", "0"));
    write(hold[1], "2", 1);
    say("answers %d\n", (int)read(back[0], &c, 1));
    say("-- stopped\n");
    kill(sleeps, SIGSTOP);
    waitpid(sleeps, &st, WUNTRACED);
    TRY("freeze", cg_put("a", "cgroup.freeze", "1"));
    wait_for("a", "frozen 1");
    TRY("thaw", cg_put("a", "cgroup.freeze", "0"));
    wait_for("a", "frozen 0");
    kill(sleeps, SIGKILL);
    ended(sleeps);
    return 0;
}

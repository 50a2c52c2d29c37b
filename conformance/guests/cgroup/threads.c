/* Threaded groups of cgroup2 (cgroups(7), "Cgroups v2 thread mode"). */
#include "cgroup.h"
#include <pthread.h>

static int tids[2];
static int go[2];

static void *thread(void *arg)
{
    char c;
    tids[(long)arg] = syscall(SYS_gettid);
    write(go[1], "x", 1);
    read(hold[0], &c, 1);
    return 0;
}

static void types(void)
{
    static const char *const names[] = { "", "a", "a/b", "a/b/c", "d" };
    for (int i = 0; i < COUNT(names); i++) {
        const char *s = cg_get(names[i], "cgroup.type");
        say("  %s: %.*s\n", names[i], (int)strcspn(s, "\n"), s);
    }
}

int main(void)
{
    begin();
    must(cg_make("a"));
    must(cg_make("a/b"));
    must(cg_make("a/b/c"));
    must(cg_make("d"));
    types();
    TRY("threaded a/b", cg_put("a/b", "cgroup.type", "threaded"));
    types();
    TRY("again", cg_put("a/b", "cgroup.type", "threaded"));
    TRY("back", cg_put("a/b", "cgroup.type", "domain"));
    pid_t p = sleeper("d");
    TRY("invalid", cg_move("a/b/c", "cgroup.procs", p));
    TRY("populated", cg_put("d", "cgroup.type", "threaded"));
    TRY("threaded a/b/c", cg_put("a/b/c", "cgroup.type", "threaded"));
    types();
    TRY("make below", cg_make("a/b/c/e"));
    say("%s", cg_get("a/b/c/e", "cgroup.type"));
    TRY("rmdir", rmdir(in("a/b/c/e", "")));
    TRY("procs of threaded", open(in("a/b", "cgroup.procs"), O_RDONLY) - 100 < 0 ? 0 : 0);
    say("read %s\n", cg_get("a/b", "cgroup.procs"));
    TRY("move a process", cg_move("a/b", "cgroup.procs", p));
    say("root lists %d, threads of it %d, of a/b %d\n", lists("a", "cgroup.procs", p), lists("a", "cgroup.threads", p),
        lists("a/b", "cgroup.threads", p));
    say("a %sa/b %s", cg_get("a", "cgroup.events"), cg_get("a/b", "cgroup.events"));
    TRY("kill in threaded", cg_put("a/b", "cgroup.kill", "1"));
    TRY("freeze in threaded", cg_put("a/b", "cgroup.freeze", "1"));
    TRY("thaw in threaded", cg_put("a/b", "cgroup.freeze", "0"));
    let_go();
    say("-- threads\n");
    pipe(go);
    p = fork();
    if (p == 0) {
        pthread_t th[2];
        char c;
        cg_put("a", "cgroup.procs", "0");
        for (long i = 0; i < 2; i++) pthread_create(&th[i], 0, thread, (void *)i);
        for (int i = 0; i < 2; i++) read(go[0], &c, 1);
        TRY("a thread", cg_move("a/b", "cgroup.threads", tids[0]));
        TRY("another", cg_move("a/b/c", "cgroup.threads", tids[1]));
        TRY("out of the domain", cg_move("d", "cgroup.threads", tids[0]));
        TRY("back", cg_move("a", "cgroup.threads", tids[1]));
        TRY("to a/b/c", cg_move("a/b/c", "cgroup.threads", tids[1]));
        say("a: %d, a/b: %d, a/b/c: %d\n", lines(cg_get("a", "cgroup.threads")), lines(cg_get("a/b", "cgroup.threads")),
            lines(cg_get("a/b/c", "cgroup.threads")));
        say("procs of a: %d\n", lines(cg_get("a", "cgroup.procs")));
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/cgroup", tids[1]);
        const char *g = strstr(load_text(path), "0::");
        say("%s", strstr(g, "/a/"));
        TRY("process to d", cg_put("d", "cgroup.procs", "0"));
        say("a: %d, a/b: %d, d: %d\n", lines(cg_get("a", "cgroup.threads")), lines(cg_get("a/b", "cgroup.threads")),
            lines(cg_get("d", "cgroup.threads")));
        TRY("process of a thread to a", cg_move("a", "cgroup.procs", tids[0]));
        say("a: %d\n", lines(cg_get("a", "cgroup.threads")));
        TRY("a thread to d", cg_move("d", "cgroup.threads", tids[0]));
        close(hold[1]);
        _exit(0);
    }
    ended(p);
    let_go();
    say("-- taking apart\n");
    TRY("a", rmdir(in("a", "")));
    TRY("a/b/c", rmdir(in("a/b/c", "")));
    TRY("a/b", rmdir(in("a/b", "")));
    say("%s", cg_get("a", "cgroup.type"));
    TRY("parent has processes", cg_put("", "cgroup.procs", "0"));
    TRY("threaded below", cg_put("a", "cgroup.type", "threaded"));
    types();
    TRY("child of a threaded one", cg_make("a/b"));
    TRY("out", store_text(strcat(strcpy((char[PATH_MAX]){ 0 }, mnt), "/cgroup.procs"), "0"));
    return 0;
}

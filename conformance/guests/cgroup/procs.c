/* Processes in groups of cgroup2: moving, forking, ending; who may; cgroup.events, cgroup.kill, /proc/PID/cgroup. */
#include "cgroup.h"
#include <sys/inotify.h>

static void wait_populated(const char *group, const char *want)
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
}

static void as_other(void)
{
    say("-- as another user\n");
    must(cg_make("mine"));
    must(cg_make("mine/sub"));
    must(cg_make("yours"));
    pid_t p = sleeper("mine");
    pid_t q = spawn({
        setgroups(0, 0);
        setgid(65534);
        setuid(65534);
        TRY("mkdir", cg_make("mine/x"));
        TRY("procs", cg_move("mine/sub", "cgroup.procs", p));
        TRY("rmdir", rmdir(in("mine/sub", "")));
        TRY("freeze", cg_put("mine", "cgroup.freeze", "1"));
        TRY("read", lists("mine", "cgroup.procs", p) - 1);
    });
    ended(q);
    say("-- delegated\n");
    chown(in("mine", ""), 65534, 65534);
    chown(in("mine", "cgroup.procs"), 65534, 65534);
    chown(in("mine/sub", "cgroup.procs"), 65534, 65534);
    q = spawn({
        setgid(65534);
        setuid(65534);
        TRY("mkdir", cg_make("mine/x"));
        struct stat s;
        must(stat(in("mine/x", "cgroup.procs"), &s));
        say("owner %d\n", s.st_uid);
        TRY("within", cg_move("mine/sub", "cgroup.procs", p));
        TRY("back", cg_move("mine", "cgroup.procs", p));
        TRY("from outside", cg_put("mine", "cgroup.procs", "0"));
        TRY("to another", cg_move("yours", "cgroup.procs", p));
        TRY("kill", cg_put("mine", "cgroup.kill", "1"));
        TRY("rmdir", rmdir(in("mine/x", "")));
    });
    ended(q);
    /* The rights of whoever opened it count. */
    int fd = must(open(in("yours", "cgroup.procs"), O_WRONLY));
    q = spawn({
        setgid(65534);
        setuid(65534);
        TRY("by a descriptor", write(fd, "0", 1));
        say("%s\n", group_of(getpid()));
    });
    ended(q);
    close(fd);
    let_go();
}

int main(void)
{
    begin();
    must(cg_make("a"));
    must(cg_make("a/b"));
    must(cg_make("c"));
    say("-- moving\n");
    say("%s", cg_get("a", "cgroup.events"));
    pid_t p = sleeper("a/b");
    say("%s listed %d\n", group_of(p), lists("a/b", "cgroup.procs", p));
    say("a %s", cg_get("a", "cgroup.events"));
    say("a/b %s", cg_get("a/b", "cgroup.events"));
    say("threads %d\n", lists("a/b", "cgroup.threads", p));
    TRY("again", cg_move("a/b", "cgroup.procs", p));
    TRY("to c", cg_move("c", "cgroup.procs", p));
    say("%s\n", group_of(p));
    say("a %s", cg_get("a", "cgroup.events"));
    TRY("busy", rmdir(in("c", "")));
    TRY("none", cg_put("c", "cgroup.procs", "99999999"));
    TRY("negative", cg_put("c", "cgroup.procs", "-1"));
    TRY("not a number", cg_put("c", "cgroup.procs", "self"));
    TRY("two", cg_put("c", "cgroup.procs", "1 1"));
    TRY("blanks", cg_put("c", "cgroup.procs", "  0 \n"));
    say("%s, %d there\n", group_of(getpid()), lines(cg_get("c", "cgroup.procs")));
    pid_t child = spawn({ say("child: %s\n", group_of(getpid())); });
    ended(child);
    TRY("out", cg_put("", "cgroup.procs", "0"));
    say("%s\n", group_of(getpid()));
    say("-- ended ones\n");
    pid_t z = spawn({ cg_put("c", "cgroup.procs", "0"); });
    siginfo_t i;
    waitid(P_PID, z, &i, WEXITED | WNOWAIT);
    say("zombie: %s, listed %d\n", group_of(z), lists("c", "cgroup.procs", z));
    TRY("moving it", cg_move("a", "cgroup.procs", z));
    say("zombie: %s\n", group_of(z));
    ended(z);
    TRY("gone", cg_move("a", "cgroup.procs", z));
    must(cg_make("d"));
    z = spawn({ cg_put("d", "cgroup.procs", "0"); });
    waitid(P_PID, z, &i, WEXITED | WNOWAIT);
    say("%s", cg_get("d", "cgroup.events"));
    TRY("rmdir", rmdir(in("d", "")));
    say("zombie: %s\n", group_of(z));
    ended(z);
    let_go();
    say("-- events\n");
    int ifd = inotify_init1(IN_NONBLOCK);
    must(inotify_add_watch(ifd, in("a", "cgroup.events"), IN_MODIFY));
    int ev = must(open(in("a", "cgroup.events"), O_RDONLY));
    struct pollfd pf = { ev, POLLIN | POLLPRI, 0 };
    say("poll %d %x\n", poll(&pf, 1, 0), pf.revents);
    char b[4096];
    pread(ev, b, sizeof b, 0);
    say("poll %d %x\n", poll(&pf, 1, 0), pf.revents);
    p = sleeper("a/b");
    pf.events = POLLPRI;
    say("poll %d %x\n", poll(&pf, 1, -1), pf.revents);
    pread(ev, b, sizeof b, 0);
    say("poll %d %x\n", poll(&pf, 1, 0), pf.revents);
    struct pollfd in_ = { ifd, POLLIN, 0 };
    poll(&in_, 1, -1);
    ssize_t n = read(ifd, b, sizeof b);
    say("inotify %d %x\n", n >= (ssize_t)sizeof(struct inotify_event), ((struct inotify_event *)b)->mask);
    pid_t w = spawn({ wait_populated("a", "populated 0"); });
    TRY("kill", cg_put("a", "cgroup.kill", "1"));
    int st;
    waitpid(p, &st, 0);
    say("signal %s\n", signame(WTERMSIG(st)));
    waitpid(w, &st, 0);
    say("empty\n");
    say("%s", cg_get("a", "cgroup.events"));
    close(ifd);
    close(ev);
    let_go();
    say("-- kill all\n");
    must(cg_make("k"));
    must(cg_make("k/l"));
    pid_t ps[4];
    for (int j = 0; j < 4; j++) ps[j] = sleeper(j % 2 ? "k" : "k/l");
    TRY("kill", cg_put("k", "cgroup.kill", "1"));
    for (int j = 0; j < 4; j++) {
        waitpid(ps[j], &st, 0);
        say("%s\n", signame(WTERMSIG(st)));
    }
    p = fork();
    if (p == 0) {
        cg_put("k", "cgroup.procs", "0");
        cg_put("k", "cgroup.kill", "1");
        say("not reached\n");
        _exit(0);
    }
    waitpid(p, &st, 0);
    say("itself: %s\n", signame(WTERMSIG(st)));
    if (geteuid() == 0) as_other();
    return 0;
}

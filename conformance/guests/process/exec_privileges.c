/* execve(2), "Effect on credentials": set-user-ID and set-group-ID programs plainly, under tracers with and without privilege, with
 * no_new_privs, in a process that shares its directory, in scripts; what of the process is reset. */
#include "../guest.h"
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

static char stack[65536] __attribute__((aligned(16)));
static int go[2];
static const char *program;
static void run(void)
{
    char *av[] = { (char *)program, "show", NULL };
    char *ev[] = { "LD_LIBRARY_PATH=/x", "TMPDIR=/y", "OTHER=1", NULL };
    execve(program, av, ev);
    say("exec %s: %s\n", program, ename(errno));
    _exit(1);
}
static int sharer(void *arg) { (void)arg; char c; read(go[0], &c, 1); return 0; }
static void become(int uid) { setresgid(uid, uid, uid); setresuid(uid, uid, uid); }
/* Let a traced child run to its end. */
static void let(pid_t p, const char *who)
{
    int st;
    while (waitpid(p, &st, 0) == p && WIFSTOPPED(st)) {
        int sig = WSTOPSIG(st);
        ptrace(PTRACE_CONT, p, 0, (long)(sig == SIGTRAP || sig == SIGSTOP ? 0 : sig));
    }
    say_status(who, st);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        uid_t r, e, s, gr, ge, gs;
        getresuid(&r, &e, &s);
        getresgid(&gr, &ge, &gs);
        say("  uid %d %d %d gid %d %d %d secure %ld dumpable %d nnp %d path %s tmp %s other %s\n", r, e, s, gr, ge, gs, getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE),
            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getenv("LD_LIBRARY_PATH") ? "kept" : "gone", getenv("TMPDIR") ? "kept" : "gone", getenv("OTHER") ? "kept" : "gone");
        int sig = 0;
        prctl(PR_GET_PDEATHSIG, &sig);
        struct rlimit rl;
        getrlimit(RLIMIT_STACK, &rl);
        say("  parent death signal %d auxv %ld %ld keepcaps %d\n", sig, getauxval(AT_EUID), getauxval(AT_EGID), prctl(PR_GET_KEEPCAPS));
        return 0;
    }
    fresh();
    char exe[512] = { 0 }, cmd[1200];
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    xmkdtemp();
    chmod(".", 0755);
    const char *names[] = { "plain", "suid", "sgid", "sgidnx", "both", "other" };
    int modes[] = { 0755, 04755, 02755, 02745, 06755, 04755 }, owners[] = { 0, 0, 0, 0, 0, 3000 };
    for (int i = 0; i < COUNT(names); i++) {
        snprintf(cmd, sizeof cmd, "cp %s %s", exe, names[i]);
        if (system(cmd)) die("cp");
        must(chown(names[i], owners[i], owners[i]));
        must(chmod(names[i], modes[i]));
    }
    put("script", "#!plain\n");
    must(chmod("script", 06755));
    must(pipe(go));
    const char *all[] = { "plain", "suid", "sgid", "sgidnx", "both", "other", "script" };
    for (int i = 0; i < COUNT(all); i++) {
        program = all[i];
        say("-- %s\n", program);
        reap(spawn({ run(); }), "by root");
        reap(spawn({ become(1000); prctl(PR_SET_PDEATHSIG, SIGUSR1); run(); }), "by a user");
        reap(spawn({ setresuid(1000, 0, 0); run(); }), "by root with a user's real id");
        /* Linux 6.17 began to call it a change when an effective id that differs from the real one becomes equal to it. */
        if (i != 1 && i != 4) reap(spawn({ setresuid(0, 1000, 1000); run(); }), "by a user with root's real id");
        reap(spawn({ become(1000); prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); run(); }), "no_new_privs");
        reap(spawn({ become(1000); prctl(PR_SET_DUMPABLE, 0); run(); }), "not dumpable");
        pid_t p = spawn({ become(1000); pid_t q = spawn({ ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); run(); }); let(q, "  traced"); });
        reap(p, "a tracer without privilege");
        p = spawn({ ptrace(PTRACE_TRACEME, 0, 0, 0); become(1000); raise(SIGSTOP); run(); });
        let(p, "a tracer with privilege");
        p = spawn({
            int ready[2]; must(pipe(ready)); char c;
            pid_t q = spawn({ become(1000); write(ready[1], "x", 1); read(go[0], &c, 1); run(); });
            read(ready[0], &c, 1);
            t(ptrace(PTRACE_SEIZE, q, 0, 0));
            write(go[1], "x", 1);
            let(q, "  seized");
        });
        reap(p, "seized by root");
        p = spawn({
            become(1000);
            int ready[2]; must(pipe(ready)); char c;
            pid_t q = spawn({ prctl(PR_SET_DUMPABLE, 1); write(ready[1], "x", 1); read(go[0], &c, 1); run(); });
            prctl(PR_SET_DUMPABLE, 1);
            read(ready[0], &c, 1);
            t(ptrace(PTRACE_SEIZE, q, 0, 0));
            write(go[1], "x", 1);
            let(q, "  seized");
        });
        reap(p, "seized by a user");
        p = spawn({ become(1000); pid_t q = clone(sharer, stack + sizeof stack, CLONE_FS | SIGCHLD, 0); pid_t r = spawn({ run(); }); reap(r, "  fork"); if (q < 0) say("no\n"); else write(go[1], "x", 1); waitpid(q, 0, 0); });
        reap(p, "a child of one that shares");
        p = spawn({ become(1000); if (clone(sharer, stack + sizeof stack, CLONE_FS | SIGCHLD, 0) < 0) say("no\n"); run(); });
        reap(p, "shares its directory");
        write(go[1], "x", 1);
        nap(20);
    }
    return 0;
}

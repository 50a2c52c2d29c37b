/* execve(2), prctl(2) PR_SET_NO_NEW_PRIVS, credentials(7): set-user-ID and set-group-ID programs: the ids, AT_SECURE, dumpable, what no_new_privs
 * and scripts do to them, and the loss of the parent death signal. */
#include "../guest.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

static char exe[512];
static void copy(const char *to, int uid, int gid, int mode)
{
    int in = must(open(exe, O_RDONLY)), out = must(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700));
    char b[65536];
    ssize_t n;
    while ((n = read(in, b, sizeof b)) > 0) write(out, b, n);
    fchown(out, uid, gid);
    fchmod(out, mode);
    close(in);
    close(out);
}
static void run(const char *what, const char *prog, int uid, int gid, int nnp)
{
    pid_t p = spawn({
        setresgid(gid, gid, gid);
        setresuid(uid, uid, uid);
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        if (nnp) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        char *av[] = { "child", (char *)what, 0 };
        char *ev[] = { "LD_LIBRARY_PATH=/none", "KEEP=1", 0 };
        execve(prog, av, ev);
        say("%s: %s\n", what, ename(errno));
    });
    int st;
    waitpid(p, &st, 0);
    if (st) say_status(what, st);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        uid_t a, b, c;
        gid_t d, e, f;
        int sig = 0;
        getresuid(&a, &b, &c);
        getresgid(&d, &e, &f);
        prctl(PR_GET_PDEATHSIG, &sig);
        say("%s: uid %d %d %d gid %d %d %d secure %ld nnp %d dumpable %d death signal %d\n", argv[1], a, b, c, d, e, f, getauxval(AT_SECURE),
            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE) == 1, sig);
        return 0;
    }
    fresh();
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    xmkdtemp();
    copy("plain", 0, 0, 0755);
    copy("suid", 2000, 0, 04755);
    copy("suidroot", 0, 0, 04755);
    copy("sgid", 0, 3000, 02755);
    copy("both", 2000, 3000, 06755);
    copy("sgidnox", 0, 3000, 02745);
    copy("mine", 1000, 0, 04755);
    copy("execonly", 0, 0, 0711);
    run("plain", "./plain", 1000, 100, 0);
    run("set-user-ID", "./suid", 1000, 100, 0);
    run("set-user-ID root", "./suidroot", 1000, 100, 0);
    run("set-group-ID", "./sgid", 1000, 100, 0);
    run("both", "./both", 1000, 100, 0);
    run("set-group-ID without group execute", "./sgidnox", 1000, 100, 0);
    run("one's own id", "./mine", 1000, 100, 0);
    run("already that user", "./suid", 2000, 100, 0);
    run("root executes another's", "./suid", 0, 0, 0);
    run("not readable, only executable", "./execonly", 1000, 100, 0);
    run("no_new_privs", "./both", 1000, 100, 1);
    run("no_new_privs, root's", "./suidroot", 1000, 100, 1);
    put("script", "#!./plain script\n");
    chown("script", 2000, 3000);
    chmod("script", 06755);
    pid_t p = spawn({ setresuid(1000, 1000, 1000); execl("./script", "child", NULL); say("%s\n", ename(errno)); });
    reap(p, "a set-user-ID script");
    put("script2", "#!./both\n");
    chmod("script2", 0755);
    p = spawn({ setresuid(1000, 1000, 1000); char *av[] = { "x", 0 }; execve("./script2", av, av + 1); });
    reap(p, "a script with a set-user-ID interpreter");
    say("-- the flag\n");
    t(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    p = spawn({
        t(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
        t(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
        t(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        t(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
        t(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        pid_t q = spawn(say("child %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
        reap(q, "child");
        t(setuid(1000));
    });
    reap(p, "no_new_privs");
    say("-- the file's bits after a write by its owner\n");
    p = spawn({ setuid(2000); int fd = open("suid", O_WRONLY | O_APPEND); write(fd, "", 0); write(fd, "x", 1); });
    waitpid(p, 0, 0);
    struct stat st;
    stat("suid", &st);
    say("mode %o\n", st.st_mode);
    return 0;
}

/* chmod(2), chown(2), umask(2): which bits are kept, who may change, setuid and setgid bits cleared by chown and write, the sticky bit, setgid
 * directories inherited, umask over mkdir, mknod and open. */
#include "../guest.h"
#include <grp.h>

static void m(const char *p)
{
    struct stat st;
    if (lstat(p, &st) < 0) say("  %s: %s\n", p, ename(errno));
    else say("  %s: %o %d:%d\n", p, st.st_mode, st.st_uid, st.st_gid);
}
static void user(int uid, int gid, int extra)
{
    gid_t g = extra;
    setgroups(extra > 0, &g);
    setresgid(gid, gid, gid);
    setresuid(uid, uid, uid);
}

int main(void)
{
    fresh();
    xmkdtemp();
    chmod(".", 0777);
    put("f", "x");
    mkdir("d", 0755);
    int modes[] = { 0, 0777, 07777, 04755, 02755, 01755, 010000 | 0644, 0170000 };
    for (int i = 0; i < COUNT(modes); i++) { t(chmod("f", modes[i])); m("f"); t(chmod("d", modes[i])); m("d"); }
    int fd = open("f", O_RDWR);
    t(fchmod(fd, 0640));
    t(fchmod(99, 0640));
    t(chmod("none", 0));
    t(chmod("f/x", 0));
    say("-- chown clears setuid and setgid, of root too, not on directories\n");
    chmod("f", 06755);
    t(chown("f", 1000, 2000));
    m("f");
    chmod("f", 06745);
    t(chown("f", 1000, 2000));
    m("f");
    chmod("f", 06755);
    t(chown("f", -1, -1));
    m("f");
    chmod("d", 06755);
    t(chown("d", 1000, 2000));
    m("d");
    symlink("f", "l");
    t(lchown("l", 3, 4));
    m("l");
    t(chown("l", 1000, 2001));
    m("f");
    m("l");
    t(chown("none", 0, 0));
    say("-- writing clears them for users\n");
    chmod("f", 06777);
    pid_t p = spawn({ user(1001, 1001, 0); int w = open("f", O_WRONLY); write(w, "y", 1); m("f"); });
    waitpid(p, 0, 0);
    chmod("f", 06777);
    p = spawn({ user(1001, 1001, 0); t(truncate("f", 0)); m("f"); });
    waitpid(p, 0, 0);
    chmod("f", 02767);
    p = spawn({ user(1001, 1001, 0); int w = open("f", O_WRONLY); write(w, "y", 1); m("f"); });
    waitpid(p, 0, 0);
    chmod("f", 06777);
    write(fd, "root", 4);
    m("f");
    say("-- as the owner\n");
    p = spawn({
        user(1000, 2001, 3000);
        t(chmod("f", 06755));
        m("f");
        t(chown("f", -1, 3000));
        m("f");
        t(chmod("f", 02755));
        m("f");
        t(chown("f", -1, 4000));
        t(chown("f", 1001, -1));
        t(chown("f", 1000, -1));
        t(chmod("l", 0700));
        m("f");
    });
    waitpid(p, 0, 0);
    say("-- setgid needs the group\n");
    chown("f", 1000, 5000);
    p = spawn({ user(1000, 2001, 3000); t(chmod("f", 02755)); m("f"); });
    waitpid(p, 0, 0);
    p = spawn({ user(1002, 1002, 0); t(chmod("f", 0777)); t(chown("f", 1002, 1002)); });
    waitpid(p, 0, 0);
    say("-- umask\n");
    int masks[] = { 0, 022, 077, 0777, 01777 };
    for (int i = 0; i < COUNT(masks); i++) {
        umask(masks[i]);
        say("umask %03o\n", umask(masks[i]));
        close(open("uf", O_CREAT | O_RDWR, 0666));
        mkdir("ud", 0777);
        mkfifo("up", 0666);
        close(open("us", O_CREAT | O_RDWR, 06777));
        m("uf");
        m("ud");
        m("up");
        m("us");
        unlink("uf");
        rmdir("ud");
        unlink("up");
        unlink("us");
    }
    umask(022);
    say("-- a setgid directory hands its group down\n");
    mkdir("g", 0777);
    chown("g", 0, 2345);
    chmod("g", 02777);
    mkdir("g/dir", 0755);
    put("g/file", "");
    mkdir("g/dir/deep", 0700);
    symlink("x", "g/link");
    m("g/dir");
    m("g/file");
    m("g/dir/deep");
    m("g/link");
    p = spawn({ user(1000, 1000, 0); close(open("g/mine", O_CREAT | O_WRONLY, 02775)); m("g/mine"); mkdir("g/dir2", 0777); m("g/dir2"); });
    waitpid(p, 0, 0);
    return 0;
}

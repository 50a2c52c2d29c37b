/* flock(2), fcntl(2) F_SETLK, F_OFD_SETLK: conflicts between descriptions and processes, upgrades, ranges that split and merge, F_GETLK,
 * release on close, fork, deadlock detection, independence of the kinds. */
#include "../guest.h"
#include <sys/file.h>

static int lk(int fd, int cmd, int type, long start, long len)
{
    struct flock f = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
    return fcntl(fd, cmd, &f);
}
static void get(const char *what, int fd, int cmd, int type, long start, long len)
{
    struct flock f = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
    int r = fcntl(fd, cmd, &f);
    if (r < 0) say("%s: %s\n", what, ename(errno));
    else if (f.l_type == F_UNLCK) say("%s: free\n", what);
    else say("%s: %s from %ld length %ld whence %d pid %s\n", what, f.l_type == F_WRLCK ? "write" : "read", (long)f.l_start, (long)f.l_len, f.l_whence, f.l_pid == -1 ? "none" : f.l_pid == getppid() ? "parent" : "else");
}
#define CHILD(...) reap(spawn(__VA_ARGS__), "child")

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "0123456789");
    int a = open("f", O_RDWR), b = open("f", O_RDWR), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
    say("flock\n");
    t(flock(a, LOCK_SH));
    t(flock(b, LOCK_SH | LOCK_NB));
    t(flock(b, LOCK_EX | LOCK_NB));
    t(flock(a, LOCK_UN));
    t(flock(b, LOCK_EX | LOCK_NB));
    t(flock(a, LOCK_SH | LOCK_NB));
    t(flock(ro, LOCK_EX | LOCK_NB));
    CHILD({ t(flock(b, LOCK_EX | LOCK_NB)); int c = open("f", O_RDONLY); t(flock(c, LOCK_SH | LOCK_NB)); });
    int d = dup(b);
    close(b);
    t(flock(a, LOCK_EX | LOCK_NB));
    t(flock(d, LOCK_UN));
    t(flock(a, LOCK_EX | LOCK_NB));
    CHILD({ t(flock(a, LOCK_UN)); });
    t(flock(d, LOCK_EX | LOCK_NB));
    close(d);
    t(flock(a, LOCK_EX | LOCK_NB));
    t(flock(a, 0));
    t(flock(a, LOCK_SH | LOCK_EX));
    t(flock(99, LOCK_SH));
    b = open("f", O_RDWR);
    pid_t w = spawn({ t(flock(b, LOCK_EX)); say("  waiter got it\n"); });
    close(b);
    settle(w);
    flock(a, LOCK_UN);
    reap(w, "waiter");

    say("record locks\n");
    t(lk(a, F_SETLK, F_WRLCK, 2, 3));
    b = open("f", O_RDWR);
    t(lk(b, F_SETLK, F_WRLCK, 2, 3));
    CHILD({
        get("first", a, F_GETLK, F_WRLCK, 0, 0);
        get("before", a, F_GETLK, F_WRLCK, 0, 2);
        get("within", a, F_GETLK, F_RDLCK, 3, 1);
        get("after", a, F_GETLK, F_WRLCK, 5, 0);
        t(lk(a, F_SETLK, F_RDLCK, 4, 10));
        t(lk(a, F_SETLK, F_WRLCK, 0, 2));
        t(lk(a, F_SETLK, F_UNLCK, 0, 0));
    });
    t(lk(a, F_SETLK, F_RDLCK, 0, 10));
    t(lk(a, F_SETLK, F_UNLCK, 4, 2));
    t(lk(a, F_SETLK, F_WRLCK, 8, 0));
    CHILD({
        get("0", a, F_GETLK, F_WRLCK, 0, 1);
        get("4", a, F_GETLK, F_WRLCK, 4, 2);
        get("5 on", a, F_GETLK, F_WRLCK, 5, 0);
        get("8 on", a, F_GETLK, F_RDLCK, 6, 0);
        get("far", a, F_GETLK, F_RDLCK, 1000000, 1);
        t(lk(ro, F_SETLK, F_RDLCK, 0, 2));
    });
    t(lk(ro, F_SETLK, F_WRLCK, 0, 1));
    t(lk(wo, F_SETLK, F_RDLCK, 0, 1));
    t(lk(a, F_SETLK, 9, 0, 1));
    t(lk(a, F_SETLK, F_WRLCK, -1, 1));
    t(lk(a, F_SETLK, F_WRLCK, 10, -10));
    t(lk(a, F_SETLK, F_WRLCK, 5, -10));
    say("any close in the process drops them all\n");
    close(b);
    CHILD(get("all", a, F_GETLK, F_WRLCK, 0, 0));
    lk(a, F_SETLK, F_WRLCK, 0, 0);
    w = spawn({ t(lk(a, F_SETLKW, F_RDLCK, 5, 1)); });
    settle(w);
    lk(a, F_SETLK, F_UNLCK, 5, 1);
    reap(w, "waiter");
    say("deadlock\n");
    lk(a, F_SETLK, F_UNLCK, 0, 0);
    lk(a, F_SETLK, F_WRLCK, 0, 1);
    int pp[2];
    char c;
    must(pipe(pp));
    w = spawn({ lk(a, F_SETLK, F_WRLCK, 1, 1); write(pp[1], "x", 1); lk(a, F_SETLKW, F_WRLCK, 0, 1); });
    read(pp[0], &c, 1);
    settle(w);
    t(lk(a, F_SETLKW, F_WRLCK, 1, 1));
    t(lk(a, F_SETLK, F_UNLCK, 0, 0));
    reap(w, "other");

    say("locks of the open file description\n");
    b = open("f", O_RDWR);
    t(lk(a, F_OFD_SETLK, F_WRLCK, 0, 5));
    t(lk(b, F_OFD_SETLK, F_WRLCK, 3, 5));
    t(lk(b, F_SETLK, F_WRLCK, 3, 5));
    get("through b", b, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHILD({ t(lk(a, F_OFD_SETLK, F_RDLCK, 0, 5)); t(lk(b, F_OFD_SETLK, F_RDLCK, 0, 5)); });
    t(lk(a, F_OFD_SETLK, F_WRLCK, 0, 5));
    lk(b, F_OFD_SETLK, F_UNLCK, 0, 0);
    t(lk(a, F_OFD_SETLK, F_WRLCK, 0, 5));
    close(open("f", O_RDONLY));
    t(lk(b, F_OFD_SETLK, F_WRLCK, 0, 1));
    close(a);
    t(lk(b, F_OFD_SETLK, F_WRLCK, 0, 1));
    t(flock(b, LOCK_EX | LOCK_NB));
    struct flock f = { .l_type = F_WRLCK, .l_pid = 5 };
    t(fcntl(b, F_OFD_SETLK, &f));
    return 0;
}

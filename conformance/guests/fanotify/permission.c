/* fanotify(7), permission events: a listener that allows and denies opens, reads and executions of another process; what it costs to answer wrongly; its end. */
#include "fan.h"

static int fan;
static int denied;

/* Answer what comes until `count` events have been told. */
static void *listener(void *arg)
{
    int count = (int)(long)arg;
    struct fanotify_event_metadata m;
    while (count-- > 0) {
        if (read(fan, &m, sizeof m) != sizeof m) { say("listener: %s\n", ename(errno)); return 0; }
        say("  asked:%s of %s\n", bits(m.mask), tail_of(m.fd));
        struct fanotify_response r = { m.fd, denied & m.mask ? FAN_DENY : FAN_ALLOW };
        if (write(fan, &r, sizeof r) != sizeof r) say("answer: %s\n", ename(errno));
        close(m.fd);
    }
    return 0;
}
static pthread_t th;
static void listen_for(int events) { pthread_create(&th, 0, listener, (void *)(long)events); }
static void enough(void) { pthread_join(th, 0); }

static void reader(const char *p, int flags)
{
    char b[8];
    errno = 0;
    int fd = open(p, flags, 0600);
    if (fd < 0) { say("open: %s\n", ename(errno)); return; }
    ssize_t n = flags & O_WRONLY ? write(fd, "new", 3) : read(fd, b, sizeof b);
    if (n < 0) say("then: %s\n", ename(errno));
    else say("then: %zd\n", n);
    close(fd);
}
static void by_child(const char *p, int flags) { pid_t c = spawn(reader(p, flags)); reap(c, "child"); }

static void on_alarm(int s) { (void)s; }

int main(void)
{
    own_place();
    put("f", "secret");
    must(mkdir("d", 0755));
    fan = must(fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "/proc/self/status"));
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "f"));
    listen_for(1);
    by_child("f", O_RDONLY);
    enough();
    denied = FAN_OPEN_PERM;
    listen_for(1);
    by_child("f", O_RDONLY);
    enough();
    /* A denied open with O_TRUNC leaves the file as it was. */
    listen_for(1);
    by_child("f", O_WRONLY | O_TRUNC);
    enough();
    struct stat st;
    stat("f", &st);
    v(st.st_size);
    denied = 0;
    listen_for(1);
    by_child("f", O_WRONLY | O_TRUNC);
    enough();
    stat("f", &st);
    v(st.st_size);

    ok(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_PERM | FAN_ACCESS_PERM, AT_FDCWD, "."));
    listen_for(2);
    by_child("f", O_RDONLY);
    enough();
    denied = FAN_ACCESS_PERM;
    listen_for(2);
    by_child("f", O_RDONLY);
    enough();
    denied = 0;
    /* A new file is there before anybody is asked. */
    listen_for(1);
    by_child("made", O_WRONLY | O_CREAT | O_EXCL);
    enough();
    denied = FAN_OPEN_PERM;
    listen_for(1);
    by_child("made2", O_WRONLY | O_CREAT | O_EXCL);
    enough();
    denied = 0;
    v(access("made2", F_OK));

    /* A signal with a handler does not end the wait. */
    pid_t c = spawn({
        struct sigaction sa = { .sa_handler = on_alarm };
        sigaction(SIGALRM, &sa, 0);
        struct itimerval it = { { 0, 0 }, { 0, 20000 } };
        setitimer(ITIMER_REAL, &it, 0);
        reader("made", O_RDONLY);
    });
    nap(100);
    listen_for(2);
    reap(c, "child");
    enough();

    /* SIGKILL does; the answer nobody waits for is taken. */
    c = spawn(reader("made", O_RDONLY));
    struct fanotify_event_metadata m;
    v(read(fan, &m, sizeof m));
    kill(c, SIGKILL);
    reap(c, "killed");
    struct fanotify_response r = { m.fd, FAN_ALLOW };
    v(write(fan, &r, sizeof r));
    t(write(fan, &r, sizeof r));
    close(m.fd);

    struct fanotify_response bad = { 999, FAN_ALLOW };
    t(write(fan, &bad, sizeof bad));
    bad.response = 0;
    t(write(fan, &bad, sizeof bad));
    bad.response = FAN_ALLOW | FAN_DENY;
    t(write(fan, &bad, sizeof bad));
    bad.response = FAN_ALLOW | FAN_AUDIT;
    t(write(fan, &bad, sizeof bad));
    bad.response = FAN_ALLOW;
    bad.fd = -1;
    t(write(fan, &bad, sizeof bad));
    t(write(fan, &bad, 4));

    /* Programs: opened to be run. */
    must(fanotify_mark(fan, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, "."));
    must(fanotify_mark(fan, FAN_MARK_FLUSH, 0, AT_FDCWD, "."));
    int in = open("/bin/true", O_RDONLY), out = open("prog", O_WRONLY | O_CREAT, 0755);
    static char buf[1 << 20];
    ssize_t n = read(in, buf, sizeof buf);
    write(out, buf, n);
    close(in);
    close(out);
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, "prog"));
    by_child("f", O_RDONLY);
    listen_for(1);
    c = spawn({ execl("prog", "prog", (char *)0); _exit(9); });
    reap(c, "run");
    enough();
    denied = FAN_OPEN_EXEC_PERM;
    listen_for(1);
    c = spawn({ execl("prog", "prog", (char *)0); say("exec: %s\n", ename(errno)); _exit(9); });
    reap(c, "run");
    enough();

    /* With the listener gone, all may go on. */
    ok(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "f"));
    c = spawn({ close(fan); reader("f", O_RDONLY); });
    struct pollfd pf = { fan, POLLIN, 0 };
    v(poll(&pf, 1, 5000));
    close(fan);
    reap(c, "child");
    return 0;
}

/* fifo(7): opens that wait for the other side, O_NONBLOCK opens, O_RDWR, several readers and writers, removal while open, reopening after
 * end of file, signals during open, permissions. */
#include "../guest.h"
#include <poll.h>

static volatile int hits;
static void handler(int s) { (void)s; hits++; }
static int ev(int fd) { struct pollfd p = { fd, POLLIN | POLLOUT, 0 }; poll(&p, 1, 0); return p.revents; }

int main(void)
{
    fresh();
    xmkdtemp();
    char b[32];
    t(mkfifo("f", 0640));
    t(mkfifo("f", 0640));
    t(open("f", O_WRONLY | O_NONBLOCK));
    int r = t(open("f", O_RDONLY | O_NONBLOCK));
    t(read(r, b, 1));
    v(ev(r));
    int w = t(open("f", O_WRONLY | O_NONBLOCK));
    t(read(r, b, 1));
    v(ev(r));
    v(ev(w));
    write(w, "data", 4);
    v(ev(r));
    close(w);
    v(ev(r));
    slurp("left by the writer", r);
    t(read(r, b, 1));
    v(ev(r));
    w = open("f", O_WRONLY);
    v(ev(r));
    close(r);
    v(ev(w));
    signal(SIGPIPE, SIG_IGN);
    t(write(w, "x", 1));
    r = open("f", O_RDONLY | O_NONBLOCK);
    t(write(w, "again", 5));
    slurp("a new reader", r);
    close(r);
    close(w);

    say("-- waiting opens\n");
    pid_t p = spawn({ int x = open("f", O_RDONLY); slurp("reader", x); t(read(x, b, 1)); });
    settle(p);
    w = open("f", O_WRONLY);
    write(w, "hello", 5);
    close(w);
    reap(p, "reader");
    p = spawn({ int x = open("f", O_WRONLY); write(x, "from the writer", 15); });
    settle(p);
    r = open("f", O_RDONLY);
    reap(p, "writer");
    slurp("read", r);
    slurp("end", r);
    close(r);
    say("-- a signal during the wait\n");
    p = spawn({ on(SIGUSR1, handler, 0); t(open("f", O_RDONLY)); });
    settle(p);
    kill(p, SIGUSR1);
    reap(p, "interrupted");
    p = spawn({ on(SIGUSR1, handler, SA_RESTART); int x = open("f", O_WRONLY); say("restarted: %d, handler %d\n", x >= 0, hits); });
    settle(p);
    kill(p, SIGUSR1);
    nap(10);
    r = open("f", O_RDONLY);
    reap(p, "restarted");
    close(r);
    say("-- both ways\n");
    int rw = t(open("f", O_RDWR));
    t(write(rw, "self", 4));
    slurp("own data", rw);
    v(ev(rw));
    t(fcntl(rw, F_SETFL, O_NONBLOCK));
    t(read(rw, b, 1));
    r = open("f", O_RDONLY);
    write(rw, "xy", 2);
    t(read(r, b, 1));
    t(read(rw, b, 1));
    say("-- unlinked\n");
    unlink("f");
    write(rw, "kept", 4);
    slurp("still a pipe", r);
    t(open("f", O_RDONLY | O_NONBLOCK));
    mkfifo("f", 0600);
    int other = open("f", O_RDONLY | O_NONBLOCK);
    write(rw, "old", 3);
    t(read(other, b, 3));
    slurp("the old one", r);
    struct stat st;
    fstat(rw, &st);
    say("mode %o size %ld nlink %d\n", st.st_mode, (long)st.st_size, (int)st.st_nlink);
    say("-- permissions and kinds\n");
    chown("f", 1000, 0);
    chmod("f", 0400);
    p = spawn({ setuid(1000); ok(open("f", O_RDONLY | O_NONBLOCK)); t(open("f", O_WRONLY | O_NONBLOCK)); t(open("f", O_RDWR)); });
    reap(p, "owner");
    t(open("f", O_RDONLY | O_DIRECTORY));
    t(lseek(rw, 0, SEEK_SET));
    ok(open("f", O_RDONLY | O_NONBLOCK | O_TRUNC | O_CREAT, 0600));
    t(rename("f", "g"));
    say("-- two writers, one reader: end of file at the last close\n");
    r = open("g", O_RDONLY | O_NONBLOCK);
    int w1 = open("g", O_WRONLY), w2 = open("g", O_WRONLY);
    close(w1);
    t(read(r, b, 1));
    p = spawn({ nap(5); write(w2, "child", 5); });
    close(w2);
    reap(p, "child");
    slurp("read", r);
    slurp("then", r);
    return 0;
}

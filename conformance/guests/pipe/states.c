/* pipe(7), poll(2): the events of both ends in each state: empty, filled, full, writer gone, reader gone; EPIPE
 * and SIGPIPE; the last close counts, not the first. */
#include "../guest.h"
#include <poll.h>

static void ev(const char *what, int fd)
{
    struct pollfd f = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0 };
    int r = poll(&f, 1, 0);
    say("  %s: %d%s%s%s%s%s%s\n", what, r, f.revents & POLLIN ? " IN" : "", f.revents & POLLOUT ? " OUT" : "", f.revents & POLLHUP ? " HUP" : "",
        f.revents & POLLERR ? " ERR" : "", f.revents & POLLNVAL ? " NVAL" : "", f.revents & ~(POLLIN | POLLOUT | POLLHUP | POLLERR | POLLNVAL) ? " more" : "");
}
static volatile int pipes;
static void on_pipe(int s) { (void)s; pipes++; }

int main(void)
{
    fresh();
    int p[2];
    char b[70000] = { 0 };
    must(pipe2(p, O_NONBLOCK));
    say("empty\n");
    ev("read end", p[0]);
    ev("write end", p[1]);
    write(p[1], "x", 1);
    say("one byte\n");
    ev("read end", p[0]);
    ev("write end", p[1]);
    write(p[1], b, 65536);
    say("full\n");
    ev("read end", p[0]);
    ev("write end", p[1]);
    read(p[0], b, 100);
    say("100 free\n");
    ev("write end", p[1]);
    read(p[0], b, 4000);
    say("a slot free\n");
    ev("write end", p[1]);
    int w2 = dup(p[1]);
    close(p[1]);
    say("one writer closed of two\n");
    ev("read end", p[0]);
    close(w2);
    say("last writer closed\n");
    ev("read end", p[0]);
    while (read(p[0], b, sizeof b) > 0) {}
    say("drained\n");
    ev("read end", p[0]);
    t(read(p[0], b, 1));
    close(p[0]);
    ev("closed fd", p[0]);

    must(pipe(p));
    close(p[0]);
    say("reader gone\n");
    ev("write end", p[1]);
    on(SIGPIPE, on_pipe, 0);
    t(write(p[1], "x", 1));
    v(pipes);
    t(write(p[1], "x", 0));
    v(pipes);
    signal(SIGPIPE, SIG_IGN);
    t(write(p[1], "x", 1));
    block(SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    t(write(p[1], "x", 1));
    sigset_t set;
    sigpending(&set);
    say_set("pending", &set);
    pid_t c = spawn({ unblock(SIGPIPE); write(p[1], "x", 1); say("not reached\n"); });
    reap(c, "child");
    close(p[1]);

    /* A writer blocked on a full pipe when the reader goes: partial count, then EPIPE on the next. */
    must(pipe(p));
    c = spawn({
        close(p[0]);
        signal(SIGPIPE, SIG_IGN);
        long n = write(p[1], b, 70000);
        say("blocked write returned %ld\n", n);
        t(write(p[1], b, 1));
    });
    close(p[1]);
    settle(c);
    close(p[0]);
    reap(c, "child");
    must(pipe(p));
    c = spawn({ char ch; close(p[1]); say("reader got %ld\n", (long)read(p[0], &ch, 1)); });
    settle(c);
    close(p[1]);
    reap(c, "child");
    return 0;
}

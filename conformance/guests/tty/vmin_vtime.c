/* termios(3), "Canonical and noncanonical mode": the four cases of VMIN and VTIME, reads larger and smaller than VMIN, O_NONBLOCK, poll. */
#include "../guest.h"
#include "tty.h"

static void mode(int min, int time_)
{
    tio.c_cc[VMIN] = min;
    tio.c_cc[VTIME] = time_;
    must(tcsetattr(s, TCSAFLUSH, &tio));
    say("VMIN %d VTIME %d\n", min, time_);
}
static void rd(const char *what, int n)
{
    char b[64];
    ssize_t r = read(s, b, n);
    if (r < 0) say("  %s: %s\n", what, ename(errno));
    else { say("  %s: ", what); show("read", b, r); }
}
/* The same where a timer must run out. */
static void rd_timed(const char *what, int n)
{
    long a = now_ms();
    rd(what, n);
    say("  waited %d\n", now_ms() - a >= 90);
}
/* A child types after the reader has fallen asleep, the pieces in turn. */
static pid_t typist(const char *a, const char *b)
{
    return spawn({ pid_t r = getppid(); settle(r); type(a); if (b) { nap(20); settle(r); type(b); } });
}

int main(void)
{
    fresh();
    open_pair();
    cfmakeraw(&tio);
    pid_t p;

    mode(0, 0);
    rd("nothing there", 10);
    type("abc");
    slave_has(3);
    rd("three there", 10);
    type("abcdef");
    slave_has(6);
    rd("small read", 4);
    rd("rest", 4);

    mode(3, 0);
    p = typist("x", "yz");
    rd("waits for three", 10);
    waitpid(p, 0, 0);
    type("12345");
    slave_has(5);
    rd("more than the minimum", 10);
    type("1234");
    slave_has(4);
    rd("a read smaller than the minimum", 2);
    p = typist("5", 0);
    rd("two left and one more", 10);
    waitpid(p, 0, 0);
    type("q");
    slave_has(1);
    say("  poll with less than the minimum: %d\n", events(s) & POLLIN);
    type("rs");
    slave_has(3);
    say("  poll with the minimum: %d\n", events(s) & POLLIN);
    rd("three", 10);
    fcntl(s, F_SETFL, O_NONBLOCK);
    rd("nothing, non-blocking", 10);
    type("n");
    slave_has(1);
    rd("one, non-blocking", 10);
    fcntl(s, F_SETFL, 0);

    mode(0, 1);
    rd_timed("nothing comes", 10);
    type("t");
    slave_has(1);
    rd("one there", 10);
    mode(0, 200);
    p = typist("late", 0);
    rd("comes before the timeout", 10);
    waitpid(p, 0, 0);

    mode(5, 1);
    p = typist("ab", 0);
    rd_timed("the gap between bytes ends it", 10);
    waitpid(p, 0, 0);
    type("12345");
    slave_has(5);
    rd("the minimum at once", 10);
    type("1234567");
    slave_has(7);
    rd("request smaller", 3);
    rd_timed("the rest, under the minimum: the gap ends it", 10);
    mode(2, 50);
    p = typist("a", "b");
    rd("two within the gap", 10);
    waitpid(p, 0, 0);

    say("-- changing modes with data inside\n");
    mode(1, 0);
    type("line one\nline");
    slave_has(13);
    tio.c_lflag |= ICANON;
    must(tcsetattr(s, TCSANOW, &tio));
    int q = -1;
    ioctl(s, FIONREAD, &q);
    say("  canonical now, readable %d\n", events(s) & POLLIN);
    tio.c_lflag &= ~ICANON;
    must(tcsetattr(s, TCSANOW, &tio));
    rd("raw again: all of it", 30);
    return 0;
}

/* pty(7), sh(1): an interactive shell on a terminal of its own: prompts, echo, line editing, ^C at the prompt and in a program, ^D, a job stopped and brought back,
 * output of programs that ask for the terminal's size. */
#include "../guest.h"
#include "tty.h"

static char all[65536];
static int len;
/* Read until the text has come (after what was seen before) or nothing comes for long. */
static int expect(const char *text)
{
    static int seen;
    for (;;) {
        all[len] = 0;
        char *p = strstr(all + seen, text);
        if (p) { seen = p - all + strlen(text); return 1; }
        struct pollfd f = { m, POLLIN, 0 };
        if (poll(&f, 1, 4000) <= 0) return 0;
        ssize_t n = read(m, all + len, sizeof all - 1 - len);
        if (n <= 0) return 0;
        len += n;
    }
}
static void step(const char *what, const char *typed, const char *wanted)
{
    int from = len;
    type(typed);
    int ok_ = expect(wanted);
    expect("% ");
    say("%s: %s\n", what, ok_ ? "as expected" : "missing");
    show("  screen", all + from, len - from);
}

int main(void)
{
    fresh();
    xmkdtemp();
    open_pair();
    struct winsize w = { 33, 99, 0, 0 };
    ioctl(m, TIOCSWINSZ, &w);
    pid_t p = spawn({
        close(m);
        setsid();
        ioctl(s, TIOCSCTTY, 0);
        for (int i = 0; i < 3; i++) dup2(s, i);
        close(s);
        char *ev[] = { "PATH=/usr/bin:/bin", "PS1=% ", "LC_ALL=C", "TERM=dumb", "HOME=/", 0 };
        execle("/bin/sh", "sh", "-i", NULL, ev);
        _exit(99);
    });
    close(s);
    say("prompt %d\n", expect("% "));
    step("echo", "echo hello world\r", "hello world\r\n");
    step("editing", "echo wrong\x15" "echo rigjt\x7f\x7fht\r", "right\r\n");
    step("status", "false; echo $?\r", "1\r\n");
    step("size", "stty size\r", "33 99\r\n");
    step("it is a terminal", "test -t 0 && test -t 1 && echo tty\r", "tty\r\n");
    step("a pipeline", "printf 'b\\na\\n' | sort\r", "a\r\nb\r\n");
    step("read a line", "read x; echo \"<$x>\"\rtyped in\r", "<typed in>\r\n");
    step("canonical input of a program", "cat\rline\r\x04", "line\r\n");
    type("echo not ru");
    expect("not ru");
    step("^C at the prompt", "\x03", "^C");
    type("sleep 20\r");
    expect("sleep 20\r\n");
    /* Until the program's group has the terminal and sleeps. */
    for (int i = 0; i < 2000 && (tcgetpgrp(m) == p || tcgetpgrp(m) <= 0); i++) nap(2);
    settle(tcgetpgrp(m));
    step("^C in a program", "\x03", "^C");
    step("its status", "echo $?\r", "130\r\n");
    step("raw mode of a program and back", "stty raw -echo; stty -a | tr ' ' '\\n' | grep -c '^-icanon'; stty sane; echo back\r", "back\r\n");
    step("noecho", "stty -echo; read p; stty echo; echo \"[$p]\"\rsecret\r", "[secret]\r\n");
    type("exit 5\r");
    expect("exit 5\r\n");
    reap(p, "shell");
    char b[16];
    t(read(m, b, 16));
    return 0;
}

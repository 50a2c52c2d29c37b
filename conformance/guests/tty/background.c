/* termios(3), credentials(7): a job-control shell in small: pipelines as groups, foreground and background, stopping with ^Z, continuing in the
 * foreground, a background job that reads, ^C that kills the foreground only. */
#include "../guest.h"
#include "tty.h"

static int note[2];
static void tell(char c) { write(note[1], &c, 1); }
static char heard(void)
{
    struct pollfd p = { note[0], POLLIN, 0 };
    char c = '?';
    if (poll(&p, 1, 3000) == 1) read(note[0], &c, 1);
    return c;
}
static void wait_job(const char *what, pid_t g, int n)
{
    int st;
    for (int i = 0; i < n; i++) {
        if (waitpid(-g, &st, WUNTRACED) < 0) { say("%s: %s\n", what, ename(errno)); return; }
        say_status(what, st);
    }
}

static void shell(void)
{
    char line[64];
    ssize_t r;
    close(m);
    setsid();
    ioctl(s, TIOCSCTTY, 0);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    pid_t me = getpid();

    /* A job of two processes in the foreground, both waiting; ^Z stops them together. */
    int pp[2];
    must(pipe(pp));
    pid_t g = spawn({ setpgid(0, 0); signal(SIGTSTP, SIG_DFL); signal(SIGINT, SIG_DFL); signal(SIGTTIN, SIG_DFL); close(pp[1]); char c; read(pp[0], &c, 1); _exit(1); });
    setpgid(g, g);
    pid_t g2 = spawn({ setpgid(0, g); signal(SIGTSTP, SIG_DFL); signal(SIGINT, SIG_DFL); signal(SIGTTIN, SIG_DFL); while (tcgetpgrp(s) != getpgrp()) nap(1); char b[64]; ssize_t n = read(s, b, 64); show("  job reads", b, n); _exit(2); });
    setpgid(g2, g);
    tcsetpgrp(s, g);
    settle(g);
    settle(g2);
    tell('Z');
    wait_job("stopped together", g, 2);
    tcsetpgrp(s, me);
    tell('L');
    r = read(s, line, 64);
    show("the shell reads", line, r);
    say("continued in the foreground, it reads the next line\n");
    tcsetpgrp(s, g);
    kill(-g, SIGCONT);
    settle(g2);
    tell('M');
    wait_job("reader", g, 1);
    tell('C');
    wait_job("the rest", g, 1);
    tcsetpgrp(s, me);

    say("a background job reads: stopped; brought to the front it goes on\n");
    g = spawn({ setpgid(0, 0); signal(SIGTTIN, SIG_DFL); signal(SIGINT, SIG_DFL); char b[64]; ssize_t n = read(s, b, 64); if (n > 0) show("  job reads", b, n); else say("  job: %s\n", ename(errno)); _exit(3); });
    setpgid(g, g);
    wait_job("background reader", g, 1);
    tcsetpgrp(s, g);
    kill(-g, SIGCONT);
    settle(g);
    tell('N');
    wait_job("then", g, 1);
    tcsetpgrp(s, me);
    say("^C goes to the foreground job only\n");
    pid_t bg = spawn({ setpgid(0, 0); signal(SIGINT, SIG_DFL); for (;;) pause(); });
    setpgid(bg, bg);
    g = spawn({ setpgid(0, 0); signal(SIGINT, SIG_DFL); for (;;) pause(); });
    setpgid(g, g);
    tcsetpgrp(s, g);
    settle(g);
    tell('C');
    wait_job("foreground", g, 1);
    tcsetpgrp(s, me);
    v(waitpid(bg, 0, WNOHANG));
    say("the foreground job has ended but still owns the terminal: the shell's read as a background group\n");
    g = spawn({ setpgid(0, 0); tcsetpgrp(s, getpid()); });
    setpgid(g, g);
    wait_job("short job", g, 1);
    t(read(s, line, 64));
    tcsetpgrp(s, me);
    tell('E');
    r = read(s, line, 64);
    v(r);
    kill(bg, SIGKILL);
    waitpid(bg, 0, 0);
    signal(SIGHUP, SIG_IGN);
}

int main(void)
{
    fresh();
    open_pair();
    tio.c_lflag &= ~ECHO;
    set_tio();
    must(pipe(note));
    pid_t p = spawn(shell());
    close(s);
    close(note[1]);
    char c;
    while ((c = heard()) != '?')
        switch (c) {
        case 'Z': type("\x1a"); break;
        case 'L': type("for the shell\n"); break;
        case 'M': type("for the job\n"); break;
        case 'N': type("for the background job\n"); break;
        case 'C': type("\x03"); break;
        case 'E': type("\x04"); break;
        }
    reap(p, "shell");
    return 0;
}

/* signalfd(2): reading queued signals, several at once, the fields, changing the mask, poll, threads and fork, blocking reads. */
#include "../guest.h"
#include <poll.h>
#include <sys/signalfd.h>

static int bits(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    return p.revents;
}
static void rd(const char *what, int fd, int n)
{
    struct signalfd_siginfo s[8];
    memset(s, 0xee, sizeof s);
    ssize_t r = read(fd, s, n * sizeof s[0]);
    if (r < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %ld\n", what, (long)(r / sizeof s[0]));
    for (int i = 0; i < r / (ssize_t)sizeof s[0]; i++)
        say("  %s errno %d code %d pid mine %d uid %u int %d status %d\n", signame(s[i].ssi_signo), s[i].ssi_errno, s[i].ssi_code,
            s[i].ssi_pid == (unsigned)getpid(), s[i].ssi_uid, s[i].ssi_int, s[i].ssi_status);
}
static void q(int s, int val) { sigqueue(getpid(), s, (union sigval){ .sival_int = val }); }

int main(void)
{
    fresh();
    sigset_t set = sigs(SIGUSR1, SIGUSR2, SIGRTMIN, SIGCHLD, SIGKILL);
    sigprocmask(SIG_BLOCK, &set, 0);
    int fd = t(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    v(bits(fd));
    rd("nothing", fd, 1);
    q(SIGRTMIN, 1);
    q(SIGRTMIN, 2);
    kill(getpid(), SIGUSR2);
    q(SIGUSR1, 3);
    v(bits(fd));
    rd("one", fd, 1);
    rd("the rest", fd, 8);
    rd("none", fd, 8);
    say("a child's end\n");
    pid_t p = spawn(_exit(9));
    waitpid(p, 0, 0);
    struct signalfd_siginfo s;
    t(read(fd, &s, sizeof s));
    say("  %s code %d status %d pid %d\n", signame(s.ssi_signo), s.ssi_code, s.ssi_status, s.ssi_pid == (unsigned)p);
    t(read(fd, &s, 127));
    t(read(fd, &s, 0));
    t(read(fd, (void *)8, 128));
    q(SIGUSR1, 4);
    t(read(fd, (void *)8, 128));
    rd("after a bad pointer", fd, 1);
    t(write(fd, &s, sizeof s));
    t(lseek(fd, 0, SEEK_CUR));

    say("changing the mask\n");
    q(SIGUSR1, 5);
    q(SIGUSR2, 6);
    set = sigs(SIGUSR2);
    v(signalfd(fd, &set, 0) == fd);
    rd("only SIGUSR2", fd, 8);
    v(bits(fd));
    set = sigs(SIGUSR1, SIGUSR2);
    v(signalfd(fd, &set, 0) == fd);
    v(bits(fd));
    say("a handler and the descriptor compete: unblocked goes to the handler\n");
    signal(SIGUSR1, SIG_IGN);
    v(bits(fd));

    say("fork: the reader's own signals\n");
    q(SIGUSR2, 7);
    p = spawn({ rd("child", fd, 1); q(SIGUSR2, 8); rd("child", fd, 1); });
    reap(p, "child");
    rd("parent", fd, 1);

    say("blocking\n");
    int b = must(signalfd(-1, &set, 0));
    p = spawn({ pid_t me = getppid(); settle(me); kill(me, SIGUSR2); });
    t(read(b, &s, sizeof s));
    say("  %s code %d pid %d\n", signame(s.ssi_signo), s.ssi_code, s.ssi_pid == (unsigned)p);
    waitpid(p, 0, 0);
    struct pollfd pf = { b, POLLIN, 0 };
    p = spawn({ pid_t me = getppid(); settle(me); kill(me, SIGUSR2); });
    t(poll(&pf, 1, 5000));
    waitpid(p, 0, 0);
    rd("polled", b, 1);

    t(signalfd(-1, &set, 0x10));
    t(signalfd(77, &set, 0));
    t(signalfd(1, &set, 0));
    t(syscall(SYS_signalfd4, -1, &set, 4, 0));
    t(syscall(SYS_signalfd4, -1, &set, 16, 0));
    t(syscall(SYS_signalfd, -1, &set, 8) >= 0);
    return 0;
}

/* execve(2): what a process keeps over exec (pid, mask, pending, ignored signals, umask, cwd, timers of
 * alarm, fds) and what it loses (handlers, alternate stack, close-on-exec fds, memory locks). */
#include "../guest.h"

static void handler(int s) { (void)s; }

static int second(char **argv)
{
    struct sigaction sa;
    stack_t ss;
    sigset_t set;
    say("same pid: %d\n", getpid() == atoi(argv[2]));
    sigaction(SIGUSR1, 0, &sa);
    say("SIGUSR1 handled before: %s\n", sa.sa_handler == SIG_DFL ? "default" : "kept");
    say("SIGUSR1 flags %#x\n", sa.sa_flags);
    sigaction(SIGUSR2, 0, &sa);
    say("SIGUSR2 ignored before: %s\n", sa.sa_handler == SIG_IGN ? "ignored" : "lost");
    sigaction(SIGCHLD, 0, &sa);
    say("SIGCHLD ignored before: %s\n", sa.sa_handler == SIG_IGN ? "ignored" : "default");
    sigprocmask(SIG_SETMASK, 0, &set);
    say_set("mask", &set);
    sigpending(&set);
    say_set("pending", &set);
    sigaltstack(0, &ss);
    say("altstack flags %d size %ld\n", ss.ss_flags, (long)ss.ss_size);
    say("umask %03o\n", umask(0));
    char cwd[256];
    say("cwd kept: %d\n", strcmp(getcwd(cwd, sizeof cwd), argv[3]) == 0);
    t(fcntl(atoi(argv[4]), F_GETFD));
    t(fcntl(atoi(argv[5]), F_GETFD));
    unsigned left = alarm(0);
    say("alarm kept: %d\n", left > 0 && left <= 100);
    struct itimerval it;
    getitimer(ITIMER_VIRTUAL, &it);
    say("ITIMER_VIRTUAL kept: %d\n", it.it_value.tv_sec > 0);
    v(syscall(SYS_timer_gettime, 0, &it) == -1);
    int st;
    v(waitpid(atoi(argv[6]), &st, 0) == atoi(argv[6]));
    say_status("the child from before", st);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 6) return second(argv);
    fresh();
    char exe[256] = { 0 }, a[16], b[16], c[16], d[16];
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    must(chdir("/proc"));
    on(SIGUSR1, handler, SA_RESTART | SA_NODEFER);
    signal(SIGUSR2, SIG_IGN);
    block(SIGHUP);
    block(SIGRTMIN);
    block(SIGUSR1);
    raise(SIGHUP);
    raise(SIGRTMIN);
    raise(SIGRTMIN);
    static char stack[16384];
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
    must(sigaltstack(&ss, 0));
    umask(027);
    int keep = must(dup(0)), lose = must(fcntl(0, F_DUPFD_CLOEXEC, 10));
    alarm(100);
    struct itimerval it = { .it_value = { 100, 0 } };
    setitimer(ITIMER_VIRTUAL, &it, 0);
    timer_t tm;
    struct sigevent ev = { .sigev_notify = SIGEV_NONE };
    timer_create(CLOCK_MONOTONIC, &ev, &tm);
    pid_t kid = spawn(_exit(9));
    snprintf(a, 16, "%d", getpid());
    snprintf(b, 16, "%d", keep);
    snprintf(c, 16, "%d", lose);
    snprintf(d, 16, "%d", kid);
    char cwd[256];
    getcwd(cwd, sizeof cwd);
    execl(exe, "self", "child", a, cwd, b, c, d, NULL);
    die("execl");
}

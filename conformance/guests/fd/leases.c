// Leases: who gets one, what others' opens and truncations do to it, how it is given up. fcntl(2), "Leases".
#include "guest.h"

static volatile sig_atomic_t got, got_fd, got_code;
static int lease_fd, give_up;
static void onio(int s, siginfo_t *i, void *c)
{
    got = s;
    got_fd = i->si_fd;
    got_code = i->si_code;
    if (give_up >= 0) fcntl(lease_fd, F_SETLEASE, give_up);
}

static void report(const char *what)
{
    say("%s: signal %s %s\n", what, signame(got), got && got != SIGIO ? (got_fd == lease_fd ? "with fd" : "other fd") : "");
    got = 0;
}

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "text");
    on(SIGIO, onio, SA_SIGINFO);
    give_up = F_UNLCK;

    lease_fd = must(open("f", O_RDONLY));
    v(fcntl(lease_fd, F_GETLEASE));
    t(fcntl(lease_fd, F_SETLEASE, F_RDLCK));
    v(fcntl(lease_fd, F_GETLEASE));
    int fd = open("f", O_RDONLY);
    v(fd > 0);
    report("read open of a read lease");
    close(fd);
    fd = open("f", O_WRONLY | O_NONBLOCK);
    t(fd);
    report("write open, nonblocking");
    v(fcntl(lease_fd, F_GETLEASE));

    /* Another process opens: it waits for the handler. */
    t(fcntl(lease_fd, F_SETLEASE, F_RDLCK));
    pid_t p = spawn(int w = open("f", O_WRONLY); say("writer %s\n", w < 0 ? ename(errno) : "in"); _exit(w < 0));
    while (!got) nap(1);
    reap(p, "writer");
    report("write open");

    /* A write lease, broken by a reader: it may become a read lease. */
    close(lease_fd);
    lease_fd = must(open("f", O_RDWR));
    t(fcntl(lease_fd, F_SETLEASE, F_RDLCK));
    t(fcntl(lease_fd, F_SETLEASE, F_WRLCK));
    v(fcntl(lease_fd, F_GETLEASE));
    give_up = -1;
    p = spawn(int r = open("f", O_RDONLY); say("reader %s\n", r < 0 ? ename(errno) : "in"));
    while (!got) nap(1);
    report("read open of a write lease");
    settle(p);
    v(fcntl(lease_fd, F_GETLEASE));
    must(fcntl(lease_fd, F_SETLEASE, F_UNLCK));
    reap(p, "reader");

    /* truncate waits too, and signals with a descriptor when asked. */
    t(fcntl(lease_fd, F_SETSIG, SIGUSR1));
    on(SIGUSR1, onio, SA_SIGINFO);
    t(fcntl(lease_fd, F_SETLEASE, F_WRLCK));
    give_up = F_UNLCK;
    p = spawn(ok(truncate("f", 1)));
    while (!got) nap(1);
    reap(p, "truncate");
    v(got_code == 3 /* POLL_MSG */);
    report("truncate");

    /* Others have it open. */
    fd = must(open("f", O_RDONLY));
    t(fcntl(lease_fd, F_SETLEASE, F_WRLCK));
    t(fcntl(fd, F_SETLEASE, F_RDLCK));
    close(lease_fd);
    t(fcntl(fd, F_SETLEASE, F_RDLCK));
    int fd2 = must(open("f", O_RDONLY));
    t(fcntl(fd2, F_SETLEASE, F_RDLCK));
    t(fcntl(fd2, F_SETLEASE, F_UNLCK));
    t(fcntl(fd2, F_SETLEASE, F_UNLCK));
    /* Closing ends it. */
    close(fd);
    close(fd2);
    fd = open("f", O_WRONLY | O_NONBLOCK);
    v(fd > 0);
    /* A waiting opener is interrupted by a signal. */
    close(fd);
    lease_fd = must(open("f", O_RDONLY));
    t(fcntl(lease_fd, F_SETLEASE, F_RDLCK));
    give_up = -1;
    p = spawn(
        on(SIGALRM, (void *)onio, SA_SIGINFO);
        alarm(1);
        int w = open("f", O_WRONLY);
        say("interrupted: %s\n", w < 0 ? ename(errno) : "in"));
    reap(p, "interrupted");
    t(fcntl(lease_fd, F_SETLEASE, 7));
    int d = must(open(".", O_RDONLY));
    t(fcntl(d, F_GETLEASE));
    t(fcntl(d, F_SETLEASE, F_WRLCK));
    return 0;
}

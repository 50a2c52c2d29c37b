/* signal(7): standard signals coalesce, realtime ones queue with their values; the lowest number goes
 * first, equal numbers in the order sent; thread-directed ones before process-directed ones. */
#include "../guest.h"

static volatile int n;
static void handler(int s, siginfo_t *si, void *u)
{
    (void)u;
    say("%d: %s code %d value %d\n", ++n, signame(s), si->si_code, si->si_value.sival_int);
}

static void q(int s, int val) { sigqueue(getpid(), s, (union sigval){ .sival_int = val }); }

int main(void)
{
    fresh();
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigfillset(&sa.sa_mask);
    int use[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGRTMIN, SIGRTMIN + 5, SIGRTMAX };
    for (int i = 0; i < COUNT(use); i++) sigaction(use[i], &sa, 0);
    sigprocmask(SIG_SETMASK, &all, 0);

    say("-- realtime FIFO with values\n");
    q(SIGRTMAX, 1);
    q(SIGRTMIN + 5, 2);
    q(SIGRTMIN, 3);
    q(SIGRTMIN + 5, 4);
    q(SIGRTMIN, 5);
    q(SIGRTMAX, 6);
    sigprocmask(SIG_SETMASK, &none, 0);

    say("-- standard ones coalesce, the first sender's value stays\n");
    sigprocmask(SIG_SETMASK, &all, 0);
    q(SIGUSR1, 10);
    q(SIGUSR1, 11);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    q(SIGUSR2, 12);
    q(SIGRTMIN, 13);
    q(SIGHUP, 14);
    sigprocmask(SIG_SETMASK, &none, 0);

    say("-- thread queue before process queue\n");
    sigprocmask(SIG_SETMASK, &all, 0);
    q(SIGUSR1, 20);
    q(SIGRTMIN, 21);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN);
    kill(getpid(), SIGUSR2);
    sigprocmask(SIG_SETMASK, &none, 0);

    say("-- without SA_MASK the later one nests, so the highest finishes first\n");
    sigemptyset(&sa.sa_mask);
    for (int i = 0; i < COUNT(use); i++) sigaction(use[i], &sa, 0);
    sigprocmask(SIG_SETMASK, &all, 0);
    q(SIGUSR1, 30);
    q(SIGUSR2, 31);
    q(SIGRTMIN, 32);
    q(SIGRTMIN, 33);
    sigprocmask(SIG_SETMASK, &none, 0);
    v(n);
    return 0;
}

/* sigaction(2) siginfo: kill, raise, tkill, tgkill, sigqueue, rt_sigqueueinfo, rt_tgsigqueueinfo, and what a sender may
 * claim in it; their errors; the limit of queued signals. */
#include "../guest.h"

static void handler(int s, siginfo_t *si, void *u)
{
    (void)u;
    say("  %s signo %d errno %d code %d pid mine %d uid %d value %d\n", signame(s), si->si_signo - s, si->si_errno, si->si_code,
        si->si_pid == getpid(), (int)si->si_uid, si->si_code == SI_USER || si->si_code == SI_TKILL ? 0 : si->si_value.sival_int);
}
static int rq(pid_t p, int s, siginfo_t *si) { return syscall(SYS_rt_sigqueueinfo, p, s, si); }
static int rtq(pid_t p, pid_t tid, int s, siginfo_t *si) { return syscall(SYS_rt_tgsigqueueinfo, p, tid, s, si); }
static int tg(pid_t p, pid_t tid, int s) { return syscall(SYS_tgkill, p, tid, s); }

int main(void)
{
    fresh();
    on(SIGUSR1, handler, SA_SIGINFO);
    on(SIGRTMIN + 3, handler, SA_SIGINFO);
    pid_t me = getpid();
    siginfo_t si;
    memset(&si, 0, sizeof si);
    say("kill\n");
    t(kill(me, SIGUSR1));
    say("raise\n");
    t(raise(SIGUSR1));
    say("tgkill, tkill\n");
    t(tg(me, me, SIGUSR1));
    t(syscall(SYS_tkill, me, SIGUSR1));
    say("sigqueue\n");
    t(sigqueue(me, SIGUSR1, (union sigval){ .sival_int = 5 }));
    say("rt_sigqueueinfo\n");
    int codes[] = { SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO, SI_SIGIO, -77, SI_TKILL, SI_USER, SI_KERNEL, 1, SEGV_MAPERR };
    si.si_pid = me;
    si.si_uid = 1234;
    si.si_value.sival_int = 99;
    si.si_errno = 3;
    si.si_signo = 44;
    for (int i = 0; i < COUNT(codes); i++) {
        si.si_code = codes[i];
        int r = rq(me, SIGUSR1, &si);
        say("code %d: %s\n", codes[i], r ? ename(errno) : "sent");
    }
    say("to another process\n");
    block(SIGUSR1);
    pid_t p = spawn(pause());
    unblock(SIGUSR1);
    for (int i = 0; i < COUNT(codes); i++) {
        si.si_code = codes[i];
        int r = rq(p, SIGUSR1, &si);
        say("code %d: %s\n", codes[i], r ? ename(errno) : "sent");
        if (!r) break;
    }
    kill(p, SIGKILL);
    waitpid(p, 0, 0);
    say("rt_tgsigqueueinfo\n");
    si.si_code = SI_QUEUE;
    t(rtq(me, me, SIGUSR1, &si));
    t(rtq(me, me, SIGRTMIN + 3, &si));
    t(rtq(me, me + 100000, SIGUSR1, &si));
    t(rtq(getppid() == 0 ? 1 << 21 : getppid(), me, SIGUSR1, &si));
    t(rtq(me, 0, SIGUSR1, &si));
    t(rtq(0, me, SIGUSR1, &si));
    t(rtq(me, me, 65, &si));
    t(rtq(me, me, 0, &si));

    say("errors\n");
    t(tg(me, me, 65));
    t(tg(me, me, 0));
    t(tg(me, 0, 0));
    t(tg(0, me, 0));
    t(tg(-1, me, 0));
    t(tg(me, 1 << 22, 0));
    t(syscall(SYS_tkill, 0, 0));
    t(syscall(SYS_tkill, -1, 0));
    t(syscall(SYS_tkill, 1 << 22, 0));
    t(rq(me, SIGUSR1, (void *)8));
    t(rq(me, 65, &si));
    t(rq(1 << 22, SIGUSR1, &si));
    t(rq(me, 0, &si));

    say("the queue's limit\n");
    struct rlimit rl = { 5, 5 };
    int n = 0;
    p = spawn({
        /* The limit counts all of a user's queued signals: take a user of this program's own. */
        setuid(200000 + getpid());
        setrlimit(RLIMIT_SIGPENDING, &rl);
        block(SIGRTMIN + 3);
        block(SIGUSR1);
        block(SIGUSR2);
        while (n < 100 && sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = n }) == 0) n++;
        say("  queued %d, then %s\n", n, ename(errno));
        t(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 70 }));
        t(kill(getpid(), SIGUSR1));
        t(kill(getpid(), SIGUSR2));
        t(kill(getpid(), SIGRTMIN + 4));
        unblock(SIGUSR1);
        unblock(SIGRTMIN + 3);
    });
    reap(p, "child");
    return 0;
}

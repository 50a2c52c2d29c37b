/* waitid(2): P_PID, P_PGID, P_ALL, P_PIDFD, WNOWAIT, WNOHANG, the siginfo it fills, bad arguments. */
#include "../guest.h"

static pid_t kid;
static void info(const char *what, int r, siginfo_t *si)
{
    if (r < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %d signo %s code %d status %d pid %s uid %d\n", what, r, signame(si->si_signo), si->si_code,
        si->si_status, si->si_pid == kid ? "kid" : si->si_pid ? "other" : "0", (int)si->si_uid);
}
#define W(...) do { siginfo_t si; memset(&si, 0xff, sizeof si); int r = waitid(__VA_ARGS__); \
    info(#__VA_ARGS__, r, &si); } while (0)

int main(void)
{
    fresh();
    W(P_ALL, 0, &si, WEXITED);
    W(P_ALL, 0, &si, 0);
    W(P_ALL, 0, &si, WNOHANG);
    W(P_ALL, 0, &si, WEXITED | 0x100);
    W(P_PID, 0, &si, WEXITED);
    W(P_PID, -1, &si, WEXITED);
    W(77, 1, &si, WEXITED);
    W(P_PIDFD, 9999, &si, WEXITED);
    W(P_PIDFD, 0, &si, WEXITED);

    int hold[2];
    must(pipe(hold));
    kid = spawn({ char c; close(hold[1]); read(hold[0], &c, 1); _exit(42); });
    W(P_PID, kid, &si, WEXITED | WNOHANG);
    close(hold[1]);
    W(P_PID, kid, &si, WEXITED | WNOWAIT);
    W(P_ALL, 0, &si, WEXITED | WNOWAIT);
    W(P_PGID, getpgrp(), &si, WEXITED | WNOWAIT);
    W(P_PGID, 0, &si, WEXITED | WNOWAIT);
    W(P_PID, kid, &si, WSTOPPED | WNOHANG);
    W(P_PID, kid, &si, WEXITED);
    W(P_PID, kid, &si, WEXITED);

    kid = spawn(raise(SIGTERM));
    W(P_PID, kid, &si, WEXITED);
    kid = spawn(for (;;) pause());
    int pfd = must(syscall(SYS_pidfd_open, kid, 0));
    kill(kid, SIGSTOP);
    W(P_PIDFD, pfd, &si, WSTOPPED | WNOWAIT);
    W(P_PIDFD, pfd, &si, WSTOPPED);
    W(P_PIDFD, pfd, &si, WSTOPPED | WNOHANG);
    kill(kid, SIGCONT);
    W(P_PIDFD, pfd, &si, WCONTINUED);
    W(P_PIDFD, pfd, &si, WCONTINUED | WNOHANG);
    kill(kid, SIGKILL);
    W(P_PIDFD, pfd, &si, WEXITED | WSTOPPED | WCONTINUED);
    W(P_PIDFD, pfd, &si, WEXITED);

    kid = spawn(_exit(1));
    t(syscall(SYS_waitid, P_PID, kid, 0, WEXITED, 0));
    kid = spawn(_exit(2));
    t(syscall(SYS_waitid, P_PID, kid, 1, WEXITED, 0));
    t(syscall(SYS_waitid, P_PID, kid, 0, WEXITED, 0));
    return 0;
}

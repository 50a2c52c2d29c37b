/* ptrace(2): PTRACE_EVENT stops of fork, vfork, clone, exec, exit; auto-attached children; threads; what waits report of them. */
#include "tracer.h"

static void *thread(void *a) { syscall(SYS_getuid); return 0; }

static int run_child(void *a) { _exit(3); }

static void child(void)
{
    P(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    pid_t p = fork();
    if (!p) _exit(1);
    int st;
    waitpid(p, &st, 0);
    p = vfork();
    if (!p) _exit(2);
    waitpid(p, &st, 0);
    static char stack[65536];
    p = clone(run_child, stack + 65536, CLONE_VM, 0);
    waitpid(p, &st, __WALL);
    pthread_t t;
    pthread_create(&t, 0, thread, 0);
    pthread_join(t, 0);
    execl("/bin/true", "true", NULL);
    _exit(9);
}

int main(void)
{
    fresh();
    pid_t p = fork();
    if (!p) child();
    int st;
    waitpid(p, &st, 0);
    P(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
        PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
    pid_t kids[8] = { p };
    int n = 1;
    char log[8][4096] = { "" };
    P(PTRACE_CONT, p, 0, 0);
    for (;;) {
        pid_t w = waitpid(-1, &st, __WALL);
        if (w < 0) break;
        int k = 0;
        while (k < n && kids[k] != w) k++;
        if (k == n) kids[n++] = w;
        char *l = log[k];
        sprintf(l + strlen(l), "  %s", words(st));
        int sig = 0;
        if (WIFSTOPPED(st)) {
            int ev = st >> 16;
            unsigned long msg = 0;
            if (ev) P(PTRACE_GETEVENTMSG, w, 0, &msg);
            if (ev == PTRACE_EVENT_FORK || ev == PTRACE_EVENT_VFORK || ev == PTRACE_EVENT_CLONE || ev == PTRACE_EVENT_VFORK_DONE) {
                int j = 0;
                while (j < n && kids[j] != (pid_t)msg) j++;
                if (j == n) kids[n++] = msg;
                sprintf(l + strlen(l), " of %d", j);
            } else if (ev == PTRACE_EVENT_EXIT) {
                int s = msg;
                sprintf(l + strlen(l), " with %s", words(s));
            } else if (ev == PTRACE_EVENT_EXEC) sprintf(l + strlen(l), " was %d", kids[0] == (pid_t)msg);
            else sig = WSTOPSIG(st);
            if (sig == SIGSTOP) sig = 0;
            P(PTRACE_CONT, w, 0, sig);
        }
        strcat(l, "\n");
    }
    for (int i = 0; i < n; i++) say("task %d\n%s", i, log[i]);

    /* without options: SIGTRAP after exec, nothing else */
    p = fork();
    if (!p) child();
    waitpid(p, &st, 0);
    P(PTRACE_CONT, p, 0, 0);
    for (int i = 0; i < 6 && WIFSTOPPED(st); i++) {
        await("plain", p);
        siginfo_t si;
        waitid(P_PID, p, &si, WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
        struct { int x; } z;
        st = 0x7f;
        if (P(PTRACE_GETSIGINFO, p, 0, &si) < 0) break;
        say("  %s code %d\n", signame(si.si_signo), si.si_code);
        P(PTRACE_CONT, p, 0, si.si_signo == SIGTRAP ? 0 : si.si_signo);
    }
    return 0;
}

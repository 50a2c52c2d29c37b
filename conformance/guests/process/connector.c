/* NETLINK_CONNECTOR: what becomes of processes (cn_proc): forks, threads, exec, exits, ids, sessions, names, tracing, core dumps; filters of events; acknowledgements; what is malformed. */
#include "../guest.h"
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

static int s = -1;
static pid_t us, child;

static int open_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    if (fd < 0) skip("no connector");
    /* What the rest of the machine does is told, too. */
    int room = 16 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
    must(bind(fd, (void *)&a, sizeof a));
    return fd;
}
static long ask(int fd, unsigned op, unsigned events, int len)
{
    struct { struct nlmsghdr h; struct cn_msg m; unsigned data[2]; } __attribute__((packed)) x = {
        .h = { sizeof x - 8 + len, NLMSG_DONE, 0, 7, 0 },
        .m = { { CN_IDX_PROC, CN_VAL_PROC }, 3, 41, len, 0 }, .data = { op, events } };
    return send(fd, &x, sizeof x - 8 + len, 0);
}
static const char *who(pid_t p) { return p == us ? "us" : p == child ? "child" : p == 0 ? "nobody" : "another"; }

/* The next event that is about us or our children; what others do is passed over. 0: none came. */
static int next(int fd, int ms, int quiet)
{
    for (long long end = now_ms() + ms;;) {
        struct pollfd pf = { fd, POLLIN, 0 };
        long long left = end - now_ms();
        if (poll(&pf, 1, left > 0 ? left : 0) <= 0 || left < -1000) { if (!quiet) say("  nothing\n"); return 0; }
        struct { struct nlmsghdr h; struct cn_msg m; struct proc_event e; } __attribute__((packed)) x;
        int n = recv(fd, &x, sizeof x, 0);
        if (n < 0) { say("  recv %s\n", ename(errno)); return 0; }
        struct proc_event *e = &x.e;
        unsigned what = e->what;
        if (what == PROC_EVENT_NONE) { say("  ack: type %d err %u ack %u len %d\n", x.h.nlmsg_type, e->event_data.ack.err, x.m.ack, x.m.len); return 1; }
        pid_t a = e->event_data.exec.process_tgid, p = e->event_data.exec.process_pid;
        if (what == PROC_EVENT_FORK) {
            struct fork_proc_event f = e->event_data.fork;
            if (f.child_tgid == us) { say("  fork: a thread %d\n", f.child_pid != f.child_tgid); return 1; }
            if (f.parent_tgid != us && f.parent_tgid != child) continue;
            if (f.parent_tgid == us && f.child_tgid != us) child = f.child_tgid;
            say("  fork: parent %s, child %s, a thread %d\n", who(f.parent_tgid), who(f.child_tgid), f.child_pid != f.child_tgid);
            return 1;
        }
        if (a != us && a != child) continue;
        const char *w = who(a);
        int thread = p != a;
        switch (what) {
        case PROC_EVENT_EXEC: say("  exec: %s thread %d\n", w, thread); break;
        case PROC_EVENT_UID: say("  uid: %s %u %u\n", w, e->event_data.id.r.ruid, e->event_data.id.e.euid); break;
        case PROC_EVENT_GID: say("  gid: %s %u %u\n", w, e->event_data.id.r.rgid, e->event_data.id.e.egid); break;
        case PROC_EVENT_SID: say("  sid: %s\n", w); break;
        case PROC_EVENT_PTRACE: say("  ptrace: %s by %s\n", w, who(e->event_data.ptrace.tracer_tgid)); break;
        case PROC_EVENT_COMM: say("  comm: %s thread %d %s\n", w, thread, e->event_data.comm.comm); break;
        case PROC_EVENT_COREDUMP: say("  coredump: %s, parent %s\n", w, who(e->event_data.coredump.parent_tgid)); break;
        case PROC_EVENT_EXIT: say("  exit: %s thread %d code %#x signal %d parent %s\n", w, thread, e->event_data.exit.exit_code, (int)e->event_data.exit.exit_signal, who(e->event_data.exit.parent_tgid)); break;
        default: say("  event %#x\n", what);
        }
        return 1;
    }
}
static void some(int n) { while (n-- > 0 && next(s, 10000, 0)) ; }
static void *thread(void *x) { return x; }

int main(int argc, char **argv)
{
    if (argc > 1) return 5;
    fresh();
    if (geteuid() != 0) skip("only root may");
    us = getpid();
    s = open_socket();
    ask(s, PROC_CN_MCAST_LISTEN, 0, 4);
    if (!next(s, 1000, 1)) { skip("the connector does not answer here"); }
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);

    say("a child that exits\n");
    pid_t c = fork();
    if (c == 0) _exit(3);
    waitpid(c, 0, 0);
    some(2);
    say("one that execs\n");
    c = fork();
    if (c == 0) { execl("/proc/self/exe", "x", "y", NULL); _exit(1); }
    waitpid(c, 0, 0);
    some(3);
    say("one that changes who it is\n");
    c = fork();
    if (c == 0) {
        if (setresgid(5, 6, 7)) _exit(1);
        if (setresuid(1, 2, 0)) _exit(1);
        if (setresuid(-1, -1, -1)) _exit(1);
        _exit(0);
    }
    waitpid(c, 0, 0);
    some(4);
    say("one that leads a session and has a name\n");
    c = fork();
    if (c == 0) { setsid(); prctl(PR_SET_NAME, "a name longer than it may be"); _exit(0); }
    waitpid(c, 0, 0);
    some(4);
    say("one that a signal ends\n");
    c = fork();
    if (c == 0) { raise(SIGKILL); _exit(0); }
    waitpid(c, 0, 0);
    some(2);
    c = fork();
    if (c == 0) { raise(SIGSEGV); _exit(0); }
    waitpid(c, 0, 0);
    some(3);
    say("a thread\n");
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    some(2);
    say("named through /proc\n");
    int fd = open("/proc/self/comm", O_WRONLY);
    must(write(fd, "other", 5));
    close(fd);
    some(1);
    say("traced\n");
    c = fork();
    if (c == 0) { for (;;) pause(); }
    some(1);
    must(ptrace(PTRACE_ATTACH, c, 0, 0));
    waitpid(c, 0, 0);
    must(ptrace(PTRACE_DETACH, c, 0, 0));
    some(2);
    kill(c, SIGTERM);
    waitpid(c, 0, 0);
    some(1);

    say("another socket wants exits that failed only\n");
    int t = open_socket();
    ask(t, PROC_CN_MCAST_LISTEN, PROC_EVENT_NONZERO_EXIT, 8);
    some(1);
    c = fork();
    if (c == 0) _exit(0);
    waitpid(c, 0, 0);
    c = fork();
    if (c == 0) _exit(9);
    waitpid(c, 0, 0);
    some(4);
    next(t, 10000, 0);
    next(t, 50, 0);
    say("what is none\n");
    v(ask(s, 9, 0, 4));
    some(1);
    v(ask(s, PROC_CN_MCAST_LISTEN, 0, 4));
    some(1);
    v(ask(s, 1, 0, 2));
    char junk[16] = { 16 };
    v(send(s, junk, 16, 0));
    v(send(s, junk, 3, 0));
    next(s, 50, 0);
    say("no more\n");
    v(ask(s, PROC_CN_MCAST_IGNORE, 0, 4));
    v(ask(t, PROC_CN_MCAST_IGNORE, 0, 4));
    c = fork();
    if (c == 0) _exit(0);
    waitpid(c, 0, 0);
    next(s, 50, 0);
    next(t, 50, 0);
    return 0;
}

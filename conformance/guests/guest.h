/*
 * guest.h - the helpers every guest program shares.
 *
 * A guest program prints what the kernel did; the print on the host's Linux and the print in the sandbox
 * must be equal byte for byte. So nothing here prints a pid, an address, a time or an inode number, and
 * every line leaves with one write(2), so that lines of several processes never mix.
 */
#ifndef GUEST_H
#define GUEST_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* The name of an errno value, the first of its aliases (EAGAIN, not EWOULDBLOCK). */
static UNUSED const char *ename(int e)
{
    switch (e) {
#define E(x) case x: return #x;
    E(EPERM) E(ENOENT) E(ESRCH) E(EINTR) E(EIO) E(ENXIO) E(E2BIG) E(ENOEXEC) E(EBADF) E(ECHILD) E(EAGAIN)
    E(ENOMEM) E(EACCES) E(EFAULT) E(ENOTBLK) E(EBUSY) E(EEXIST) E(EXDEV) E(ENODEV) E(ENOTDIR) E(EISDIR)
    E(EINVAL) E(ENFILE) E(EMFILE) E(ENOTTY) E(ETXTBSY) E(EFBIG) E(ENOSPC) E(ESPIPE) E(EROFS) E(EMLINK)
    E(EPIPE) E(EDOM) E(ERANGE) E(EDEADLK) E(ENAMETOOLONG) E(ENOLCK) E(ENOSYS) E(ENOTEMPTY) E(ELOOP)
    E(ENOMSG) E(EIDRM) E(ENODATA) E(EOVERFLOW) E(EILSEQ) E(ENOTSOCK) E(EDESTADDRREQ) E(EMSGSIZE)
    E(EPROTOTYPE) E(ENOPROTOOPT) E(EPROTONOSUPPORT) E(ESOCKTNOSUPPORT) E(EOPNOTSUPP) E(EPFNOSUPPORT)
    E(EAFNOSUPPORT) E(EADDRINUSE) E(EADDRNOTAVAIL) E(ENETDOWN) E(ENETUNREACH) E(ECONNABORTED)
    E(ECONNRESET) E(ENOBUFS) E(EISCONN) E(ENOTCONN) E(ESHUTDOWN) E(ETIMEDOUT) E(ECONNREFUSED)
    E(EHOSTUNREACH) E(EALREADY) E(EINPROGRESS) E(ESTALE) E(EDQUOT) E(ECANCELED) E(EOWNERDEAD)
    E(ENOTRECOVERABLE) E(ETIME) E(EBADMSG) E(ENOKEY) E(EUSERS) E(EPROTO)
#undef E
    case 0: return "0";
    }
    static char buf[24];
    snprintf(buf, sizeof buf, "errno%d", e);
    return buf;
}

/* The name of a signal; realtime ones as RT+n counted from the kernel's first one, 32. */
static UNUSED const char *signame(int s)
{
    static const char *const names[] = { "0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT",
        "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
        "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS" };
    if (s >= 0 && s < 32) return names[s];
    static char buf[4][16];
    static int turn;
    char *b = buf[turn++ & 3];
    snprintf(b, sizeof buf[0], s <= 64 ? "RT+%d" : "sig%d", s <= 64 ? s - 32 : s);
    return b;
}

/* Print one piece of output with one write(2); callable from handlers and vfork children. */
static UNUSED __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
    char buf[4096];
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof buf - 1) n = sizeof buf - 1;
    for (int off = 0; off < n;) {
        ssize_t w = write(1, buf + off, n - off);
        if (w < 0 && errno != EINTR) break;
        if (w > 0) off += w;
    }
    errno = saved;
}

/* End the program loudly: the test itself could not be set up. */
static UNUSED void die(const char *what)
{
    say("SETUP FAILED: %s: %s\n", what, ename(errno));
    _exit(99);
}

/* This Linux lacks what the program is about: there is nothing to compare. Called before anything is printed. */
static UNUSED void skip(const char *why)
{
    say("SKIP %s\n", why);
    _exit(0);
}

static UNUSED long t_(const char *expr, long v)
{
    int e = errno;
    if (v == -1) say("%s = -1 %s\n", expr, ename(e));
    else say("%s = %ld\n", expr, v);
    errno = e;
    return v;
}
static UNUSED long ok_(const char *expr, long v)
{
    int e = errno;
    if (v == -1) say("%s = -1 %s\n", expr, ename(e));
    else say("%s = ok\n", expr);
    errno = e;
    return v;
}
/* Evaluate and print a call in the -1/errno convention: t with its value, ok with only its success. */
#define t(...) t_(#__VA_ARGS__, (errno = 0, (long)(__VA_ARGS__)))
#define ok(...) ok_(#__VA_ARGS__, (errno = 0, (long)(__VA_ARGS__)))
/* Print a condition or an integer whose -1 is no error. */
#define v(...) say("%s: %ld\n", #__VA_ARGS__, (long)(__VA_ARGS__))
/* Print a call that returns its error number (pthread style). */
#define te(...) say("%s = %s\n", #__VA_ARGS__, ename(__VA_ARGS__))
/* Run a setup step that must succeed. */
#define must(...) ({ long m_ = (long)(__VA_ARGS__); if (m_ == -1) die(#__VA_ARGS__); m_; })

static UNUSED void nap(int ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };
    while (nanosleep(&ts, &ts) < 0 && errno == EINTR) {}
}

static UNUSED long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What a launcher may have left behind goes: fds from 3 up, its standard input, ignored signals, a mask, an odd
 * umask. */
static UNUSED void fresh(void)
{
    if (syscall(SYS_close_range, 3, ~0U, 0) < 0)
        for (int fd = 3; fd < 256; fd++) close(fd);
    for (int s = 1; s < 32; s++) {
        struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } act = { 0 };
        syscall(SYS_rt_sigaction, s, &act, 0, 8);
    }
    int null = open("/dev/null", O_RDWR);
    if (null > 0) { dup2(null, 0); close(null); }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    umask(022);
    struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
}

/* fork, run the block in the child, _exit(0) after it; the value is the child's pid. */
#define spawn(...) ({ pid_t p_ = fork(); if (p_ < 0) die("fork"); if (p_ == 0) { __VA_ARGS__; _exit(0); } p_; })

static UNUSED void say_status(const char *who, int st)
{
    if (WIFEXITED(st)) say("%s: exited %d\n", who, WEXITSTATUS(st));
    else if (WIFSIGNALED(st)) say("%s: killed by %s\n", who, signame(WTERMSIG(st)));
    else if (WIFSTOPPED(st)) say("%s: stopped by %s\n", who, signame(WSTOPSIG(st)));
    else if (WIFCONTINUED(st)) say("%s: continued\n", who);
    else say("%s: status %#x\n", who, st);
}

/* Wait for a child and print how it ended. */
static UNUSED int reap(pid_t pid, const char *who)
{
    int st = 0;
    pid_t r;
    while ((r = waitpid(pid, &st, 0)) < 0 && errno == EINTR) {}
    if (r < 0) say("%s: waitpid: %s\n", who, ename(errno));
    else say_status(who, st);
    return st;
}

/* The state letter of a task from /proc, or 0 when it cannot be read. */
static UNUSED char task_state(pid_t pid, pid_t tid)
{
    char path[64], buf[512];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, buf, sizeof buf - 1);
    close(fd);
    if (n <= 0) return 0;
    buf[n] = 0;
    char *p = strrchr(buf, ')');
    return p && p[1] == ' ' ? p[2] : 0;
}

/* Wait until a task is in one of the states (three looks in a row), 3 s at most. */
static UNUSED void settle_in(pid_t pid, pid_t tid, const char *states)
{
    int same = 0;
    for (int i = 0; i < 1500 && same < 3; i++) {
        char c = task_state(pid, tid);
        if (!c) { nap(150); return; }
        same = strchr(states, c) ? same + 1 : 0;
        nap(2);
    }
}
/* Wait until a process (its first thread) sleeps in a system call. */
static UNUSED void settle(pid_t pid) { settle_in(pid, pid, "S"); }

static pid_t tmp_owner_;
static char tmp_path_[64];
static UNUSED int tmp_rm_(const char *p, const struct stat *st UNUSED, int flag UNUSED, struct FTW *f UNUSED)
{
    return remove(p), 0;
}
static UNUSED void tmp_clean_(void)
{
    if (getpid() != tmp_owner_) return;
    if (chdir("/") < 0) return;
    nftw(tmp_path_, tmp_rm_, 16, FTW_DEPTH | FTW_PHYS);
}
/* Make a scratch directory under /tmp (or $GUEST_TMP), go there, remove it when this process exits. */
static UNUSED const char *xmkdtemp(void)
{
    const char *base = getenv("GUEST_TMP");
    snprintf(tmp_path_, sizeof tmp_path_, "%s/guest.XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(tmp_path_)) die("mkdtemp");
    chmod(tmp_path_, 0755);
    if (chdir(tmp_path_) < 0) die("chdir");
    tmp_owner_ = getpid();
    atexit(tmp_clean_);
    return tmp_path_;
}

/* Create or replace a file with the text. */
static UNUSED void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t n = strlen(text);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n) die(path);
    close(fd);
}

/* Print bytes as a C string; unprintable ones as \xNN. */
static UNUSED void show(const char *label, const void *data, long n)
{
    char buf[2048];
    int o = 0;
    const unsigned char *p = data;
    for (long i = 0; i < n && o < (int)sizeof buf - 8; i++) {
        if (p[i] == '\n') o += snprintf(buf + o, 8, "\\n");
        else if (p[i] == '\r') o += snprintf(buf + o, 8, "\\r");
        else if (p[i] >= 32 && p[i] < 127 && p[i] != '\\' && p[i] != '"') buf[o++] = p[i];
        else o += snprintf(buf + o, 8, "\\x%02x", p[i]);
    }
    say("%s: [%ld] \"%.*s\"\n", label, n, o, buf);
}

/* Print a file's content (its first 512 bytes). */
static UNUSED void cat(const char *path)
{
    char buf[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) { say("%s: %s\n", path, ename(errno)); return; }
    ssize_t n = read(fd, buf, sizeof buf);
    close(fd);
    if (n < 0) say("%s: read: %s\n", path, ename(errno));
    else show(path, buf, n);
}

/* Read what is there (at most 1 KiB, one call) and print it, or the error. */
static UNUSED ssize_t slurp(const char *label, int fd)
{
    char buf[1024];
    ssize_t n = read(fd, buf, sizeof buf);
    if (n < 0) say("%s: %s\n", label, ename(errno));
    else show(label, buf, n);
    return n;
}

/* Install a handler with flags and an empty mask. */
static UNUSED void on(int sig, void *handler, int flags)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
    sa.sa_flags = flags;
    if (sigaction(sig, &sa, 0) < 0) die("sigaction");
}
static UNUSED sigset_t sigs_(int n, ...)
{
    sigset_t s;
    va_list ap;
    sigemptyset(&s);
    va_start(ap, n);
    while (n-- > 0) sigaddset(&s, va_arg(ap, int));
    va_end(ap);
    return s;
}
/* A signal set of the given signals. */
#define sigs(...) sigs_(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), __VA_ARGS__)
static UNUSED void block(int sig) { sigset_t s = sigs(sig); sigprocmask(SIG_BLOCK, &s, 0); }
static UNUSED void unblock(int sig) { sigset_t s = sigs(sig); sigprocmask(SIG_UNBLOCK, &s, 0); }
/* Print the names of the signals in a set, 1 to 64 without the C library's own two. */
static UNUSED void say_set(const char *label, const sigset_t *set)
{
    char buf[1024];
    int o = 0;
    buf[0] = 0;
    for (int s = 1; s <= 64; s++)
        if (s != 32 && s != 33 && sigismember(set, s) == 1)
            o += snprintf(buf + o, sizeof buf - o, " %s", signame(s));
    say("%s:%s\n", label, o ? buf : " none");
}
#endif

/* close_range(2), close-on-exec: ranges, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE, which descriptors survive exec by how they were made. */
#include "../guest.h"
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static void open_fds(const char *what)
{
    char s[256] = "";
    for (int i = 3; i < 40; i++) {
        int f = fcntl(i, F_GETFD);
        if (f >= 0) snprintf(s + strlen(s), 16, " %d%s", i, f & FD_CLOEXEC ? "*" : "");
    }
    say("%s:%s\n", what, s);
}
static long cr(unsigned a, unsigned b, unsigned f) { return syscall(SYS_close_range, a, b, f); }
static void fill(void) { for (int i = 3; i < 12; i++) dup2(0, i); }

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) { open_fds("after exec"); return 0; }
    fresh();
    fill();
    open_fds("start");
    t(cr(5, 7, 0));
    open_fds("5 to 7");
    t(cr(6, 6, 0));
    t(cr(20, 30, 0));
    t(cr(9, 8, 0));
    t(cr(9, 9, 8));
    t(cr(9, ~0U, 0));
    open_fds("9 up");
    fill();
    t(cr(4, 6, CLOSE_RANGE_CLOEXEC));
    open_fds("4 to 6 close on exec");
    t(cr(11, 1000000, CLOSE_RANGE_CLOEXEC));
    pid_t p = spawn(execl("/proc/self/exe", "self", "x", NULL));
    reap(p, "child");
    open_fds("the parent's stay");
    say("-- a shared table\n");
    t(cr(3, ~0U, 0));
    fill();
    p = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (p == 0) { cr(3, 5, 0); _exit(0); }
    reap(p, "child closes 3 to 5");
    open_fds("here");
    p = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (p == 0) { cr(6, ~0U, CLOSE_RANGE_UNSHARE); open_fds("unshared child"); dup2(0, 30); _exit(0); }
    reap(p, "child");
    open_fds("here");
    p = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (p == 0) { dup2(0, 31); execl("/proc/self/exe", "self", "x", NULL); }
    reap(p, "exec unshares");
    open_fds("31 came through the shared table");

    say("-- every way to ask for close-on-exec\n");
    cr(3, ~0U, 0);
    int q[2];
    open("/dev/null", O_RDONLY | O_CLOEXEC);
    open("/dev/null", O_RDONLY);
    pipe2(q, O_CLOEXEC);
    pipe(q);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, q);
    socket(AF_UNIX, SOCK_STREAM, 0);
    eventfd(0, EFD_CLOEXEC);
    epoll_create1(EPOLL_CLOEXEC);
    epoll_create(1);
    fcntl(0, F_DUPFD_CLOEXEC, 20);
    fcntl(0, F_DUPFD, 25);
    dup3(0, 30, O_CLOEXEC);
    dup2(0, 31);
    open_fds("before exec");
    p = spawn(execl("/proc/self/exe", "self", "x", NULL));
    reap(p, "child");
    p = spawn({ execl("/none", "x", NULL); open_fds("after a refused exec"); });
    reap(p, "child");
    return 0;
}

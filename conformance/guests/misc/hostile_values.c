/* Descriptors, lengths, flags and commands at their limits in many calls: which error wins. syscalls(2). */
#include "../guest.h"
#include <sys/socket.h>

#define S(name, ...) do { errno = 0; long r_ = syscall(SYS_##name, ##__VA_ARGS__); \
    say("%s(%s): %ld %s\n", #name, #__VA_ARGS__, r_, r_ < 0 ? ename(errno) : ""); } while (0)
static char buf[65536], zero[4096];

int main(void)
{
    fresh();
    xmkdtemp();
    signal(SIGPIPE, SIG_IGN);
    put("f", "0123456789");
    int f = must(open("f", O_RDWR)), d = must(open(".", O_RDONLY)), p[2], s[2], o = must(open("f", O_PATH));
    must(pipe2(p, O_NONBLOCK));
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    int bad[] = { -1, -100, 1 << 20, INT_MAX, INT_MIN, 99 };
    for (int i = 0; i < COUNT(bad); i++) {
        int x = bad[i];
        say("-- descriptor %d\n", x);
        S(read, x, buf, 1); S(write, x, buf, 1); S(close, x); S(fstat, x, buf); S(lseek, x, 0, 0); S(dup, x); S(ioctl, x, 0, 0); S(fcntl, x, 1, 0); S(fsync, x); S(ftruncate, x, 0); S(fchmod, x, 0); S(fchown, x, 0, 0); S(fchdir, x);
        S(getdents64, x, buf, 100); S(mmap, 0, 4096, 1, 2, x, 0); S(flock, x, 1); S(sendto, x, buf, 1, 0, 0, 0); S(recvfrom, x, buf, 1, 0, 0, 0); S(listen, x, 1); S(shutdown, x, 0); S(getsockname, x, buf, zero); S(epoll_wait, x, buf, 1, 0);
        S(openat, x, "f", 0); S(sendfile, x, f, 0, 1); S(sendfile, f, x, 0, 1); S(splice, x, 0, p[1], 0, 1, 0); S(tee, x, p[1], 1, 0); S(pread64, x, buf, 1, 0); S(fallocate, x, 0, 0, 1); S(inotify_rm_watch, x, 1); S(timerfd_gettime, x, buf); S(pidfd_send_signal, x, 0, 0, 0); S(syncfs, x); S(close_range, x, x, 0x10);
        /* Linux 6.13 and later take AT_FDCWD there. */
        if (x != AT_FDCWD) S(fgetxattr, x, "user.a", buf, 1);
    }
    say("-- kinds\n");
    int kinds[] = { f, d, p[0], p[1], s[0], o };
    const char *names[] = { "file", "directory", "pipe read end", "pipe write end", "socket", "O_PATH" };
    for (int i = 0; i < COUNT(kinds); i++) {
        int x = kinds[i];
        say("%s\n", names[i]);
        S(read, x, buf, 1); S(write, x, buf, 1); S(lseek, x, 0, SEEK_CUR); S(pread64, x, buf, 1, 0); S(ftruncate, x, 5); S(getdents64, x, buf, 1000); S(fchdir, x); S(listen, x, 1); S(recvfrom, x, buf, 1, MSG_DONTWAIT, 0, 0); S(epoll_wait, x, buf, 1, 0);
        S(inotify_add_watch, x, "f", 1); S(timerfd_settime, x, 0, zero, 0); S(signalfd4, x, zero, 8, 0); S(fallocate, x, 0, 0, 10); S(flock, x, LOCK_SH | LOCK_NB); S(tee, x, p[1], 1, SPLICE_F_NONBLOCK); S(vmsplice, x, zero, 0, 0); S(openat, x, "none", 0); S(execveat, x, "", 0, 0, AT_EMPTY_PATH);
        fchdir(d);
    }
    say("-- lengths and commands\n");
    S(read, f, buf, 0x7fffffffffffffff); S(read, f, buf, -1L); S(pread64, f, buf, 5, 0x7fffffffffffffff); S(pwrite64, f, buf, 5, 0x7fffffffffffffff); S(getdents64, d, buf, -1L); S(readlink, "f", buf, -5);
    S(mmap, 0, -1L, 3, 0x22, -1, 0); S(mmap, 0, 0x7fffffffffff, 3, 0x22, -1, 0); S(munmap, 1, 1); S(mprotect, 1, 1, 0); S(mremap, 1, 1, 1, 0, 0); S(madvise, 1, 1, 0); S(msync, 1, 1, 4); S(mlock, -1L, -1L); S(mincore, 0, 4096, buf);
    S(fcntl, f, -1, 0); S(fcntl, f, F_SETFL, 0); S(fcntl, f, F_SETLK, 0); S(fcntl, f, F_GETLEASE, 0); S(fcntl, f, F_SETPIPE_SZ, 4096);
    S(poll, zero, 0x7fffffff, 0); S(select, 0x7fffffff, 0, 0, 0, zero); S(select, -1, 0, 0, 0, 0); S(epoll_create, 0); S(epoll_create1, -1); S(eventfd2, 0, -1); S(timerfd_create, -1, 0); S(inotify_init1, -1); S(pipe2, buf, -1); S(dup3, f, 9, -1); S(dup3, f, 1 << 20, 0); S(memfd_create, "x", -1);
    S(socket, -1, -1, -1); S(socket, AF_UNIX, -1, 0); S(socket, AF_UNIX, SOCK_STREAM, 99); S(socket, 46, SOCK_STREAM, 0); S(socketpair, AF_UNIX, 0, 0, buf); S(setsockopt, s[0], 99, 99, zero, 4); S(setsockopt, s[0], SOL_SOCKET, SO_SNDBUF, zero, 1); S(getsockopt, s[0], 99, 99, buf, zero); S(shutdown, s[0], 9); S(accept4, s[0], 0, 0, -1); S(bind, s[0], zero, 0); S(bind, s[0], zero, 1000); S(connect, s[0], zero, 1);
    S(kill, 0x7fffffff, 99); S(kill, getpid(), -1); S(kill, getpid(), 65); S(tgkill, getpid(), getpid(), 99); S(rt_sigaction, -1, 0, 0, 8); S(rt_sigaction, 65, 0, 0, 8); S(rt_sigprocmask, -1, zero, 0, 8); S(sigaltstack, 0, 0); S(alarm, 0); S(setitimer, 9, 0, 0); S(timer_create, -1, 0, buf); S(timer_delete, 999); S(timer_settime, 999, 0, zero, 0);
    S(wait4, 0x7fffffff, 0, 0, 0); S(wait4, -1, 0, -1, 0); S(waitid, 9, 0, 0, 4, 0); S(waitid, 0, 0, 0, -1, 0); S(getpgid, -1); S(setpgid, -1, 0); S(setpgid, 0, -1); S(getsid, -1); S(getpriority, -1, 0); S(setpriority, -1, 0, 0); S(sched_setscheduler, -1, 0, zero); S(prctl, -1, 0, 0, 0, 0); S(arch_prctl, -1, 0); S(getrusage, 99, buf); S(prlimit64, -1, 0, 0, 0); S(unshare, -1); S(setns, f, 0); S(personality, 0xffffffff); S(ioprio_get, 9, 0);
    S(mkdirat, f, "x", 0); S(unlinkat, d, "f", -1); S(renameat2, d, "f", d, "g", -1); S(linkat, d, "f", d, "g", -1); S(faccessat2, d, "f", -1, 0); S(faccessat2, d, "f", 0, -1); S(statx, d, "f", -1, 0, buf); S(newfstatat, d, "f", buf, -1); S(utimensat, d, "f", 0, -1); S(fchmodat2, d, "f", 0, -1); S(fchownat, d, "f", 0, 0, -1); S(openat2, d, "f", zero, 0); S(mknodat, d, "n", -1, 0); S(copy_file_range, f, 0, f, 0, 1, -1); S(fadvise64, f, 0, 0, -1); S(sync_file_range, f, 0, 0, -1); S(close_range, 10, 5, 0); S(close_range, 50, 60, -1);
    S(getrandom, buf, 10, -1); S(getcwd, buf, 0); S(shmget, 0, 0, 0); S(semget, 0, -1, 01000); S(msgget, 12345678, 0); S(shmat, -1, 0, 0); S(shmdt, 1); S(shmctl, -1, 0, 0); S(semctl, -1, 0, 0, 0); S(msgctl, -1, 0, 0); S(msgrcv, -1, buf, 1, 0, 0); S(mq_unlink, "noslash"); S(mq_getsetattr, f, 0, buf); S(futex, zero, -1, 0, 0, 0, 0); S(set_robust_list, 0, 0); S(membarrier, -1, 0, 0);
    return 0;
}

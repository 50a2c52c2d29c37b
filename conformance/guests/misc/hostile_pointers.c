/* Bad pointers in many calls: EFAULT, and what wins when several arguments are bad. syscalls(2). */
#include "../guest.h"
#include <sys/socket.h>

static char *ro, *none;
#define S(name, ...) do { errno = 0; long r_ = syscall(SYS_##name, __VA_ARGS__); \
    say("%s(%s): %ld %s\n", #name, #__VA_ARGS__, r_, r_ < 0 ? ename(errno) : ""); } while (0)

int main(void)
{
    fresh();
    xmkdtemp();
    ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    none = mmap(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long K = 0xffff880000000000L, B = 8;
    int fd = must(open("f", O_RDWR | O_CREAT, 0644)), p[2], sv[2], ep = must(syscall(SYS_epoll_create1, 0));
    write(fd, "0123456789", 10);
    lseek(fd, 0, SEEK_SET);
    must(pipe2(p, O_NONBLOCK));
    write(p[1], "abc", 3);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv));
    write(sv[0], "abc", 3);
    S(read, fd, B, 4); S(read, fd, ro, 4); S(read, fd, none, 4); S(read, fd, K, 4); S(read, fd, B, 0); S(read, fd, K, 0);
    S(read, p[0], B, 4); S(read, p[0], ro, 4); S(read, sv[1], B, 4); S(read, 99, B, 4); S(read, p[1], B, 4);
    S(write, fd, B, 4); S(write, fd, none, 4); S(write, fd, K, 4); S(write, p[1], B, 4); S(write, p[1], none, 1); S(write, sv[0], B, 4);
    S(write, fd, B, 0); S(write, 1, B, 0); S(pread64, fd, B, 4, 0); S(pread64, fd, B, 4, -1); S(pwrite64, fd, B, 4, 0);
    S(readv, fd, B, 1); S(readv, fd, B, 0); S(readv, fd, none, 1); S(writev, fd, B, 1); S(writev, 99, B, 1); S(readv, fd, B, -1); S(readv, fd, B, 2000);
    S(open, B, 0); S(open, K, 0); S(open, none, 0); S(open, "", 0); S(openat, 99, B, 0); S(openat, 99, "x", 0); S(creat, B, 0);
    S(stat, B, B); S(stat, "f", B); S(stat, "nope", B); S(lstat, "f", ro); S(fstat, fd, B); S(fstat, 99, B); S(newfstatat, 99, "f", B, 0); S(newfstatat, fd, B, B, AT_EMPTY_PATH);
    S(access, B, 0); S(access, B, 99); S(mkdir, B, 0); S(rmdir, B); S(unlink, B); S(rename, B, "x"); S(rename, "f", B); S(link, "f", B); S(link, B, "f"); S(symlink, "f", B);
    S(readlink, "f", B, 0); S(readlink, B, B, 5); S(chmod, B, 0); S(chown, B, 0, 0); S(truncate, B, 0); S(chdir, B); S(chroot, B); S(mknod, B, S_IFIFO, 0);
    S(getcwd, B, 4096); S(getcwd, B, 1); S(getcwd, ro, 4096); S(getdents64, fd, B, 100); S(getdents64, AT_FDCWD, B, 100); S(utimensat, AT_FDCWD, "f", B, 0); S(utimensat, AT_FDCWD, B, 0, 0);
    S(statfs, "f", B); S(statfs, B, B); S(fstatfs, fd, B); S(statx, AT_FDCWD, "f", 0, 0, B); S(getxattr, "f", B, 0, 0); S(setxattr, "f", "user.x", B, 4, 0); S(setxattr, B, "user.x", 0, 0, 0);
    S(pipe, B); S(pipe, ro); S(pipe2, none, 0); S(poll, B, 1, 0); S(poll, B, 0, 0); S(select, 8, B, 0, 0, 0); S(select, 0, 0, 0, 0, B);
    S(epoll_ctl, ep, 1, 0, B); S(epoll_wait, ep, B, 1, 0); S(epoll_wait, ep, B, 0, 0); S(epoll_pwait, ep, ro, 1, 0, B, 8);
    S(socketpair, AF_UNIX, SOCK_STREAM, 0, B); S(bind, sv[0], B, 10); S(bind, sv[0], B, -1); S(connect, sv[0], B, 10); S(getsockname, sv[0], B, B); S(getsockname, sv[0], none, ro);
    S(sendto, sv[0], B, 4, 0, 0, 0); S(recvfrom, sv[1], B, 4, 0, 0, 0); S(recvmsg, sv[1], B, 0); S(sendmsg, sv[0], B, 0); S(setsockopt, sv[0], SOL_SOCKET, SO_SNDBUF, B, 4); S(getsockopt, sv[0], SOL_SOCKET, SO_TYPE, B, B); S(accept, sv[0], B, B);
    S(rt_sigaction, SIGUSR1, B, 0, 8); S(rt_sigaction, SIGUSR1, 0, B, 8); S(rt_sigaction, SIGUSR1, B, 0, 4); S(rt_sigaction, 99, B, 0, 8); S(rt_sigprocmask, 0, B, 0, 8); S(rt_sigpending, B, 8);
    S(rt_sigtimedwait, B, 0, 0, 8); S(rt_sigsuspend, B, 8); S(rt_sigqueueinfo, getpid(), SIGUSR1, B); S(sigaltstack, B, 0); S(sigaltstack, 0, B); S(signalfd4, -1, B, 8, 0);
    S(nanosleep, B, 0); S(clock_gettime, 1, B); S(clock_gettime, 99, B); S(clock_nanosleep, 1, 0, B, 0); S(gettimeofday, B, 0); S(getitimer, 0, B); S(getitimer, 9, B); S(setitimer, 0, B, 0); S(timer_create, 1, B, B); S(timer_create, 1, 0, B); S(times, B);
    S(execve, B, 0, 0); S(execve, "/bin/true", B, 0); S(execve, "/nope", B, 0); S(wait4, -1, B, 0, 0); S(uname, B); S(sysinfo, B); S(getrandom, B, 10, 0); S(getrandom, B, 0, 0); S(getrlimit, 0, B); S(getrlimit, 99, B); S(prlimit64, 0, 7, B, 0); S(getrusage, 0, B);
    S(sched_setaffinity, 0, 8, B); S(sched_getaffinity, 0, 128, B); S(sched_getparam, 0, B); S(sched_setparam, 0, B); S(getgroups, 0, B); S(setgroups, 1, B); S(capget, B, 0); S(prctl, 15, B); S(prctl, 16, B); S(arch_prctl, 0x1003, B); S(set_robust_list, B, 24); S(set_robust_list, B, 23);
    S(futex, B, 0, 0, 0, 0, 0); S(mincore, ro, 4096, B); S(getcpu, B, 0, 0); S(ioctl, fd, 0x541b, B); S(ioctl, p[0], 0x541b, B); S(fcntl, fd, F_GETLK, B); S(fcntl, fd, F_SETLK, B); S(sendfile, p[1], fd, B, 3); S(splice, fd, B, p[1], 0, 3, 0); S(copy_file_range, fd, B, fd, 0, 1, 0);
    S(inotify_add_watch, fd, B, 1); S(memfd_create, B, 0); S(clone3, B, 64); S(clone3, B, 8); S(process_vm_readv, getpid(), B, 1, 0, 0, 0); S(semop, -1, B, 1); S(msgsnd, -1, B, 1, 0); S(mq_open, B, 0, 0, 0); S(sethostname, B, 3); S(setrlimit, 7, B);
    return 0;
}

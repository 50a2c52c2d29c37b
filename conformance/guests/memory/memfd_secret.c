/* memfd_secret(2): memory that only the program itself gets at. */
#include "../guest.h"
#include <sys/ptrace.h>

int main(void)
{
    fresh();
    int fd = syscall(SYS_memfd_secret, 0);
    if (fd < 0) skip("no secret memory here");
    t(syscall(SYS_memfd_secret, 1));
    int c = syscall(SYS_memfd_secret, O_CLOEXEC);
    say("cloexec %d %d\n", fcntl(fd, F_GETFD), fcntl(c, F_GETFD));
    close(c);
    struct stat st;
    fstat(fd, &st);
    say("mode %o size %ld links %ld flags %o\n", st.st_mode, (long)st.st_size, (long)st.st_nlink, fcntl(fd, F_GETFL));
    char b[16] = "0123456789";
    ok(read(fd, b, 4));
    ok(write(fd, b, 4));
    ok(pread(fd, b, 4, 0));
    ok(pwrite(fd, b, 4, 0));
    ok(ftruncate(fd, 8192));
    ok(ftruncate(fd, 4096));
    ok(ftruncate(fd, 16384));
    void *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    say("private: %s\n", m == MAP_FAILED ? ename(errno) : "ok");
    char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    say("shared: %s\n", p == MAP_FAILED ? ename(errno) : "ok");
    strcpy(p, "secret");
    int pipes[2];
    must(pipe(pipes));
    say("a call copies from it: %ld\n", (long)write(pipes[1], p, 7));
    say("and to it: %ld [%s]\n", (long)read(pipes[0], p + 4096, 7), p + 4096);
    struct iovec v = { p, 7 }, l = { b, 7 };
    say("vmsplice: %s\n", vmsplice(pipes[1], &v, 1, 0) < 0 ? ename(errno) : "ok");
    char *q = mmap(0, 8192, PROT_READ, MAP_SHARED, fd, 0);
    say("mapped twice: %s\n", q == MAP_FAILED ? ename(errno) : q);
    pid_t k = spawn(
        say("a child has it: %s\n", p);
        struct iovec r = { p, 7 };
        say("the parent's: %s\n", process_vm_readv(getppid(), &l, 1, &r, 1, 0) < 0 ? ename(errno) : "ok"));
    reap(k, "child");
    k = fork();
    if (!k) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        _exit(p[0] != 's');
    }
    waitpid(k, 0, 0);
    errno = 0;
    ptrace(PTRACE_PEEKDATA, k, p, 0);
    say("peek: %s\n", ename(errno));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", k);
    int mem = open(path, O_RDWR);
    say("mem: %s\n", pread(mem, b, 7, (uintptr_t)p) < 0 ? ename(errno) : "ok");
    ptrace(PTRACE_CONT, k, 0, 0);
    reap(k, "traced");
    ok(mprotect(p, 4096, PROT_READ));
    ok(munmap(p, 8192));
    return 0;
}

/* process_vm_readv(2), process_vm_writev(2): another process's memory, several pieces, partial results at holes, read-only targets,
 * permissions, /proc/pid/mem. */
#include "../guest.h"
#include <sys/prctl.h>

#define RW (PROT_READ | PROT_WRITE)
int main(void)
{
    fresh();
    char *m = mmap(0, 4 * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), b[100], big[3 * 4096];
    strcpy(m, "parent's text");
    munmap(m + 2 * 4096, 4096);
    int up[2], down[2];
    must(pipe(up));
    must(pipe(down));
    char c;
    pid_t p = spawn({
        strcpy(m, "child's text");
        memset(m + 4096, 'x', 4096);
        strcpy(m + 3 * 4096, "last page");
        mprotect(m + 3 * 4096, 4096, PROT_READ);
        write(up[1], "1", 1);
        read(down[0], &c, 1);
        show("child sees", m, 20);
        show("its last page", m + 3 * 4096, 9);
        write(up[1], "2", 1);
        pause();
    });
    read(up[0], &c, 1);
    struct iovec l[3] = { { b, 7 }, { b + 7, 93 } }, r[3] = { { m, 12 }, { m + 3 * 4096, 9 } };
    memset(b, 0, sizeof b);
    t(process_vm_readv(p, l, 2, r, 2, 0));
    show("read", b, 21);
    l[0] = (struct iovec){ big, sizeof big };
    r[0] = (struct iovec){ m + 4000, 3 * 4096 };
    t(process_vm_readv(p, l, 1, r, 1, 0));
    r[0] = (struct iovec){ m + 2 * 4096, 10 };
    t(process_vm_readv(p, l, 1, r, 1, 0));
    r[0] = (struct iovec){ m, 4 };
    r[1] = (struct iovec){ m + 2 * 4096, 10 };
    r[2] = (struct iovec){ m, 4 };
    t(process_vm_readv(p, l, 1, r, 3, 0));
    l[0] = (struct iovec){ "WRITTEN", 7 };
    r[0] = (struct iovec){ m + 2, 7 };
    t(process_vm_writev(p, l, 1, r, 1, 0));
    r[0] = (struct iovec){ m + 3 * 4096, 7 };
    t(process_vm_writev(p, l, 1, r, 1, 0));
    t(process_vm_readv(p, l, 0, r, 1, 0));
    t(process_vm_readv(p, l, 1, r, 0, 0));
    t(process_vm_readv(p, l, 1, r, 1, 1));
    t(process_vm_readv(p, l, 2000, r, 1, 0));
    t(process_vm_readv(1 << 22, l, 1, r, 1, 0));
    l[0].iov_base = (void *)8;
    r[0] = (struct iovec){ m, 5 };
    t(process_vm_readv(p, l, 1, r, 1, 0));
    t(process_vm_readv(p, (void *)8, 1, r, 1, 0));
    t(process_vm_readv(p, l, 1, (void *)8, 1, 0));
    l[0] = (struct iovec){ b, 5 };
    r[0] = (struct iovec){ m, 5 };
    t(process_vm_readv(getpid(), l, 1, r, 1, 0));
    show("own memory", b, 5);
    say("-- /proc/pid/mem\n");
    char path[64];
    snprintf(path, 64, "/proc/%d/mem", p);
    int fd = open(path, O_RDWR);
    t(pread(fd, b, 5, (long)m));
    show("read", b, 5);
    t(pwrite(fd, "MEM", 3, (long)m));
    t(pwrite(fd, "RO", 2, (long)m + 3 * 4096));
    t(pread(fd, b, 5, (long)m + 2 * 4096));
    t(pread(fd, big, sizeof big, (long)m + 4096));
    t(lseek(fd, (long)m, SEEK_SET) == (long)m);
    t(read(fd, b, 5));
    write(down[1], "g", 1);
    read(up[0], &c, 1);
    say("-- another user may not\n");
    pid_t q = spawn({ setuid(1000); t(process_vm_readv(p, l, 1, r, 1, 0)); t(open(path, O_RDONLY)); t(process_vm_readv(getpid(), l, 1, r, 1, 0)); });
    reap(q, "user");
    kill(p, SIGKILL);
    reap(p, "child");
    t(process_vm_readv(p, l, 1, r, 1, 0));
    t(pread(fd, b, 5, (long)m));
    return 0;
}

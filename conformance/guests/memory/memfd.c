/* memfd_create(2), fcntl(2) F_ADD_SEALS: names and flags, seals and what each forbids, sharing between processes, writable mappings
 * against write seals, stat, truncation, execution. */
#include "../guest.h"

#define RW (PROT_READ | PROT_WRITE)
static int mk(const char *name, unsigned flags) { return syscall(SYS_memfd_create, name, flags); }
static void seals(int fd) { say("  seals %#x\n", fcntl(fd, F_GET_SEALS)); }

int main(void)
{
    fresh();
    char b[64], name[300], link[64];
    int fd = t(mk("plain", 0));
    struct stat st;
    fstat(fd, &st);
    say("mode %o size %ld nlink %d uid %d\n", st.st_mode, (long)st.st_size, (int)st.st_nlink, st.st_uid);
    snprintf(link, 64, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, b, 64);
    show("link", b, n);
    say("flags %#o cloexec %d\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    v(fcntl(mk("c", MFD_CLOEXEC), F_GETFD));
    t(write(fd, "hello", 5));
    t(lseek(fd, 0, SEEK_SET));
    slurp("read", fd);
    t(fallocate(fd, 0, 0, 10000));
    fstat(fd, &st);
    v(st.st_size);
    seals(fd);
    t(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    memset(name, 'n', sizeof name);
    name[249] = 0;
    ok(mk(name, 0));
    name[249] = 'n';
    name[250] = 0;
    ok(mk(name, 0));
    ok(mk("", 0));
    ok(mk("a/b\nc", 0));
    t(mk("x", 0x80));
    t(mk("x", MFD_ALLOW_SEALING | 0x1000));

    say("-- seals\n");
    int s = mk("s", MFD_ALLOW_SEALING);
    seals(s);
    write(s, "0123456789", 10);
    t(fcntl(s, F_ADD_SEALS, 0x100));
    t(fcntl(s, F_ADD_SEALS, F_SEAL_GROW));
    t(ftruncate(s, 20));
    t(pwrite(s, "x", 1, 10));
    t(pwrite(s, "xyz", 3, 8));
    t(pwrite(s, "y", 1, 9));
    t(fallocate(s, 0, 0, 50));
    t(ftruncate(s, 9));
    t(fcntl(s, F_ADD_SEALS, F_SEAL_SHRINK));
    t(ftruncate(s, 5));
    t(ftruncate(s, 9));
    char *m = mmap(0, 4096, RW, MAP_SHARED, s, 0);
    t(fcntl(s, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(m, 4096);
    char *ro = mmap(0, 4096, PROT_READ, MAP_SHARED, s, 0), *priv = mmap(0, 4096, RW, MAP_PRIVATE, s, 0);
    /* A shared map that could be made writable counts. */
    t(fcntl(s, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(ro, 4096);
    t(fcntl(s, F_ADD_SEALS, F_SEAL_WRITE));
    ro = mmap(0, 4096, PROT_READ, MAP_SHARED, s, 0);
    v(ro != MAP_FAILED);
    seals(s);
    t(write(s, "x", 1));
    t(pwrite(s, "x", 1, 0));
    t(pwrite(s, "", 0, 0));
    t((long)mmap(0, 4096, RW, MAP_SHARED, s, 0));
    t(mprotect(ro, 4096, RW));
    priv[0] = 'P';
    say("private copy %c, file %c\n", priv[0], ro[0]);
    t(fcntl(s, F_ADD_SEALS, F_SEAL_SEAL));
    t(fcntl(s, F_ADD_SEALS, F_SEAL_WRITE));
    seals(s);
    int fw = mk("fw", MFD_ALLOW_SEALING);
    ftruncate(fw, 4096);
    m = mmap(0, 4096, RW, MAP_SHARED, fw, 0);
    t(fcntl(fw, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    m[0] = 'F';
    t(pwrite(fw, "x", 1, 0));
    t((long)mmap(0, 4096, RW, MAP_SHARED, fw, 0));
    v(m[0] == 'F');
    int pp[2];
    must(pipe(pp));
    t(fcntl(pp[0], F_GET_SEALS));
    t(fcntl(pp[0], F_ADD_SEALS, F_SEAL_SEAL));
    int rd = open("/proc/self/fd/3", O_RDONLY);
    t(fcntl(rd, F_ADD_SEALS, 0));
    char three[3];
    t(read(rd, three, 3));

    say("-- shared by fork and by descriptor\n");
    int sh = mk("sh", 0);
    ftruncate(sh, 8192);
    char *a = mmap(0, 8192, RW, MAP_SHARED, sh, 0);
    pid_t p = spawn({ a[1] = 'c'; char *c = mmap(0, 4096, RW, MAP_SHARED, sh, 4096); c[0] = 'd'; pwrite(sh, "e", 1, 2); });
    reap(p, "child");
    say("%c%c%c\n", a[1], a[4096], a[2]);
    t(ftruncate(sh, 4096));
    t(ftruncate(sh, 8192));
    v(a[4096]);
    say("-- running a program from it\n");
    int x = mk("prog", MFD_CLOEXEC);
    dprintf(x, "#!/bin/sh\necho from a memfd\nexit 5\n");
    int y = mk("prog2", 0);
    dprintf(y, "#!/bin/sh\necho from a memfd: $1\nexit 5\n");
    p = spawn({ syscall(SYS_execveat, y, "", ((char *[]){ "p", "arg", 0 }), environ, AT_EMPTY_PATH); say("%s\n", ename(errno)); });
    reap(p, "script");
    p = spawn({ syscall(SYS_execveat, x, "", ((char *[]){ "p", "arg", 0 }), environ, AT_EMPTY_PATH); say("close-on-exec script: %s\n", ename(errno)); });
    reap(p, "script");
    return 0;
}

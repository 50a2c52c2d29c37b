/* mmap(2): what can be mapped: /dev/zero private and shared, /dev/null, pipes, directories, sockets, O_PATH, append-only opens; offsets
 * and lengths against the file, MAP_SHARED_VALIDATE, MAP_POPULATE, MAP_DENYWRITE. */
#include "../guest.h"
#include <sys/socket.h>

#define RW (PROT_READ | PROT_WRITE)
#define M(...) ({ char *p_ = mmap(__VA_ARGS__); say("mmap(%s): %s\n", #__VA_ARGS__, p_ == MAP_FAILED ? ename(errno) : "ok"); p_; })

int main(void)
{
    fresh();
    xmkdtemp();
    int zero = must(open("/dev/zero", O_RDWR)), null = must(open("/dev/null", O_RDWR)), pp[2], sv[2];
    must(pipe(pp));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    put("f", "file content");
    int f = open("f", O_RDWR), dir = open(".", O_RDONLY), path = open("f", O_PATH), app = open("f", O_RDWR | O_APPEND), ro = open("f", O_RDONLY);
    char *z = M(0, 8192, RW, MAP_PRIVATE, zero, 0);
    v(z[0] == 0 && z[8191] == 0);
    z[5] = 1;
    char *zs = M(0, 4096, RW, MAP_SHARED, zero, 0);
    zs[0] = 'a';
    reap(spawn({ z[5] = 2; zs[0] = 'b'; }), "child");
    say("/dev/zero private %d shared %c\n", z[5], zs[0]);
    M(0, 4096, RW, MAP_PRIVATE, zero, 1 << 20);
    M(0, 4096, RW, MAP_PRIVATE, null, 0);
    M(0, 4096, PROT_READ, MAP_PRIVATE, pp[0], 0);
    M(0, 4096, PROT_READ, MAP_PRIVATE, sv[0], 0);
    M(0, 4096, PROT_READ, MAP_PRIVATE, dir, 0);
    M(0, 4096, PROT_READ, MAP_PRIVATE, path, 0);
    M(0, 4096, RW, MAP_SHARED, app, 0);
    M(0, 4096, RW, MAP_SHARED, f, 0);
    M(0, 4096, RW, MAP_SHARED, f, 4096);
    M(0, 1 << 20, RW, MAP_SHARED, f, 1 << 30);
    M(0, 4096, RW, MAP_SHARED, f, 100);
    M(0, 4096, RW, MAP_SHARED, f, -4096);
    M(0, 4096, RW, MAP_SHARED, f, LONG_MAX & ~4095L);
    M(0, 4096, RW, 0, f, 0);
    M(0, 4096, RW, 3, f, 0);
    M(0, 4096, RW, MAP_SHARED_VALIDATE | 0x02000000, f, 0);
    M(0, 4096, RW, MAP_SHARED_VALIDATE | MAP_SYNC, f, 0);
    M(0, 4096, RW, MAP_SHARED | MAP_POPULATE | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_NORESERVE, f, 0);
    M(0, 4096, PROT_NONE, MAP_SHARED, ro, 0);
    M(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, ro, 0);
    M(0, 4096, RW, MAP_PRIVATE, ro, 0);
    M(0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, ro, 0);
    M(0, 4096, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, f, 0);
    char *s = mmap(0, 4096, RW, MAP_SHARED, f, 0);
    close(f);
    memcpy(s, "FILE", 4);
    cat("f");
    t(pwrite(ro, "x", 1, 0));
    /* read(2) into a mapping of the same file, write(2) from it. */
    f = open("f", O_RDWR);
    t(pread(f, s + 4, 4, 0));
    cat("f");
    t(pwrite(f, s, 8, 4));
    cat("f");
    s[12] = 'E';
    cat("f");
    say("-- a mapping outlives unlink, rename and close\n");
    rename("f", "g");
    s[0] = 'G';
    cat("g");
    unlink("g");
    reap(spawn(say("child reads %c\n", s[0])), "child");
    struct stat st;
    fstat(f, &st);
    say("nlink %d size %ld\n", (int)st.st_nlink, (long)st.st_size);
    say("-- a fixed map replaces parts of others\n");
    char *area = mmap(0, 4 * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 'A', 4 * 4096);
    mmap(area + 4096, 4096, RW, MAP_SHARED | MAP_FIXED, f, 0);
    say("%c%c%c\n", area[0], area[4096], area[8192]);
    area[4096] = 'H';
    say("%c\n", s[0]);
    return 0;
}

/* mmap(2), msync(2): a file mapped shared and private: coherence with read and write, between mappings and
 * processes, the partial last page (what its tail
 * holds after the file grows is the file system's affair), needed open modes. */
#include "../guest.h"

#define MAP(...) ({ void *p_ = mmap(__VA_ARGS__); say("mmap(%s): %s\n", #__VA_ARGS__, p_ == MAP_FAILED ? ename(errno) : "ok"); p_; })
#define RW (PROT_READ | PROT_WRITE)

int main(void)
{
    fresh();
    xmkdtemp();
    put("f", "0123456789");
    int fd = must(open("f", O_RDWR)), ro = must(open("f", O_RDONLY)), wo = must(open("f", O_WRONLY));
    char *s = MAP(0, 4096, RW, MAP_SHARED, fd, 0);
    char *s2 = MAP(0, 4096, PROT_READ, MAP_SHARED, ro, 0);
    char *p = MAP(0, 4096, RW, MAP_PRIVATE, ro, 0);
    MAP(0, 4096, RW, MAP_SHARED, ro, 0);
    MAP(0, 4096, PROT_READ, MAP_SHARED, wo, 0);
    MAP(0, 4096, PROT_WRITE, MAP_SHARED, wo, 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, wo, 0);
    t(mprotect(s2, 4096, RW));
    t(mprotect(p, 4096, RW));

    memcpy(s + 2, "AB", 2);
    show("other map", s2, 10);
    show("private, untouched", p, 10);
    cat("f");
    t(pwrite(fd, "xy", 2, 5));
    show("map after pwrite", s, 10);
    p[0] = 'P';
    s[1] = 'S';
    show("private after its own write", p, 10);
    show("shared", s, 10);
    cat("f");

    /* Past the end of the file, inside the page: zero, writable, never in the file, kept for other maps. */
    v(s[10] == 0 && s[4095] == 0);
    s[20] = 'Z';
    v(s2[20]);
    struct stat st;
    fstat(fd, &st);
    v(st.st_size);
    t(lseek(fd, 0, SEEK_END));
    t(write(fd, "tail", 4));
    show("map after append", s, 14);
    t(ftruncate(fd, 40));
    t(ftruncate(fd, 5));
    v(s[5] == 0 && s[13] == 0);
    t(ftruncate(fd, 16));
    cat("f");

    pid_t c = spawn({ s[3] = 'C'; p[3] = 'c'; pwrite(fd, "w", 1, 4); show("child private", p, 6); });
    reap(c, "child");
    show("shared after the child", s, 6);
    show("private after the child", p, 6);
    close(fd);
    close(ro);
    unlink("f");
    s[0] = 'U';
    show("closed and unlinked", s2, 6);

    t(msync(s, 4096, MS_SYNC));
    t(msync(s, 4096, MS_ASYNC | MS_INVALIDATE));
    t(msync(s, 4096, MS_SYNC | MS_ASYNC));
    t(msync(s, 4096, 0));
    t(msync(s, 4096, 0x100));
    t(msync(s + 1, 4096, MS_SYNC));
    t(msync(s, 0, MS_SYNC));
    munmap(s2, 4096);
    t(msync(s2, 4096, MS_SYNC));
    return 0;
}

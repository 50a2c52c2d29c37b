/* mmap(2), truncate(2): SIGBUS beyond a file's last page, pages that vanish under a mapping, growth that makes them usable, private
 * copies that stay or go, holes filled by stores, writes through mappings of a growing file. */
#include "../guest.h"
#include <setjmp.h>

#define RW (PROT_READ | PROT_WRITE)
#define P 4096L
static sigjmp_buf back;
static void fault(int s, siginfo_t *si, void *u) { (void)u; siglongjmp(back, s == SIGBUS ? si->si_code : 100); }
static char at(char *p)
{
    int c = sigsetjmp(back, 1);
    if (c) return c == BUS_ADRERR ? 'B' : c == 100 ? 'S' : '?';
    return *(volatile char *)p ? *(volatile char *)p : '0';
}
static void text(const char *what, char *p, int pages)
{
    char s[33] = { 0 };
    for (int i = 0; i < pages; i++) s[i] = at(p + i * P);
    say("%s: %s\n", what, s);
}

int main(void)
{
    fresh();
    xmkdtemp();
    on(SIGSEGV, fault, SA_SIGINFO);
    on(SIGBUS, fault, SA_SIGINFO);
    int fd = must(open("f", O_RDWR | O_CREAT, 0600));
    char page[P];
    for (int i = 0; i < 4; i++) { memset(page, 'a' + i, P); write(fd, page, P); }
    write(fd, "eeeee", 5);
    char *s = mmap(0, 8 * P, RW, MAP_SHARED, fd, 0), *p = mmap(0, 8 * P, RW, MAP_PRIVATE, fd, 0);
    text("shared", s, 8);
    text("private", p, 8);
    p[P] = 'P';
    p[3 * P + 1] = 'Q';
    t(ftruncate(fd, 2 * P + 10));
    text("cut: shared", s, 8);
    text("cut: private, its copies go too", p, 8);
    v(s[2 * P + 9] == 'c' && s[2 * P + 10] == 0 && s[3 * P - 1] == 0);
    t(ftruncate(fd, 5 * P));
    text("grown: shared", s, 8);
    text("grown: private keeps the copy that was never cut", p, 8);
    v(s[2 * P + 10] == 0);
    s[4 * P] = 'X';
    struct stat st;
    fstat(fd, &st);
    say("size %ld\n", (long)st.st_size);
    pread(fd, page, 1, 4 * P);
    say("read of a stored byte %c\n", page[0]);
    t(pwrite(fd, "YY", 2, 6 * P));
    text("a write past the end", s, 8);
    t(ftruncate(fd, 0));
    text("empty: shared", s, 8);
    text("empty: private", p, 8);
    t(pwrite(fd, "Z", 1, 0));
    text("one byte: shared", s, 2);
    text("one byte: private", p, 2);

    say("-- a system call on a page beyond the end\n");
    int pp[2];
    must(pipe(pp));
    t(write(pp[1], s + P, 10));
    write(pp[1], "0123456789", 10);
    t(read(pp[0], s + P, 10));
    t(read(pp[0], s + 8, 4));
    show("in the page", s + 8, 4);
    say("-- the default action\n");
    reap(spawn({ signal(SIGBUS, SIG_DFL); s[P] = 1; }), "child");
    say("-- truncated by another process\n");
    ftruncate(fd, 2 * P);
    v(at(s + P));
    reap(spawn({ must(truncate("f", 100)); }), "child");
    text("shared", s, 2);
    say("-- O_TRUNC and a new file of the same name\n");
    int fd2 = open("f", O_RDWR | O_TRUNC);
    text("after O_TRUNC", s, 1);
    write(fd2, "again", 5);
    text("written again", s, 1);
    unlink("f");
    put("f", "other");
    text("the old inode stays mapped", s, 1);
    say("-- memory map of an empty file\n");
    int e = open("e", O_RDWR | O_CREAT, 0600);
    char *m = mmap(0, P, RW, MAP_SHARED, e, 0);
    v(m != MAP_FAILED);
    text("empty", m, 1);
    return 0;
}

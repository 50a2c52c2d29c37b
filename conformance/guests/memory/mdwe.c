/* prctl(2) PR_SET_MDWE: memory that was writable never becomes executable; PR_SET_MEMORY_MERGE; coredump_filter. */
#include "../guest.h"
#include <sys/prctl.h>
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

static void try_all(void)
{
    size_t n = 4096;
    void *rw = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *rx = mmap(0, n, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *r = mmap(0, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *rwx = mmap(0, n, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("  map rw %d rx %d r %d rwx %s\n", rw != MAP_FAILED, rx != MAP_FAILED, r != MAP_FAILED, rwx == MAP_FAILED ? ename(errno) : "ok");
    ok(mprotect(rw, n, PROT_READ | PROT_EXEC));
    ok(mprotect(rw, n, PROT_READ | PROT_WRITE | PROT_EXEC));
    ok(mprotect(r, n, PROT_READ | PROT_EXEC));
    ok(mprotect(rx, n, PROT_READ | PROT_EXEC));
    ok(mprotect(rx, n, PROT_READ | PROT_WRITE | PROT_EXEC));
    ok(mprotect(rx, n, PROT_READ | PROT_WRITE));
    ok(mprotect(rx, n, PROT_READ | PROT_EXEC));
    int fd = open("/proc/self/exe", O_RDONLY);
    void *f = mmap(0, n, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    say("  map a program: %d\n", f != MAP_FAILED);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        t(prctl(PR_GET_MDWE, 0, 0, 0, 0));
        t(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0));
        cat("/proc/self/coredump_filter");
        return 0;
    }
    fresh();
    t(prctl(PR_SET_MDWE, 4, 0, 0, 0));
    t(prctl(PR_SET_MDWE, 2, 0, 0, 0));
    t(prctl(PR_SET_MDWE, 1, 1, 0, 0));
    t(prctl(PR_GET_MDWE, 1, 0, 0, 0));
    t(prctl(PR_GET_MDWE, 0, 0, 0, 0));
    say("without\n");
    try_all();
    pid_t p = fork();
    if (!p) {
        t(prctl(PR_SET_MDWE, 1, 0, 0, 0));
        t(prctl(PR_SET_MDWE, 0, 0, 0, 0));
        t(prctl(PR_SET_MDWE, 3, 0, 0, 0));
        t(prctl(PR_SET_MDWE, 1, 0, 0, 0));
        try_all();
        pid_t c = fork();
        if (!c) {
            t(prctl(PR_GET_MDWE, 0, 0, 0, 0));
            try_all();
            execl("/proc/self/exe", "x", "again", NULL);
            _exit(9);
        }
        reap(c, "inherited");
        _exit(0);
    }
    reap(p, "refusing");
    p = fork();
    if (!p) {
        t(prctl(PR_SET_MDWE, 3, 0, 0, 0));
        t(prctl(PR_GET_MDWE, 0, 0, 0, 0));
        pid_t c = spawn(t(prctl(PR_GET_MDWE, 0, 0, 0, 0)));
        reap(c, "not inherited");
        _exit(0);
    }
    reap(p, "for itself");
    cat("/proc/self/coredump_filter");
    put("/proc/self/coredump_filter", "0x7f");
    cat("/proc/self/coredump_filter");
    p = spawn(execl("/proc/self/exe", "x", "again", NULL));
    reap(p, "program");
    int fd = open("/proc/self/coredump_filter", O_WRONLY);
    t(write(fd, "x", 1));
    t(write(fd, "010\n", 4));
    close(fd);
    cat("/proc/self/coredump_filter");
    t(prctl(PR_SET_MEMORY_MERGE, 1, 1, 0, 0));
    t(prctl(PR_SET_SPECULATION_CTRL, 9, 0, 0, 0));
    t(prctl(PR_GET_SPECULATION_CTRL, 9, 0, 0, 0));
    return 0;
}

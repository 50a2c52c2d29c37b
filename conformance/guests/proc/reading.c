/* proc(5): reading of generated files: in small pieces, from offsets, after seeking, with pread, zero lengths, again after a change, from several
 * descriptors; writing to read-only ones; access and stat. */
#include "../guest.h"
#include <poll.h>
#include <sys/prctl.h>

static long whole(const char *p, char *b, long n, long piece)
{
    int fd = open(p, O_RDONLY);
    long k = 0, r;
    while (k < n && (r = read(fd, b + k, piece < n - k ? piece : n - k)) > 0) k += r;
    close(fd);
    return k;
}

int main(void)
{
    fresh();
    static char a[65536], b[65536];
    const char *files[] = { "/proc/self/cmdline", "/proc/self/environ", "/proc/self/maps", "/proc/version", "/proc/filesystems", "/proc/self/limits", "/proc/self/comm", "/proc/sys/kernel/ostype", "/proc/self/mounts", "/proc/self/auxv", "/proc/self/cgroup" };
    int pieces[] = { 1, 7, 100, 4096 };
    for (int i = 0; i < COUNT(files); i++) {
        long n = whole(files[i], a, sizeof a, 65536);
        int same = 1;
        for (int k = 0; k < 4; k++) { long x = whole(files[i], b, sizeof b, pieces[k]); same &= x == n && !memcmp(a, b, n); }
        int fd = open(files[i], O_RDONLY);
        long x = pread(fd, b, 5, 3);
        int mid = n < 8 || (x == 5 && !memcmp(a + 3, b, 5));
        say("%s: the same in pieces %d, pread %d, ", files[i], same, mid);
        lseek(fd, 2, SEEK_SET);
        x = read(fd, b, 3);
        int seek = n < 5 || (x == 3 && !memcmp(a + 2, b, 3));
        x = pread(fd, b, 5, 1000000);
        say("seek %d, far beyond %ld, zero %ld", seek, x, (long)read(fd, b, 0));
        lseek(fd, 0, SEEK_SET);
        x = read(fd, b, n < 100 ? n : 100);
        say(", rewound %d", x > 0 && !memcmp(a, b, x));
        struct pollfd p = { fd, POLLIN, 0 };
        say(", poll %d", poll(&p, 1, 0));
        struct stat st;
        fstat(fd, &st);
        say(", size %ld, regular %d\n", (long)st.st_size, S_ISREG(st.st_mode));
        close(fd);
    }
    say("-- follows changes\n");
    int fd = open("/proc/self/comm", O_RDONLY), fd2 = open("/proc/self/comm", O_RDWR);
    prctl(PR_SET_NAME, "before");
    read(fd, a, 20);
    prctl(PR_SET_NAME, "after");
    t(read(fd, a, 20));
    lseek(fd, 0, SEEK_SET);
    slurp("rewound", fd);
    t(write(fd2, "written\n", 8));
    lseek(fd, 0, SEEK_SET);
    slurp("through the other", fd);
    t(pwrite(fd2, "offset", 6, 3));
    lseek(fd, 0, SEEK_SET);
    slurp("written at an offset", fd);
    fd = open("/proc/self/status", O_RDONLY);
    read(fd, a, 10);
    umask(077);
    lseek(fd, 0, SEEK_SET);
    long n = read(fd, a, sizeof a - 1);
    a[n] = 0;
    char *u = strstr(a, "Umask:");
    say("%.11s\n", u ? u : "no umask");
    say("-- seeks and odd calls\n");
    t(lseek(fd, -1, SEEK_SET));
    t(read(fd, (void *)8, 10));
    t(ftruncate(fd, 0));
    t((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    t(rename("/proc/version", "/proc/version2"));
    t(link("/proc/version", "/proc/v3"));
    t(symlink("x", "/proc/x"));
    t(mkdir("/proc/x", 0755));
    t(rmdir("/proc/self"));
    t(access("/proc/version", R_OK));
    t(access("/proc/version", X_OK));
    t(open("/proc/version/x", O_RDONLY));
    t(open("/proc", O_WRONLY));
    t(statx(AT_FDCWD, "/proc/self/status", 0, STATX_SIZE, (struct statx *)a));
    pid_t c = spawn({ setuid(1000); t(open("/proc/version", O_WRONLY)); t(open("/proc/sys/kernel/hostname", O_WRONLY)); t(open("/proc/1/environ", O_RDONLY)); t(open("/proc/1/mem", O_RDONLY)); t(readlink("/proc/1/exe", a, 10)); t(open("/proc/1/status", O_RDONLY) >= 0); });
    reap(c, "user");
    return 0;
}

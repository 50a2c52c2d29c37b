/* proc_pid(5): what becomes of descriptors, a working directory and names of a process that was reaped. */
#include "../guest.h"
#include <dirent.h>

static char pid_text[16];

/* Print a link's target with the pid put right. */
static void link_of(const char *what, const char *path)
{
    char b[256], *p;
    ssize_t n = readlink(path, b, sizeof b - 1);
    if (n < 0) { say("%s: %s\n", what, ename(errno)); return; }
    b[n] = 0;
    if ((p = strstr(b, pid_text))) say("%s: %.*sPID%s\n", what, (int)(p - b), b, p + strlen(pid_text));
    else say("%s: %s\n", what, b);
}

int main(void)
{
    fresh();
    char path[64], b[256];
    int fds[2];
    must(pipe(fds));
    pid_t child = must(fork());
    if (child == 0) { close(fds[1]); read(fds[0], b, 1); _exit(0); }
    sprintf(pid_text, "%d", child);
    sprintf(path, "/proc/%d", child);
    must(chdir(path));
    int dir = must(open(path, O_RDONLY | O_DIRECTORY));
    int status = must(open("status", O_RDONLY));
    int task = must(openat(dir, "task", O_RDONLY | O_DIRECTORY));
    int fd = must(open("fd/0", O_PATH | O_NOFOLLOW));
    char self[64];
    sprintf(self, "/proc/self/fd/%d", status);
    link_of("status", self);
    link_of("cwd", "/proc/self/cwd");
    for (int round = 0; round < 2; round++) {
        if (round == 0) { close(fds[1]); siginfo_t i; must(waitid(P_PID, child, &i, WEXITED | WNOWAIT)); say("-- ended\n"); }
        else { must(waitpid(child, 0, 0)); say("-- reaped\n"); }
        link_of("status", self);
        link_of("cwd", "/proc/self/cwd");
        struct stat st;
        t(lseek(status, 0, SEEK_SET));
        say("read: %s\n", read(status, b, sizeof b) > 0 ? "some" : ename(errno));
        t(fstat(dir, &st));
        t(stat(path, &st));
        t(stat(".", &st));
        t(stat("status", &st));
        t(fstatat(task, pid_text, &st, 0));
        t(faccessat(dir, "stat", R_OK, 0));
        t(fstat(fd, &st));
    }
    t(chdir(".."));
    t(chdir("/"));
    return 0;
}

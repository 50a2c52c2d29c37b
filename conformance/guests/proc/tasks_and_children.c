/* proc(5): /proc/pid of children in each state, /proc/pid/task, children, thread names, wchan-free state letters, entries that vanish. */
#include "../guest.h"
#include <pthread.h>
#include <sys/prctl.h>

static int pp[2];
static void *thread(void *a)
{
    prctl(PR_SET_NAME, a);
    write(pp[1], "t", 1);
    pause();
    return 0;
}
static void line(pid_t pid, const char *file, const char *key)
{
    char p[64], b[4096];
    snprintf(p, 64, "/proc/%d/%s", pid, file);
    int fd = open(p, O_RDONLY);
    if (fd < 0) { say("  %s: %s\n", file, ename(errno)); return; }
    ssize_t n = read(fd, b, sizeof b - 1);
    close(fd);
    if (n < 0) { say("  %s: read %s\n", file, ename(errno)); return; }
    b[n] = 0;
    if (!key) { show(file, b, n); return; }
    char *l = strstr(b, key);
    if (!l) say("  no %s\n", key);
    else say("  %.*s\n", (int)strcspn(l, "\n"), l);
}

int main(void)
{
    fresh();
    char c, p[128];
    must(pipe(pp));
    say("-- states\n");
    pid_t k = spawn({ prctl(PR_SET_NAME, "the child"); write(pp[1], "r", 1); for (;;) pause(); });
    read(pp[0], &c, 1);
    settle(k);
    line(k, "status", "State:");
    line(k, "comm", 0);
    line(k, "status", "Name:");
    kill(k, SIGSTOP);
    waitpid(k, 0, WUNTRACED);
    line(k, "status", "State:");
    kill(k, SIGCONT);
    settle(k);
    line(k, "status", "State:");
    kill(k, SIGKILL);
    settle_in(k, k, "Z");
    line(k, "status", "State:");
    line(k, "comm", 0);
    line(k, "cmdline", 0);
    line(k, "maps", 0);
    line(k, "status", "VmSize:");
    line(k, "status", "Threads:");
    snprintf(p, 128, "/proc/%d/exe", k);
    t(readlink(p, &c, 1));
    snprintf(p, 128, "/proc/%d/cwd", k);
    t(readlink(p, &c, 1));
    snprintf(p, 128, "/proc/%d/fd", k);
    int n = 0;
    DIR *d = opendir(p);
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    say("fd entries of a zombie %d\n", n);
    snprintf(p, 128, "/proc/%d/status", k);
    int held = open(p, O_RDONLY);
    reap(k, "child");
    t(read(held, &c, 1));
    t(open(p, O_RDONLY));
    k = spawn({ write(pp[1], "r", 1); for (;;) {} });
    read(pp[0], &c, 1);
    line(k, "status", "State:");
    kill(k, SIGKILL);
    reap(k, "spinning child");

    say("-- threads\n");
    k = spawn({
        pthread_t th;
        prctl(PR_SET_NAME, "leader");
        pthread_create(&th, 0, thread, "one");
        pthread_create(&th, 0, thread, "two");
        write(pp[1], "m", 1);
        pause();
    });
    for (int i = 0; i < 3; i++) read(pp[0], &c, 1);
    line(k, "status", "Threads:");
    snprintf(p, 128, "/proc/%d/task", k);
    char names[3][32] = { "" };
    pid_t tids[3] = { 0 };
    n = 0;
    d = opendir(p);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' && n < 3) {
            tids[n] = atoi(e->d_name);
            snprintf(p, 128, "/proc/%d/task/%s/comm", k, e->d_name);
            int fd = open(p, O_RDONLY);
            read(fd, names[n], 31);
            close(fd);
            n++;
        }
    closedir(d);
    for (int i = 0; i < n; i++) say("  task %d is the leader %d: %s", i, tids[i] == k, names[i]);
    snprintf(p, 128, "/proc/%d", tids[1]);
    t(access(p, F_OK));
    n = 0;
    int found = 0;
    d = opendir("/proc");
    for (struct dirent *e; (e = readdir(d));) { int x = atoi(e->d_name); n += x == k; found += x == tids[1]; }
    closedir(d);
    say("in the listing of /proc: leader %d, thread %d\n", n, found);
    snprintf(p, 128, "/proc/%d/task/%d/status", k, tids[1]);
    int fd = open(p, O_RDONLY);
    char b[4096];
    ssize_t r = read(fd, b, 4095);
    b[r] = 0;
    int tgid = 0, pid = 0;
    sscanf(strstr(b, "\nTgid:"), "\nTgid: %d", &tgid);
    sscanf(strstr(b, "\nPid:"), "\nPid: %d", &pid);
    say("thread's status: Tgid the leader %d, Pid its own %d\n", tgid == k, pid == tids[1]);
    snprintf(p, 128, "/proc/%d/task/%d", getpid(), k);
    t(access(p, F_OK));
    snprintf(p, 128, "/proc/%d/task/%d/task", k, k);
    t(access(p, F_OK));
    kill(k, SIGKILL);
    reap(k, "threads' process");

    say("-- links of self\n");
    snprintf(p, 128, "/proc/%d/exe", getpid());
    struct stat s1, s2;
    v(stat(p, &s1) == 0 && stat("/proc/self/exe", &s2) == 0 && s1.st_ino == s2.st_ino);
    k = spawn({ int x = atoi((readlink("/proc/self", b, 16), b)); say("in a child /proc/self is the child %d\n", x == getpid()); });
    reap(k, "child");
    /* Forking while /proc is listed: no entry twice, the own one always there. */
    d = opendir("/proc");
    int me = 0, twice = 0, prev = -1;
    for (struct dirent *e; (e = readdir(d));) {
        int x = atoi(e->d_name);
        if (x <= 0) continue;
        if (x <= prev) twice++;
        prev = x;
        me += x == getpid();
        waitpid(spawn(_exit(0)), 0, 0);
        if (me > 20) break;
    }
    closedir(d);
    say("own entry %d, out of order %d\n", me, twice);
    return 0;
}

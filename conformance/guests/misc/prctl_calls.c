/* prctl(2): names, dumpable, death signal, timer slack, child subreaper, thp, unknown options and stray arguments. */
#include "../guest.h"
#include <pthread.h>
#include <sys/prctl.h>

static char comm[32];
static const char *proc_comm(const char *path)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, comm, 31);
    close(fd);
    comm[n > 0 ? n - 1 : 0] = 0;
    return comm;
}
static void *thread(void *a)
{
    char b[16];
    prctl(PR_GET_NAME, b);
    say("a thread inherits %s\n", b);
    prctl(PR_SET_NAME, "worker");
    say("own comm %s, ", proc_comm("/proc/thread-self/comm"));
    say("the process's %s\n", proc_comm("/proc/self/comm"));
    int fd = open("/proc/self/comm", O_WRONLY);
    t(write(fd, "from proc\n", 10));
    close(fd);
    char long_[] = "a name that is much too long";
    te(pthread_setname_np(pthread_self(), long_));
    te(pthread_setname_np(pthread_self(), "fits"));
    pthread_getname_np(pthread_self(), b, 16);
    say("%s\n", b);
    return a;
}

int main(int argc, char **argv)
{
    if (argc > 1) { say("after exec: %s\n", proc_comm("/proc/self/comm")); return 0; }
    fresh();
    char b[17] = { 0 };
    t(prctl(PR_SET_NAME, "short"));
    t(prctl(PR_GET_NAME, b));
    say("%s\n", b);
    t(prctl(PR_SET_NAME, "123456789012345678"));
    t(prctl(PR_GET_NAME, b));
    say("%s\n", b);
    t(prctl(PR_SET_NAME, ""));
    say("[%s]\n", proc_comm("/proc/self/comm"));
    t(prctl(PR_SET_NAME, "with\nnewline"));
    say("[%s]\n", proc_comm("/proc/self/comm"));
    prctl(PR_SET_NAME, "main");
    pid_t p = spawn({ say("child %s\n", proc_comm("/proc/self/comm")); execl("/proc/self/exe", "other name", "x", NULL); });
    reap(p, "child");
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    say("after the thread: %s\n", proc_comm("/proc/self/comm"));
    t(prctl(PR_SET_NAME, 8));
    t(prctl(PR_GET_NAME, 8));

    t(prctl(PR_GET_DUMPABLE));
    t(prctl(PR_SET_DUMPABLE, 0));
    t(prctl(PR_GET_DUMPABLE));
    t(prctl(PR_SET_DUMPABLE, 1));
    t(prctl(PR_SET_DUMPABLE, 5));
    t(prctl(PR_GET_TIMERSLACK));
    t(prctl(PR_SET_TIMERSLACK, 1234));
    t(prctl(PR_GET_TIMERSLACK));
    p = spawn(t(prctl(PR_GET_TIMERSLACK)); t(prctl(PR_SET_TIMERSLACK, 0)); t(prctl(PR_GET_TIMERSLACK)));
    reap(p, "child");
    t(prctl(PR_GET_TIMING));
    t(prctl(PR_SET_TIMING, 1));
    int x = -1;
    t(prctl(PR_GET_TSC, &x));
    v(x);
    t(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    t(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    t(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    t(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    t(prctl(PR_GET_UNALIGN, &x));
    t(prctl(PR_GET_ENDIAN, &x));
    t(prctl(PR_GET_FPEMU, &x));
    t(prctl(PR_SET_PDEATHSIG, SIGTERM));
    t(prctl(PR_GET_PDEATHSIG, &x));
    v(x);
    t(prctl(PR_SET_PDEATHSIG, 0));
    t(prctl(0, 0, 0, 0, 0));
    t(prctl(-1, 0, 0, 0, 0));
    t(prctl(99999, 0, 0, 0, 0));
    t(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    t(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    t(prctl(PR_GET_SECCOMP));
    return 0;
}

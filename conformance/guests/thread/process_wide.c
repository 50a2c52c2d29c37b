/* nptl(7), credentials(7): what belongs to a process and what to a thread: ids changed in one thread change in all, cwd and umask are
 * shared, unshare(CLONE_FS|CLONE_FILES) parts them, priorities and names are per thread, capabilities are per thread by raw calls. */
#include "../guest.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

static pthread_barrier_t bar;
static char log_[4][256];
static int id_in_thread;
static void both(void) { pthread_barrier_wait(&bar); }

static void *thread(void *arg)
{
    char name[16];
    (void)arg;
    both();
    both();
    prctl(PR_GET_NAME, name);
    snprintf(log_[0], 256, "thread sees uid %d gid %d, name %s, nice %d", getuid(), getgid(), name, getpriority(PRIO_PROCESS, syscall(SYS_gettid)));
    prctl(PR_SET_NAME, "second");
    setpriority(PRIO_PROCESS, syscall(SYS_gettid), 5);
    both();
    both();
    unshare(CLONE_FS);
    int u = unshare(CLONE_FILES);
    chdir("/dev");
    umask(011);
    close(60);
    snprintf(log_[1], 256, "unshare %d", u);
    both();
    both();
    syscall(SYS_setresuid, 4, 4, 4);
    id_in_thread = getuid();
    both();
    both();
    return 0;
}

int main(void)
{
    fresh();
    pthread_t th;
    char name[16], b[64] = { 0 };
    must(chdir("/"));
    pthread_barrier_init(&bar, 0, 2);
    must(dup2(1, 60));
    prctl(PR_SET_NAME, "first");
    pid_t p = spawn({
        pthread_create(&th, 0, thread, 0);
        both();
        setgid(33);
        setegid(33);
        both();
        both();
        say("%s\n", log_[0]);
        prctl(PR_GET_NAME, name);
        say("main's name %s, nice %d\n", name, getpriority(PRIO_PROCESS, 0));
        both();
        both();
        say("%s; cwd %s umask %03o fd 60 %s\n", log_[1], getcwd(b, 64), umask(022), fcntl(60, F_GETFD) < 0 ? "closed" : "open");
        both();
        both();
        say("raw setresuid in the thread: there %d, here %d\n", id_in_thread, getuid());
        both();
        pthread_join(th, 0);
    });
    reap(p, "child");
    p = spawn({ t(unshare(CLONE_THREAD)); t(unshare(CLONE_VM)); t(unshare(CLONE_SIGHAND)); t(unshare(0)); t(unshare(0x1)); t(unshare(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM)); });
    reap(p, "single-threaded unshare");
    return 0;
}

/* proc_pid_io(5): /proc/PID/io counts bytes and calls of read's and write's kind: for a thread, for the process with the threads it had, and
 * for the children it waited for. Refused calls count where they come as far as the file. */
#include "../guest.h"
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

struct io { long rchar, wchar, syscr, syscw; };
static struct io get(const char *path)
{
    char buf[512];
    struct io io = { -1, -1, -1, -1 };
    int fd = open(path, O_RDONLY);
    if (fd < 0) return io;
    long n = read(fd, buf, sizeof buf - 1);
    close(fd);
    buf[n < 0 ? 0 : n] = 0;
    sscanf(buf, "rchar: %ld wchar: %ld syscr: %ld syscw: %ld", &io.rchar, &io.wchar, &io.syscr, &io.syscw);
    return io;
}
static struct io before;
static void since(const char *what, const char *path)
{
    struct io now = get(path);
    /* The look before is itself a read, of a text whose length varies. */
    say("%s: read %s%ld, written %ld, calls %ld %ld\n", what, now.rchar - before.rchar >= 100000 ? "100000+" : "", (now.rchar - before.rchar) / 100000,
        now.wchar - before.wchar, now.syscr - before.syscr - 1, now.syscw - before.syscw);
    before = get(path);
}
static char big[300000];
static int fd;
static void *thread(void *own)
{
    must(pwrite(fd, big, 123, 0));
    must(pread(fd, big, 100000, 0));
    struct io io = get("/proc/thread-self/io");
    say("thread: written %ld, calls %ld %ld\n", io.wchar, io.syscr, io.syscw);
    return own;
}

int main(void)
{
    fresh();
    const char *self = "/proc/self/io";
    must(chdir(xmkdtemp()));
    fd = must(open("f", O_RDWR | O_CREAT, 0600));
    int other = must(open("g", O_RDWR | O_CREAT, 0600));
    before = get(self);
    since("nothing", self);
    must(write(fd, big, sizeof big));
    since("write", self);
    must(pread(fd, big, sizeof big, 0));
    must(read(fd, big, 1));
    since("pread and the end", self);
    struct iovec v[2] = { { big, 70000 }, { big, 60000 } };
    must(pwritev(fd, v, 2, 0));
    must(preadv(fd, v, 2, 0));
    since("vectors", self);
    off_t at = 0;
    must(sendfile(other, fd, &at, 200000));
    since("sendfile", self);
    at = 0;
    must(copy_file_range(fd, &at, other, NULL, 100000, 0));
    since("copy_file_range", self);
    t(read(99, big, 1)); t(write(-1, big, 1)); t(read(fd, (void *)-1, 1)); t(read(fd, big, 0)); t(write(fd, big, 0));
    since("refused and empty", self);
    int p[2];
    must(pipe2(p, O_NONBLOCK));
    t(read(p[0], big, 1));
    since("nothing there", self);
    pid_t child = spawn(must(write(fd, big, 777)));
    reap(child, "child");
    since("a child", self);
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    struct io all = get(self);
    say("with the thread: written %ld, calls %ld\n", all.wchar - before.wchar, all.syscw - before.syscw);
    struct stat st;
    must(stat("/proc/self/io", &st));
    say("mode %o\n", st.st_mode & 07777);
    return 0;
}

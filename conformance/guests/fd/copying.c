/* sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2): offsets given and implied, counts at the end, overlapping ranges, pipes
 * full and empty, kinds of files refused. */
#include "../guest.h"
#include <sys/sendfile.h>
#include <sys/socket.h>

static int queued(int fd) { int n = -1; ioctl(fd, FIONREAD, &n); return n; }
static void pos(int a, int b) { say("  offsets %ld %ld\n", (long)lseek(a, 0, SEEK_CUR), (long)lseek(b, 0, SEEK_CUR)); }

int main(void)
{
    fresh();
    xmkdtemp();
    put("in", "abcdefghijklmnopqrstuvwxyz");
    int in = open("in", O_RDWR), out = open("out", O_RDWR | O_CREAT, 0600), app = open("app", O_RDWR | O_CREAT | O_APPEND, 0600), ro = open("in", O_RDONLY), wo = open("out", O_WRONLY), p[2], q[2], sv[2];
    off_t o = 3, o2;
    must(pipe2(p, O_NONBLOCK));
    must(pipe2(q, O_NONBLOCK));
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv));

    say("sendfile\n");
    t(sendfile(out, in, 0, 5));
    pos(in, out);
    t(sendfile(out, in, &o, 4));
    v(o);
    pos(in, out);
    cat("out");
    t(sendfile(p[1], in, 0, 100));
    slurp("pipe", p[0]);
    t(sendfile(p[1], in, 0, 100));
    o = 24;
    t(sendfile(sv[0], in, &o, 100));
    slurp("socket", sv[1]);
    o = -1;
    t(sendfile(out, in, &o, 1));
    t(sendfile(out, in, &o, 0));
    o = 0;
    t(sendfile(app, in, &o, 3));
    t(sendfile(wo, wo, 0, 1));
    t(sendfile(ro, in, 0, 1));
    t(sendfile(out, p[0], 0, 1));
    t(sendfile(out, sv[0], 0, 1));
    t(sendfile(99, in, 0, 1));
    t(sendfile(out, 99, 0, 1));
    t(sendfile(out, in, (off_t *)8, 1));

    say("copy_file_range\n");
    ftruncate(out, 0);
    lseek(in, 0, SEEK_SET);
    lseek(out, 0, SEEK_SET);
    t(copy_file_range(in, 0, out, 0, 4, 0));
    pos(in, out);
    o = 20;
    o2 = 10;
    t(copy_file_range(in, &o, out, &o2, 100, 0));
    say("  offsets %ld %ld\n", (long)o, (long)o2);
    pos(in, out);
    cat("out");
    o = 0;
    o2 = 13;
    t(copy_file_range(in, &o, in, &o2, 13, 0));
    cat("in");
    o = 0;
    o2 = 5;
    t(copy_file_range(in, &o, in, &o2, 10, 0));
    o = 100;
    t(copy_file_range(in, &o, out, &o2, 10, 0));
    t(copy_file_range(in, 0, out, 0, 10, 1));
    t(copy_file_range(in, 0, app, 0, 10, 0));
    t(copy_file_range(p[0], 0, out, 0, 10, 0));
    t(copy_file_range(wo, 0, out, 0, 10, 0));
    t(copy_file_range(in, 0, ro, 0, 10, 0));
    int dir = open(".", O_RDONLY);
    t(copy_file_range(dir, 0, out, 0, 10, 0));
    t(copy_file_range(in, 0, out, 0, 0, 0));

    say("splice\n");
    put("in", "abcdefghijklmnopqrstuvwxyz");
    in = open("in", O_RDWR);
    o = 2;
    t(splice(in, &o, p[1], 0, 5, 0));
    v(o);
    t(splice(in, 0, p[1], 0, 3, 0));
    v(queued(p[0]));
    ftruncate(out, 0);
    o2 = 1;
    t(splice(p[0], 0, out, &o2, 4, 0));
    cat("out");
    t(splice(p[0], 0, q[1], 0, 100, 0));
    slurp("second pipe", q[0]);
    t(splice(p[0], 0, q[1], 0, 100, SPLICE_F_NONBLOCK));
    t(splice(in, 0, out, 0, 5, 0));
    t(splice(p[0], &o, q[1], 0, 5, 0));
    t(splice(in, &o, p[1], &o2, 5, 0));
    t(splice(p[0], 0, p[1], 0, 5, 0));
    t(splice(p[1], 0, q[1], 0, 5, 0));
    t(splice(in, 0, p[1], 0, 5, 0x100));
    t(splice(in, 0, p[1], 0, 0, 0));
    write(sv[0], "from a socket", 13);
    t(splice(sv[1], 0, p[1], 0, 100, 0));
    t(splice(p[0], 0, app, 0, 100, 0));
    slurp("left", p[0]);

    say("tee\n");
    write(p[1], "tee data", 8);
    t(tee(p[0], q[1], 3, 0));
    v(queued(p[0]));
    slurp("copy", q[0]);
    t(tee(p[0], q[1], 100, 0));
    slurp("copy", q[0]);
    slurp("original", p[0]);
    t(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK));
    t(tee(in, q[1], 1, 0));
    t(tee(p[0], p[1], 1, 0));
    say("vmsplice\n");
    char a[] = "gather", b[] = "scatter", r[16] = { 0 };
    struct iovec iov[2] = { { a, 6 }, { b, 7 } };
    t(vmsplice(p[1], iov, 2, 0));
    slurp("read", p[0]);
    write(p[1], "0123456789", 10);
    iov[0] = (struct iovec){ r, 10 };
    t(vmsplice(p[0], iov, 1, 0));
    show("into memory", r, 10);
    t(vmsplice(in, iov, 1, 0));
    close(p[1]);
    t(splice(p[0], 0, q[1], 0, 5, 0));
    return 0;
}

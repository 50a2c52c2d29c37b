/* sendmmsg(2), recvmmsg(2), MSG_PEEK with SO_PEEK_OFF, FIONREAD, SIOCOUTQ, sendfile, splice, writev over sockets. */
#include "../guest.h"
#include "inet.h"
#include <sys/sendfile.h>

int main(void)
{
    fresh();
    xmkdtemp();
    int u[2], x;
    char b[8][16];
    udp_pair(u);
    struct iovec iov[8];
    struct mmsghdr m[8];
    memset(m, 0, sizeof m);
    for (int i = 0; i < 8; i++) {
        iov[i] = (struct iovec){ "abcdefgh", i };
        m[i].msg_hdr.msg_iov = &iov[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    t(sendmmsg(u[0], m, 5, 0));
    for (int i = 0; i < 5; i++) say("%u ", m[i].msg_len);
    say("\n");
    t(ioctl(u[1], FIONREAD, &x));
    v(x);
    for (int i = 0; i < 8; i++) iov[i] = (struct iovec){ b[i], 3 };
    struct timespec ts = { 1, 0 };
    t(recvmmsg(u[1], m, 8, MSG_DONTWAIT, &ts));
    for (int i = 0; i < 5; i++) say("%u%s ", m[i].msg_len, m[i].msg_hdr.msg_flags & MSG_TRUNC ? "T" : "");
    say("\n");
    t(recvmmsg(u[1], m, 8, MSG_DONTWAIT, 0));
    send(u[0], "one", 3, 0);
    t(recvmmsg(u[1], m, 8, MSG_WAITFORONE, 0));
    t(sendmmsg(u[0], m, 0, 0));
    send(u[0], "abcdef", 6, 0);
    t(set(u[1], SOL_SOCKET, SO_PEEK_OFF, 0));
    t(recv(u[1], b[0], 2, MSG_PEEK));
    show("at 0", b[0], 2);
    t(recv(u[1], b[0], 2, MSG_PEEK));
    show("at 2", b[0], 2);
    t(opt(u[1], SOL_SOCKET, SO_PEEK_OFF));
    t(recv(u[1], b[0], 16, 0));
    t(opt(u[1], SOL_SOCKET, SO_PEEK_OFF));

    say("-- stream\n");
    int p[2];
    tcp_pair(p);
    send(p[0], "abcdef", 6, 0);
    await(p[1], POLLIN);
    t(ioctl(p[1], FIONREAD, &x));
    v(x);
    t(ioctl(p[0], SIOCOUTQ, &x));
    v(x);
    t(set(p[1], SOL_SOCKET, SO_PEEK_OFF, 1));
    t(recv(p[1], b[0], 2, MSG_PEEK));
    show("at 1", b[0], 2);
    t(recv(p[1], b[0], 2, MSG_PEEK));
    show("at 3", b[0], 2);
    t(recv(p[1], b[0], 2, 0));
    t(opt(p[1], SOL_SOCKET, SO_PEEK_OFF));
    t(recv(p[1], b[0], 16, MSG_TRUNC));
    t(recv(p[1], b[0], 16, MSG_DONTWAIT));
    t(ioctl(p[1], 0x5411 + 0x1000, &x));
    int s = server();
    t(ioctl(s, FIONREAD, &x));
    t(ioctl(s, SIOCOUTQ, &x));
    close(s);
    put("file", "contents of a file");
    int f = open("file", O_RDONLY);
    off_t off = 9;
    t(sendfile(p[0], f, &off, 100));
    v(off);
    await(p[1], POLLIN);
    ssize_t n = recv(p[1], b, 100, 0);
    show("sendfile", b, n);
    int pipes[2];
    must(pipe(pipes));
    write(pipes[1], "through a pipe", 14);
    t(splice(pipes[0], 0, p[0], 0, 100, 0));
    await(p[1], POLLIN);
    t(splice(p[1], 0, pipes[1], 0, 100, 0));
    n = read(pipes[0], b, 100);
    show("spliced", b, n);
    t(dup2(p[0], 40));
    close(p[0]);
    t(write(40, "dup", 3));
    await(p[1], POLLIN);
    t(read(p[1], b, 100));
    close(40);
    await(p[1], POLLRDHUP);
    t(read(p[1], b, 100));
    t(recv(p[1], b, 0, 0));
    t(recv(p[1], 0, 4, 0));
    t(recvmsg(p[1], 0, 0));
    t(send(p[1], (void *)8, 4, 0));
    t(sendto(p[1], "x", 1, 0, (void *)8, 200));
    return 0;
}

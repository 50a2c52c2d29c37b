/* unix(7) SOCK_SEQPACKET: boundaries over a connection, MSG_EOR, truncation, listening, end of file, blocking senders, rights and splits. */
#include "../guest.h"
#include "unix.h"

int main(void)
{
    fresh();
    xmkdtemp();
    signal(SIGPIPE, SIG_IGN);
    char b[256];
    int l = sock(SOCK_SEQPACKET), c = sock(SOCK_SEQPACKET);
    t(bind_at(l, "s"));
    t(listen(l, 3));
    t(connect_at(c, "s"));
    t(send(c, "early", 5, 0));
    int s = must(accept(l, 0, 0));
    names("accepted", s);
    t(send(c, "one", 3, MSG_EOR));
    t(send(c, "two two", 7, 0));
    t(send(c, "", 0, 0));
    t(write(c, "four", 4));
    struct iovec io = { b, 3 };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
    for (int i = 0; i < 5; i++) {
        m.msg_flags = -1;
        ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);
        if (n < 0) say("%s\n", ename(errno));
        else { say("flags %#x ", m.msg_flags); show("got", b, n); }
    }
    int q = -1;
    write(c, "abc", 3);
    write(c, "defg", 4);
    t(ioctl(s, FIONREAD, &q));
    v(q);
    t(recv(s, b, 1, MSG_PEEK | MSG_TRUNC));
    t(read(s, b, 256));
    t(readv(s, (struct iovec[2]){ { b, 2 }, { b + 10, 200 } }, 2));
    t(send_to(c, "with an address", "s"));
    slurp("it came", s);
    say("-- full\n");
    fcntl(c, F_SETFL, O_NONBLOCK);
    int n = 0;
    memset(b, 'p', sizeof b);
    while (send(c, b, 200, 0) == 200) n++;
    say("%s, many %d, poll %#x\n", ename(errno), n > 10, events(c));
    fcntl(c, F_SETFL, 0);
    pid_t p = spawn({ t(send(c, "waited", 6, 0)); });
    settle(p);
    int k = 0;
    ssize_t r;
    while ((r = recv(s, b, 256, MSG_DONTWAIT)) == 200) k++;
    reap(p, "sender");
    if (r == -1) r = recv(s, b, 256, 0);
    say("all came %d, then %.6s\n", k == n, b);
    static char big[1 << 21];
    t(send(c, big, sizeof big, 0));
    say("-- ends\n");
    send(c, "last", 4, 0);
    t(shutdown(c, SHUT_WR));
    t(recv(s, b, 256, 0));
    t(recv(s, b, 256, 0));
    v(events(s));
    t(send(s, "other way", 9, 0));
    t(recv(c, b, 256, 0));
    close(s);
    t(recv(c, b, 256, 0));
    t(send(c, "x", 1, 0));
    v(events(c));
    say("-- reset: closing with unread data\n");
    int v2[2];
    for (int type = 0; type < 3; type++) {
        must(socketpair(AF_UNIX, (int[]){ SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET }[type], 0, v2));
        send(v2[0], "unread", 6, 0);
        send(v2[1], "mine", 4, 0);
        close(v2[1]);
        say("type %d\n", type);
        t(recv(v2[0], b, 256, MSG_DONTWAIT));
        t(recv(v2[0], b, 256, MSG_DONTWAIT));
        t(recv(v2[0], b, 256, MSG_DONTWAIT));
        t(send(v2[0], "x", 1, 0));
        int e = -1;
        socklen_t len = 4;
        getsockopt(v2[0], SOL_SOCKET, SO_ERROR, &e, &len);
        say("error %s\n", ename(e));
        close(v2[0]);
    }
    return 0;
}

/* socket(7), recv(2): SO_RCVTIMEO, SO_SNDTIMEO, MSG_WAITALL, SO_RCVLOWAT, MSG_DONTWAIT, signals that interrupt, O_NONBLOCK by fcntl. */
#include "../guest.h"
#include "inet.h"

static void handler(int s) {}

int main(void)
{
    fresh();
    signal(SIGPIPE, SIG_IGN);
    int p[2];
    char b[4096];
    tcp_pair(p);
    struct timeval tv = { 0, 60000 };
    t(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    long t0 = now_ms();
    t(recv(p[0], b, 1, 0));
    v(now_ms() - t0 >= 45 && now_ms() - t0 < 1000);
    t(read(p[0], b, 1));
    t(send(p[1], "abc", 3, 0));
    t(recv(p[0], b, 10, MSG_WAITALL));
    tv.tv_usec = 1000000;
    t(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    tv.tv_usec = 60000;
    t(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
    long sent = 0, n;
    while ((n = send(p[0], b, sizeof b, 0)) > 0) sent += n;
    say("full: %s %d\n", ename(errno), sent > 10000);
    int s = server();
    t(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    t(accept(s, 0, 0));
    struct timeval q;
    socklen_t l = sizeof q;
    t(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &q, &l));
    say("%ld.%06ld\n", (long)q.tv_sec, (long)q.tv_usec);
    close(s);
    close(p[0]);
    close(p[1]);

    say("-- parts\n");
    tcp_pair(p);
    pid_t c = spawn({
        send(p[1], "abc", 3, 0); nap(60); send(p[1], "def", 3, 0); nap(60); send(p[1], "gh", 2, 0); shutdown(p[1], SHUT_WR);
    });
    t(recv(p[0], b, 6, MSG_WAITALL));
    t(recv(p[0], b, 6, MSG_WAITALL));
    reap(c, "writer");
    close(p[0]);
    close(p[1]);
    tcp_pair(p);
    t(set(p[0], SOL_SOCKET, SO_RCVLOWAT, 5));
    send(p[1], "abc", 3, 0);
    nap(10);
    say_poll("three of five", p[0]);
    t(recv(p[0], b, 10, MSG_DONTWAIT | MSG_PEEK));
    send(p[1], "de", 2, 0);
    v(await(p[0], POLLIN));
    t(recv(p[0], b, 10, 0));
    close(p[0]);
    close(p[1]);

    say("-- signals\n");
    on(SIGUSR1, handler, 0);
    tcp_pair(p);
    c = spawn({ on(SIGUSR1, handler, 0); t(recv(p[0], b, 1, 0)); on(SIGUSR1, handler, SA_RESTART); t(recv(p[0], b, 4, 0)); });
    settle(c);
    kill(c, SIGUSR1);
    nap(30);
    settle(c);
    kill(c, SIGUSR1);
    nap(30);
    send(p[1], "data", 4, 0);
    reap(c, "reader");
    tv = (struct timeval){ 3, 0 };
    setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    c = spawn({ on(SIGUSR1, handler, SA_RESTART); t(recv(p[0], b, 1, 0)); });
    settle(c);
    kill(c, SIGUSR1);
    reap(c, "reader with a timeout");
    s = server();
    c = spawn({ on(SIGUSR1, handler, 0); t(accept(s, 0, 0)); });
    settle(c);
    kill(c, SIGUSR1);
    reap(c, "acceptor");
    close(s);

    say("-- closing under a reader\n");
    c = spawn({ nap(50); shutdown(p[0], SHUT_RDWR); });
    t(recv(p[0], b, 1, 0));
    reap(c, "closer");
    int u[2];
    udp_pair(u);
    c = spawn({ nap(50); shutdown(u[0], SHUT_RD); });
    t(recv(u[0], b, 1, 0));
    reap(c, "closer");
    s = server();
    c = spawn({ nap(50); shutdown(s, SHUT_RD); });
    t(accept(s, 0, 0));
    reap(c, "closer");
    fcntl(u[1], F_SETFL, O_NONBLOCK);
    t(recv(u[1], b, 1, 0));
    int on1 = 1;
    t(ioctl(u[0], FIONBIO, &on1));
    v((fcntl(u[0], F_GETFL) & O_NONBLOCK) != 0);
    t(recv(u[0], b, 1, 0));
    return 0;
}

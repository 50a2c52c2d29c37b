/* unix(7), poll(2), epoll(7): a server with many clients: an echo loop over poll, the same over epoll with edge triggers, forked and threaded ones; partial
 * writes, clients that come and go, half-closes, every byte accounted for. */
#include "../guest.h"
#include "unix.h"
#include <pthread.h>
#include <sys/epoll.h>

#define CLIENTS 12
#define ROUNDS 30
static const char *path;
static void client(int id)
{
    int s = sock(SOCK_STREAM);
    while (connect_at(s, path) < 0) { if (errno != EAGAIN && errno != ECONNREFUSED && errno != ENOENT) _exit(2); nap(1); }
    static char out[20000], in[20000];
    for (int r = 0; r < ROUNDS; r++) {
        int n = 1 + (r * 977 + id * 131) % (r % 10 == 9 ? 20000 : 500);
        for (int i = 0; i < n; i++) out[i] = i * 7 + id + r;
        /* Write and read in step, so that neither side fills up for good. */
        int w = 0, g = 0;
        while (g < n) {
            struct pollfd p = { s, POLLIN | (w < n ? POLLOUT : 0), 0 };
            if (poll(&p, 1, 8000) <= 0) _exit(3);
            if (p.revents & POLLOUT) { ssize_t k = send(s, out + w, n - w, MSG_DONTWAIT); if (k > 0) w += k; }
            if (p.revents & POLLIN) { ssize_t k = recv(s, in + g, n - g, MSG_DONTWAIT); if (k == 0) _exit(4); if (k > 0) g += k; }
        }
        if (memcmp(in, out, n)) _exit(5);
    }
    shutdown(s, SHUT_WR);
    if (read(s, in, 1) != 0) _exit(6);
    _exit(0);
}
static int echo(int fd, int nonblock)
{
    char b[3000];
    for (;;) {
        ssize_t n = recv(fd, b, sizeof b, nonblock ? MSG_DONTWAIT : 0);
        if (n <= 0) return n < 0 && errno == EAGAIN;
        for (ssize_t o = 0; o < n;) { ssize_t k = send(fd, b + o, n - o, MSG_NOSIGNAL); if (k < 0) return 0; o += k; }
    }
}
static void *thread(void *a) { echo((long)a, 0); close((long)a); return 0; }

int main(void)
{
    fresh();
    xmkdtemp();
    const char *kinds[] = { "poll", "epoll, edge-triggered", "a process each", "a thread each" };
    for (int kind = 0; kind < 4; kind++) {
        char name[16];
        snprintf(name, 16, kind % 2 ? "@srv%d" : "srv%d", kind);
        path = name;
        int l = sock(SOCK_STREAM), done = 0, accepted = 0;
        must(bind_at(l, path));
        must(listen(l, 4));
        pid_t c[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) c[i] = spawn({ close(l); client(i); });
        if (kind == 0) {
            struct pollfd p[CLIENTS + 1] = { { l, POLLIN, 0 } };
            int n = 1;
            while (done < CLIENTS) {
                if (poll(p, n, 8000) <= 0) { say("poll gave up\n"); break; }
                for (int i = n - 1; i > 0; i--) if (p[i].revents && !echo(p[i].fd, 1)) { close(p[i].fd); p[i] = p[--n]; done++; }
                if (p[0].revents) { p[n++] = (struct pollfd){ must(accept(l, 0, 0)), POLLIN, 0 }; accepted++; }
            }
        } else if (kind == 1) {
            int ep = epoll_create1(0);
            struct epoll_event e = { EPOLLIN, { .fd = l } };
            epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
            while (done < CLIENTS) {
                if (epoll_wait(ep, &e, 1, 8000) <= 0) { say("epoll gave up\n"); break; }
                if (e.data.fd == l) {
                    int s = must(accept(l, 0, 0));
                    accepted++;
                    e = (struct epoll_event){ EPOLLIN | EPOLLET | EPOLLRDHUP, { .fd = s } };
                    epoll_ctl(ep, EPOLL_CTL_ADD, s, &e);
                } else if (!echo(e.data.fd, 1)) { close(e.data.fd); done++; }
            }
            close(ep);
        } else {
            for (; accepted < CLIENTS; accepted++) {
                long s = must(accept(l, 0, 0));
                if (kind == 2) { spawn({ close(l); echo(s, 0); }); close(s); }
                else { pthread_t th; pthread_create(&th, 0, thread, (void *)s); pthread_detach(th); }
            }
        }
        int st, bad = 0;
        for (int i = 0; i < CLIENTS; i++) { waitpid(c[i], &st, 0); bad += st != 0; }
        while (wait(0) > 0) {}
        close(l);
        say("%s: accepted %d, clients that failed %d\n", kinds[kind], accepted, bad);
    }
    return 0;
}

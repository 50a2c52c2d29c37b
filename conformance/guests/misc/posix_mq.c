/* mq_overview(7): mq_open(3), mq_send(3), mq_receive(3), mq_notify(3): priorities, limits, waits with timeouts, notification, unlink while open. */
#include "../guest.h"
#include <mqueue.h>
#include <poll.h>

static volatile int got, val;
static void handler(int s, siginfo_t *si, void *u) { (void)u; got = s; val = si->si_value.sival_int; }

int main(void)
{
    fresh();
    char name[32], b[128];
    unsigned prio = 0;
    snprintf(name, 32, "/guest-%d", getpid());
    struct mq_attr at = { .mq_maxmsg = 3, .mq_msgsize = 64 };
    t(mq_open(name, O_RDWR, 0600, 0));
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &at);
    v(q != -1);
    t(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &at));
    t(mq_send(q, "low", 3, 1));
    t(mq_send(q, "high", 4, 9));
    t(mq_send(q, "middle", 6, 5));
    t(mq_send(q, "more", 4, 5));
    struct mq_attr cur;
    t(mq_getattr(q, &cur));
    say("flags %ld max %ld size %ld now %ld\n", cur.mq_flags, cur.mq_maxmsg, cur.mq_msgsize, cur.mq_curmsgs);
    t(mq_receive(q, b, 10, &prio));
    struct pollfd pf = { q, POLLIN | POLLOUT, 0 };
    poll(&pf, 1, 0);
    say("full: poll %#x\n", pf.revents);
    for (int i = 0; i < 4; i++) {
        ssize_t n = mq_receive(q, b, sizeof b, &prio);
        if (n < 0) say("%s\n", ename(errno));
        else say("%.*s priority %u\n", (int)n, b, prio);
    }
    poll(&pf, 1, 0);
    say("empty: poll %#x\n", pf.revents);
    t(mq_send(q, b, 65, 0));
    t(mq_send(q, b, 64, 40000));
    t(mq_send(q, "", 0, 0));
    t(mq_receive(q, b, sizeof b, 0));
    say("-- notification\n");
    on(SIGUSR1, handler, SA_SIGINFO);
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 31 };
    t(mq_notify(q, &ev));
    t(mq_notify(q, &ev));
    t(mq_send(q, "n", 1, 0));
    say("%s value %d\n", signame(got), val);
    got = 0;
    t(mq_send(q, "n", 1, 0));
    v(got);
    mq_receive(q, b, sizeof b, 0);
    mq_receive(q, b, sizeof b, 0);
    t(mq_notify(q, &ev));
    t(mq_notify(q, 0));
    say("-- waits\n");
    mqd_t w = mq_open(name, O_RDWR);
    struct timespec past = { 1, 0 };
    t(mq_timedreceive(w, b, sizeof b, 0, &past));
    pid_t p = spawn({ ssize_t n = mq_receive(w, b, sizeof b, &prio); say("  child: %.*s\n", (int)n, b); });
    settle(p);
    mq_send(w, "wake", 4, 2);
    reap(p, "child");
    for (int i = 0; i < 3; i++) mq_send(w, "fill", 4, 0);
    t(mq_timedsend(w, "x", 1, 0, &past));
    p = spawn(mq_send(w, "blocked", 7, 7));
    settle(p);
    mq_receive(w, b, sizeof b, 0);
    reap(p, "sender");
    ssize_t n = mq_receive(w, b, sizeof b, &prio);
    say("%.*s priority %u\n", (int)n, b, prio);
    mqd_t ro = mq_open(name, O_RDONLY), wo = mq_open(name, O_WRONLY);
    t(mq_send(ro, "x", 1, 0));
    t(mq_receive(wo, b, sizeof b, 0));
    cur.mq_flags = 0;
    struct mq_attr old;
    t(mq_setattr(q, &cur, &old));
    say("old flags %ld\n", old.mq_flags);
    p = spawn({ setuid(1000); t(mq_open(name, O_RDONLY)); });
    reap(p, "user");
    t(mq_unlink(name));
    t(mq_unlink(name));
    t(mq_open(name, O_RDWR));
    t(mq_getattr(w, &cur));
    say("still %ld\n", cur.mq_curmsgs);
    t(mq_open("noslash", O_RDWR | O_CREAT, 0600, &at));
    t(mq_open("/a/b", O_RDWR | O_CREAT, 0600, &at));
    at.mq_maxmsg = 0;
    t(mq_open(name, O_RDWR | O_CREAT, 0600, &at));
    t(mq_close(w));
    t(mq_close(w));
    return 0;
}

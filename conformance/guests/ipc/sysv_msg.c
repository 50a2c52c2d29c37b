/* msgget(2), msgsnd(2), msgrcv(2), msgctl(2): order and choice by type, sizes, full and empty queues, waiting, signals, removal. */
#include "../guest.h"
#include <sys/ipc.h>
#include <sys/msg.h>

struct message { long type; char text[9000]; };
static struct message m;
static int id;
static int put_(long type, const char *text, int flags)
{
    m.type = type;
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text), flags);
}
static void get(const char *label, long type, size_t size, int flags)
{
    memset(&m, 0, sizeof m);
    ssize_t n = msgrcv(id, &m, size, type, flags);
    if (n < 0) say("%s: %s\n", label, ename(errno));
    else say("%s: type %ld [%zd] \"%.*s\"\n", label, m.type, n, (int)n, m.text);
}
static void stat_(const char *label)
{
    struct msqid_ds d;
    if (msgctl(id, IPC_STAT, &d) < 0) { say("%s: %s\n", label, ename(errno)); return; }
    say("%s: qnum %ld cbytes %ld qbytes %ld mode %o sent by me %d received by me %d\n", label, (long)d.msg_qnum, (long)d.__msg_cbytes,
        (long)d.msg_qbytes, d.msg_perm.mode, d.msg_lspid == getpid(), d.msg_lrpid == getpid());
}
static void handler(int s UNUSED) {}

int main(void)
{
    fresh();
    key_t key = 0x5c5c0000 + getpid();
    t(msgget(key, 0));
    id = must(msgget(key, IPC_CREAT | 0600));
    v(msgget(key, 0) == id);
    t(msgget(key, IPC_CREAT | IPC_EXCL));
    stat_("new");
    get("empty", 0, 100, IPC_NOWAIT);
    ok(put_(3, "three", 0));
    ok(put_(1, "one", 0));
    ok(put_(2, "two", 0));
    ok(put_(1, "uno", 0));
    ok(put_(5, "", 0));
    stat_("five");
    get("type 2", 2, 100, 0);
    get("at most 2", -2, 100, 0);
    get("except 3", 3, 100, MSG_EXCEPT);
    get("at most 2", -2, 100, IPC_NOWAIT);
    get("too long", 0, 3, 0);
    get("cut", 0, 3, MSG_NOERROR);
    get("empty text", 0, 0, 0);
    get("type 9", 9, 100, IPC_NOWAIT);
    t(put_(0, "x", 0));
    t(put_(-1, "x", 0));
    m.type = 1;
    t(msgsnd(id, &m, 8193, 0));
    t(msgsnd(id, &m, -1, 0));
    t(msgsnd(-1, &m, 1, 0));
    t(msgsnd(id, (void *)8, 1, 0));
    t(msgrcv(id, &m, -1, 0, 0));
    t(msgrcv(-1, &m, 1, 0, 0));
    stat_("after");

    memset(m.text, 'x', sizeof m.text);
    m.type = 7;
    ok(msgsnd(id, &m, 8192, 0));
    ok(msgsnd(id, &m, 8192, 0));
    t(msgsnd(id, &m, 1, IPC_NOWAIT));
    ok(msgsnd(id, &m, 0, IPC_NOWAIT));
    pid_t a = spawn({ say("sender: %d\n", put_(8, "waited", 0)); });
    settle(a);
    ssize_t n = msgrcv(id, &m, 9000, 7, 0);
    reap(a, "sender");
    say("large: %zd %c\n", n, m.text[8191]);
    get("what it sent", 8, 100, 0);
    msgrcv(id, &m, 9000, 0, 0);
    msgrcv(id, &m, 9000, 0, 0);
    stat_("empty again");

    a = spawn({ get("receiver of 4", 4, 100, 0); });
    pid_t b = spawn({ get("receiver of any", 0, 100, 0); });
    settle(a);
    settle(b);
    must(put_(6, "any", 0));
    reap(b, "any");
    must(put_(4, "four", 0));
    reap(a, "four");
    on(SIGALRM, handler, SA_RESTART);
    struct itimerval it = { { 0, 0 }, { 0, 30000 } };
    setitimer(ITIMER_REAL, &it, 0);
    get("signal", 0, 100, 0);

    struct msqid_ds d;
    must(msgctl(id, IPC_STAT, &d));
    d.msg_qbytes = 10;
    d.msg_perm.mode = 0644;
    ok(msgctl(id, IPC_SET, &d));
    ok(put_(1, "12345", IPC_NOWAIT));
    t(put_(1, "123456", IPC_NOWAIT));
    stat_("small");
    reap(spawn({
        must(setgid(33));
        must(setuid(33));
        t(put_(1, "x", IPC_NOWAIT));
        get("readable", 0, 100, 0);
        t(msgctl(id, IPC_RMID, 0));
        t(msgctl(id, IPC_SET, &d));
    }), "another user");
    a = spawn({ get("receiver", 0, 100, 0); });
    settle(a);
    b = spawn({ strcpy(m.text, "1234567890"); m.type = 1; msgsnd(id, &m, 10, 0); });
    reap(a, "a");
    reap(b, "b");
    a = spawn({ get("its queue removed", 0, 100, 0); });
    settle(a);
    must(msgctl(id, IPC_RMID, 0));
    reap(a, "removed");
    t(put_(1, "x", 0));
    get("gone", 0, 1, 0);
    t(msgctl(id, IPC_STAT, &d));
    return 0;
}

/* setns(2), ioctl_ns(2), /proc/PID/ns, uts and ipc namespaces: entering by link and by pidfd, what is refused. */
#include "ns.h"
#include <linux/nsfs.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <mqueue.h>

static const char *const links[] = { "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts" };

static const char *host(void)
{
    static struct utsname u;
    uname(&u);
    return u.nodename;
}

int main(void)
{
    fresh();
    char path[64], text[64];
    for (int i = 0; i < COUNT(links); i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", links[i]);
        ssize_t n = readlink(path, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
        *strchrnul(text, ':') = 0;
        int fd = open(path, O_RDONLY);
        errno = 0;
        int type = ioctl(fd, NS_GET_NSTYPE);
        say("%s: %s type %x\n", links[i], text, type);
        close(fd);
    }
    TRY("unshare uts", unshare(CLONE_NEWUTS));
    sethostname("outer", 5);
    int pp[2], qq[2];
    pipe(pp);
    pipe(qq);
    char c;
    pid_t p = spawn({
        ino_t before = number("/proc/self/ns/uts");
        unshare(CLONE_NEWUTS | CLONE_NEWIPC);
        say("another %d\n", number("/proc/self/ns/uts") != before);
        say("name is inherited: %s\n", host());
        sethostname("inner", 5);
        setdomainname("dom", 3);
        write(pp[1], "x", 1);
        read(qq[0], &c, 1);
    });
    read(pp[0], &c, 1);
    say("mine is %s\n", host());
    snprintf(path, sizeof path, "/proc/%d/ns/uts", p);
    int uts = open(path, O_RDONLY);
    int own = open("/proc/self/ns/uts", O_RDONLY);
    TRY("wrong type", setns(uts, CLONE_NEWIPC));
    TRY("not a namespace", setns(pp[0], 0));
    TRY("no descriptor", setns(999, 0));
    TRY("enter", setns(uts, CLONE_NEWUTS));
    say("now %s\n", host());
    TRY("back", setns(own, 0));
    say("now %s\n", host());
    int pidfd = syscall(SYS_pidfd_open, p, 0);
    TRY("pidfd, no flags", setns(pidfd, 0));
    TRY("pidfd, unknown flag", setns(pidfd, 1));
    TRY("pidfd", setns(pidfd, CLONE_NEWUTS | CLONE_NEWIPC));
    say("now %s\n", host());
    setns(own, 0);
    int u = ioctl(own, NS_GET_USERNS);
    say("owner %d type %x\n", u >= 0, ioctl(u, NS_GET_NSTYPE));
    unsigned uid = 99;
    TRY("owner's uid", ioctl(u, NS_GET_OWNER_UID, &uid));
    TRY("parent of uts", ioctl(own, NS_GET_PARENT));
    TRY("own user namespace", setns(u, CLONE_NEWUSER));
    int pid = open("/proc/self/ns/pid", O_RDONLY);
    TRY("own pid namespace", setns(pid, CLONE_NEWPID));
    write(qq[1], "x", 1);
    ended(p);
    TRY("pidfd of the dead", setns(pidfd, CLONE_NEWUTS));

    /* IPC */
    int id = msgget(0x5151, IPC_CREAT | 0600);
    p = spawn({
        say("outside: queue %d\n", msgget(0x5151, 0) >= 0);
        unshare(CLONE_NEWIPC);
        TRY("inside", msgget(0x5151, 0));
        int mine = msgget(0x5151, IPC_CREAT | 0600);
        say("its own %d\n", mine >= 0);
        int shm = shmget(IPC_PRIVATE, 4096, 0600);
        void *at = shmat(shm, 0, 0);
        say("memory %d\n", at != (void *)-1);
        struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
        mqd_t q = mq_open("/guest-ns", O_CREAT | O_RDWR, 0600, &attr);
        say("mq %d\n", q >= 0);
    });
    ended(p);
    msgctl(id, IPC_RMID, 0);
    TRY("mq outside", mq_open("/guest-ns", O_RDWR));

    /* rights */
    p = spawn({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY("enter without rights", setns(own, 0));
        TRY("unshare without rights", unshare(CLONE_NEWIPC));
        TRY("unshare with a user namespace", unshare(CLONE_NEWUSER | CLONE_NEWIPC | CLONE_NEWUTS));
        TRY("its uts is mine", sethostname("mine", 4));
        TRY("the old one is not", setns(own, 0));
        int f = open("/proc/self/ns/user", O_RDONLY);
        TRY("parent is out of sight", ioctl(f, NS_GET_PARENT));
        unsigned owner = 1;
        TRY("owner", ioctl(f, NS_GET_OWNER_UID, &owner));
        say("owner %u\n", owner);
    });
    ended(p);
    return 0;
}

// /proc/sys/kernel/{msgmax,msgmnb,msgmni,sem,shmmax,shmall,shmmni}: each ipc namespace has its own (ipc_namespaces(7), proc_sys_kernel(5)), and they hold.
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define tr(what, ...) t_(what, (errno = 0, (long)(__VA_ARGS__)))

static void print(const char *name) {
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
    int fd = must(open(path, O_RDONLY));
    int n = must(read(fd, text, sizeof text - 1));
    text[n] = 0;
    say("%s: %s", name, text);
    close(fd);
}

static void set(const char *name, const char *value) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
    int fd = must(open(path, O_WRONLY));
    say("%s = '%s'\n", name, value);
    tr("write", write(fd, value, strlen(value)));
    close(fd);
    print(name);
}

int main(void) {
    fresh();
    must(unshare(CLONE_NEWIPC));
    const char *names[] = {"msgmax", "msgmnb", "msgmni", "sem", "shmmax", "shmall", "shmmni"};
    for (int i = 0; i < 7; i++) print(names[i]);
    set("msgmax", "100");
    set("msgmax", "-1");
    set("msgmax", "many");
    set("msgmax", "99999999999");
    set("msgmnb", "150");
    set("msgmni", "2");
    set("msgmni", "32769");
    set("sem", "5");
    set("sem", "10 20 3 2");
    set("sem", "10 20 3 40000");
    set("shmmax", "8192");
    set("shmall", "3");
    set("shmmni", "2");

    struct { long type; char text[200]; } m = {1, ""};
    int q = must(msgget(IPC_PRIVATE, 0600));
    tr("a message of msgmax", msgsnd(q, &m, 100, IPC_NOWAIT));
    tr("a longer one", msgsnd(q, &m, 101, IPC_NOWAIT));
    tr("more than msgmnb", msgsnd(q, &m, 100, IPC_NOWAIT));
    struct msqid_ds ds;
    must(msgctl(q, IPC_STAT, &ds));
    say("msg_qbytes %lu\n", (unsigned long)ds.msg_qbytes);
    must(msgget(IPC_PRIVATE, 0600));
    tr("more queues than msgmni", msgget(IPC_PRIVATE, 0600));

    int s = must(semget(IPC_PRIVATE, 10, 0600));
    tr("more than semmsl", semget(IPC_PRIVATE, 11, 0600));
    struct sembuf ops[4] = {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {3, 1, 0}};
    tr("semopm operations", semop(s, ops, 3));
    tr("one more", semop(s, ops, 4));
    must(semget(IPC_PRIVATE, 1, 0600));
    tr("more sets than semmni", semget(IPC_PRIVATE, 1, 0600));
    struct seminfo si;
    must(semctl(0, 0, IPC_INFO, &si));
    say("semmni %d semmns %d semmsl %d semopm %d\n", si.semmni, si.semmns, si.semmsl, si.semopm);

    tr("more than shmmax", shmget(IPC_PRIVATE, 8193, 0600));
    must(shmget(IPC_PRIVATE, 8192, 0600));
    tr("more than shmall", shmget(IPC_PRIVATE, 8192, 0600));
    must(shmget(IPC_PRIVATE, 4096, 0600));
    set("shmall", "100");
    tr("more segments than shmmni", shmget(IPC_PRIVATE, 4096, 0600));

    must(unshare(CLONE_NEWIPC));
    print("msgmax");
    print("sem");
    print("shmmni");
    return 0;
}

/* fork(2): separate memory, shared file offsets, exit codes cut to 8 bits, pid relations. */
#include "../guest.h"

static int global = 1;

int main(void)
{
    fresh();
    xmkdtemp();
    int local = 10;
    pid_t me = getpid();
    put("f", "abcdefghij");
    int fd = must(open("f", O_RDWR));

    pid_t p = spawn({
        global = 2;
        local = 20;
        char b[4] = { 0 };
        read(fd, b, 3);
        say("child read %s, parent right: %d, global %d local %d\n", b, getppid() == me, global, local);
        say("child pid is new: %d, own group: %d, own session: %d\n", getpid() != me, getpgrp() == getpid(),
            getsid(0) == getpid());
        lseek(fd, 6, SEEK_SET);
        _exit(7);
    });
    reap(p, "child");
    say("parent global %d local %d offset %ld\n", global, local, (long)lseek(fd, 0, SEEK_CUR));
    slurp("parent reads on", fd);

    int codes[] = { 0, 1, 127, 128, 255, 256, 257, -1, 1000 };
    for (int i = 0; i < COUNT(codes); i++) {
        p = spawn(_exit(codes[i]));
        int st;
        waitpid(p, &st, 0);
        say("_exit(%d): status %#x, exited %d, code %d\n", codes[i], st, WIFEXITED(st), WEXITSTATUS(st));
    }
    /* A grandchild: its parent's death is seen by its getppid. */
    int go[2], done[2];
    must(pipe(go));
    must(pipe(done));
    p = spawn({
        pid_t child = getpid();
        spawn({
            char c;
            close(go[1]);
            read(go[0], &c, 1);
            say("grandchild: parent changed %d, not zero %d\n", getppid() != child, getppid() > 0);
            write(done[1], "x", 1);
        });
    });
    reap(p, "middle");
    write(go[1], "x", 1);
    char c;
    read(done[0], &c, 1);
    t(wait(0));
    t(waitpid(me, 0, 0));
    return 0;
}

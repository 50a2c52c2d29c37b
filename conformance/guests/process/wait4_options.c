/* wait4(2): selection by pid, group and any; WNOHANG, bad options, bad pointers, rusage, reaping once. */
#include "../guest.h"

int main(void)
{
    fresh();
    int st = 0x5555;
    struct rusage ru;
    t(wait4(-1, &st, 0, 0));
    t(wait4(-1, &st, WNOHANG, 0));
    t(wait4(1 << 22, &st, 0, 0));
    t(wait4(-1, &st, 0x10, 0));
    t(wait4(-1, &st, WEXITED, 0));
    t(wait4(INT_MIN, &st, 0, 0));

    int hold[2];
    must(pipe(hold));
    pid_t a = spawn({ char c; close(hold[1]); read(hold[0], &c, 1); _exit(1); });
    pid_t b = spawn({ setpgid(0, 0); close(hold[1]); char c; read(hold[0], &c, 1); _exit(2); });
    setpgid(b, b);
    t(wait4(-1, &st, WNOHANG, 0));
    v(st);
    t(wait4(a, &st, WNOHANG | WUNTRACED | WCONTINUED, 0));
    t(wait4(-b, &st, WNOHANG, 0));
    t(wait4(-a, &st, WNOHANG, 0));
    close(hold[1]);
    v(wait4(-b, &st, 0, &ru) == b);
    say_status("group", st);
    v(ru.ru_maxrss > 0);
    v(wait4(0, &st, 0, 0) == a);
    say_status("own group", st);
    t(wait4(0, &st, 0, 0));
    t(wait4(a, &st, 0, 0));

    /* A bad status pointer: the child is reaped all the same. */
    pid_t p = spawn(_exit(3));
    t(syscall(SYS_wait4, p, (int *)1, 0, 0));
    t(syscall(SYS_wait4, p, &st, 0, 0));
    p = spawn(_exit(4));
    t(syscall(SYS_wait4, p, &st, 0, (void *)1));
    t(syscall(SYS_wait4, p, &st, 0, 0));
    p = spawn(_exit(5));
    v(syscall(SYS_wait4, p, 0, 0, 0) == p);

    /* __WCLONE looks only for children with another exit signal, __WALL for both. */
    p = spawn(_exit(6));
    t(wait4(p, &st, __WCLONE, 0));
    v(wait4(p, &st, __WALL, 0) == p);
    say_status("__WALL", st);

    /* Many children, all found by -1; the sum of codes is what counts. */
    for (int i = 1; i <= 20; i++) spawn(_exit(i));
    int sum = 0, n = 0;
    while (wait4(-1, &st, 0, 0) > 0) { n++; sum += WEXITSTATUS(st); }
    say("%d children, codes sum %d, then %s\n", n, sum, ename(errno));
    return 0;
}

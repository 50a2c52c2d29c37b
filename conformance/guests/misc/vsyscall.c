/* vsyscall(7): the legacy page at a fixed address: gettimeofday, time and getcpu called through function pointers agree with the system calls;
 * a jump into the middle and a read of an execute-only page fault. Prints the same where the page is absent. */
#include "../guest.h"
#include <setjmp.h>

static sigjmp_buf back;
static void fault(int s, siginfo_t *si, void *u) { (void)u; (void)si; siglongjmp(back, s); }

int main(void)
{
    fresh();
    FILE *f = fopen("/proc/self/maps", "r");
    char l[512];
    int there = 0, mode = 0;
    while (f && fgets(l, sizeof l, f)) if (strstr(l, "[vsyscall]")) { there = 1; mode = strstr(l, "--xp") ? 1 : strstr(l, "r-xp") ? 2 : 3; }
    say("page listed %d, kind %d\n", there, mode);
    on(SIGSEGV, fault, SA_SIGINFO);
    on(SIGBUS, fault, SA_SIGINFO);
    int (*gtod)(struct timeval *, void *) = (void *)0xffffffffff600000UL;
    time_t (*tm)(time_t *) = (void *)0xffffffffff600400UL;
    int (*gc)(unsigned *, unsigned *, void *) = (void *)0xffffffffff600800UL;
    struct timeval a, b, c;
    if (!sigsetjmp(back, 1)) {
        syscall(SYS_gettimeofday, &a, 0);
        int r = gtod(&b, 0);
        syscall(SYS_gettimeofday, &c, 0);
        say("gettimeofday %d, in between %d\n", r, !timercmp(&b, &a, <) && !timercmp(&c, &b, <));
        time_t s = 0, r2 = tm(&s);
        say("time agrees %d, near now %d\n", s == r2, labs(time(0) - s) <= 1);
        say("time of null works %d\n", labs(tm(0) - s) <= 1);
        unsigned cpu = 9999, node = 9999;
        r = gc(&cpu, &node, 0);
        say("getcpu %d, sane %d\n", r, cpu < 4096 && node < 1024);
    } else say("calling faults\n");
    if (!sigsetjmp(back, 1)) { int r = gtod((void *)8, 0); say("a bad pointer: %d\n", r); } else say("a bad pointer faults\n");
    if (!sigsetjmp(back, 1)) { ((void (*)(void))0xffffffffff600001UL)(); say("came back\n"); } else say("a jump into the middle faults\n");
    if (!sigsetjmp(back, 1)) { ((void (*)(void))0xffffffffff600c00UL)(); say("came back\n"); } else say("a fourth entry faults\n");
    if (!sigsetjmp(back, 1)) { volatile char x = *(volatile char *)0xffffffffff600000UL; say("readable %d\n", x != 0); } else say("reading faults\n");
    int p[2];
    must(pipe(p));
    long r = write(p[1], (void *)0xffffffffff600000UL, 10);
    say("write(2) from it: %s\n", r < 0 ? ename(errno) : "bytes");
    unsigned char vec[1];
    v(mincore((void *)0xffffffffff600000UL, 4096, vec) < 0);
    v(munmap((void *)0xffffffffff600000UL, 4096) < 0);
    v(mprotect((void *)0xffffffffff600000UL, 4096, PROT_READ) < 0);
    reap(spawn({ signal(SIGSEGV, SIG_DFL); signal(SIGBUS, SIG_DFL); if (gtod(&b, 0) == 0) _exit(0); }), "in a child");
    return 0;
}

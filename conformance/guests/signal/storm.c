/* signal(7), setitimer(2): a compute loop under thousands of signals keeps every register and flag; nested senders; two processes
 * that signal each other in turn a thousand times. */
#include "../guest.h"

static volatile unsigned long ticks;
static void tick(int s) { (void)s; ticks++; }
static volatile int turn;
static void ball(int s) { (void)s; turn++; }

/* A checksum kept in many registers, by integer and floating point work. */
static unsigned long work(long n)
{
    unsigned long a = 1, b = 2, c = 3, d = 5, e = 7, f = 11, g = 13;
    double x = 1.0, y = 0.5;
    for (long i = 0; i < n; i++) {
        a = a * 6364136223846793005UL + 1442695040888963407UL;
        b ^= a >> 17;
        c = (c << 5 | c >> 59) + b;
        d += c * 3;
        e = e > d ? e - d : d - e;
        f = (f + e) ^ (a & c);
        g += __builtin_popcountl(f);
        x = x * 1.000001 + y;
        y = y * 0.999999;
        if (x > 1e6) x -= 1e6;
    }
    unsigned long u;
    memcpy(&u, &x, 8);
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ u;
}

int main(void)
{
    fresh();
    unsigned long calm = work(300000);
    on(SIGALRM, tick, SA_RESTART);
    struct itimerval it = { { 0, 200 }, { 0, 200 } }, off = { { 0 } };
    setitimer(ITIMER_REAL, &it, 0);
    int same = 0, rounds = 0;
    for (long end = now_ms() + 1500; (ticks < 300 || rounds < 5) && now_ms() < end; rounds++) same += work(300000) == calm;
    setitimer(ITIMER_REAL, &off, 0);
    say("checksum the same in all rounds: %d, many ticks %d\n", same == rounds, ticks >= 100);

    say("ping-pong\n");
    on(SIGUSR1, ball, 0);
    block(SIGUSR1);
    sigset_t none;
    sigemptyset(&none);
    pid_t p = spawn({
        pid_t other = getppid();
        while (turn < 500) { int before = turn; while (turn == before) sigsuspend(&none); kill(other, SIGUSR1); }
        _exit(turn & 0xff);
    });
    for (int i = 1; i <= 500; i++) {
        kill(p, SIGUSR1);
        while (turn < i) sigsuspend(&none);
    }
    reap(p, "child");
    v(turn);
    unblock(SIGUSR1);

    say("signals to itself in a row\n");
    turn = 0;
    for (int i = 0; i < 2000; i++) kill(getpid(), SIGUSR1);
    v(turn);
    turn = 0;
    for (int i = 0; i < 200; i++) { block(SIGUSR1); kill(getpid(), SIGUSR1); kill(getpid(), SIGUSR1); unblock(SIGUSR1); }
    v(turn);

    say("queued real-time signals from three children, all arrive\n");
    on(SIGRTMIN + 1, ball, 0);
    turn = 0;
    for (int c = 0; c < 3; c++) spawn({ pid_t me = getppid(); for (int i = 0; i < 200; i++) while (sigqueue(me, SIGRTMIN + 1, (union sigval){ 0 }) < 0) nap(1); });
    for (int c = 0; c < 3; c++) while (wait(0) < 0) {}
    v(turn);
    return 0;
}

/* execve(2), "Limits on size of arguments and environment": the longest string, the most bytes for each stack limit, pointers counted, at their
 * very edges; no arguments at all. */
#include "../guest.h"

static char *filler;
static int code(char **av, char **ev)
{
    int st;
    pid_t p = vfork();
    if (p == 0) {
        execve("i", av, ev);
        _exit(errno);
    }
    waitpid(p, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 256 + WTERMSIG(st);
}
/* `n` bytes of strings in pieces of `piece` (with their ends), as arguments or as environment. */
static int try(long n, long piece, int environment)
{
    long count = (n + piece - 1) / piece;
    char **v = calloc(count + 3, sizeof *v), *none[] = { NULL }, *zero[] = { "z", NULL };
    int at = 0;
    if (!environment) v[at++] = "z";
    for (long left = n; left > 0; left -= piece) v[at++] = filler + 131072 - (left < piece ? left : piece);
    int r = environment ? code(zero, v) : code(v, none);
    free(v);
    return r;
}
static long edge(long piece, int environment, int *why)
{
    long good = 0, bad = 16 << 20;
    while (bad - good > 1) {
        long n = (good + bad) / 2;
        int r = try(n, piece, environment);
        if (r == 77) good = n;
        else bad = n, *why = r;
    }
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 0 && argv[0][0] == 'z') _exit(77);
    if (argc != 0 && argv[0][0] == 0) {
        say("argc %d, argv[0] empty, then %s, environment %s\n", argc, argv[1] ? "more" : "none", argv[argc + 1] ? argv[argc + 1] : "none");
        _exit(78);
    }
    fresh();
    char exe[512] = { 0 };
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    xmkdtemp();
    must(symlink(exe, "i"));
    filler = malloc(131072 * 2);
    memset(filler, 'z', 131071);
    filler[131071] = 0;

    say("-- one string\n");
    char *big = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(big, 'z', (1 << 20) - 1);
    char *none[] = { NULL }, *zero[] = { "z", NULL };
    long lengths[] = { 0, 1, 4095, 4096, 131070, 131071, 131072, 131073, 200000 };
    for (int i = 0; i < COUNT(lengths); i++) {
        big[lengths[i]] = 0;
        char *a[] = { "z", big, NULL };
        char *e[] = { big, NULL };
        say("%ld: argument %d, environment %d\n", lengths[i], code(a, none), code(zero, e));
        big[lengths[i]] = 'z';
    }
    say("-- without arguments\n");
    char *ev[] = { "A=1", "B=2", NULL };
    say("%d\n", code(none, ev));
    say("%d\n", code(NULL, ev));
    say("%d\n", code(NULL, NULL));
    say("-- bad pointers\n");
    char **v = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *hole = (char *)v + 4096;
    munmap(hole, 4096);
    v[510] = "z";
    v[511] = "y";
    v[509] = "z";
    say("vector runs out: %d\n", code(v + 510, none));
    say("environment runs out: %d\n", code(zero, v + 510));
    v[511] = (char *)8;
    say("string nowhere: %d\n", code(v + 510, none));
    v[510] = "y";
    v[511] = NULL;
    say("vector ends with the page: %d\n", code(v + 509, none));
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    page[4095] = 'z';
    char *cut[] = { "z", page + 4095, NULL };
    say("string without its end: %d\n", code(cut, none));
    page[4095] = 0;
    say("string that ends with the page: %d\n", code(cut, none));

    /* Smaller stacks than a program needs end it or not, depending on where its stack happens to begin. */
    long limits[] = { 256 << 10, (512 << 10) + 4, 1 << 20, 8 << 20, 25 << 20, -1 };
    for (int i = 0; i < COUNT(limits); i++) {
        struct rlimit old, r;
        getrlimit(RLIMIT_STACK, &old);
        r = old;
        r.rlim_cur = limits[i] < 0 ? old.rlim_max : limits[i];
        say("-- stack of %ld\n", limits[i]);
        pid_t p = spawn({
            int why = 0;
            if (setrlimit(RLIMIT_STACK, &r) < 0) say("no\n");
            say("long arguments %ld", edge(131072, 0, &why));
            say(" %d\n", why);
            say("long environment %ld", edge(131072, 1, &why));
            say(" %d\n", why);
            say("of 1000 %ld", edge(1000, 0, &why));
            say(" %d\n", why);
            if (i < 3) {
                say("of 3 %ld", edge(3, 0, &why));
                say(" %d\n", why);
            }
        });
        reap(p, "limit");
    }
    return 0;
}

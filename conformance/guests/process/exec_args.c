/* execve(2): arguments and environment arrive unchanged; an empty argv becomes one empty string; size limits of one string
 * and of all; the results of execve with odd vectors. */
#include "../guest.h"

extern char **environ;
static char *self = "/proc/self/exe";

static int child(int argc, char **argv)
{
    long total = 0, h = 0;
    int n = 0;
    for (int i = 0; i < argc; i++) for (char *p = argv[i]; *p; p++) { total++; h = (h * 31 + *p) & 0xffffff; }
    for (char **e = environ; *e; e++, n++) for (char *p = *e; *p; p++) { total++; h = (h * 31 + *p) & 0xffffff; }
    say("  argc %d, environment %d, %ld bytes, hash %ld, last is null %d\n", argc, n, total, h, argv[argc] == 0);
    if (argc < 4) for (int i = 0; i < argc; i++) show("  arg", argv[i], strlen(argv[i]) > 40 ? 40 : strlen(argv[i]));
    return 0;
}
static void run(const char *name, char **av, char **ev)
{
    say("%s\n", name);
    pid_t p = spawn({ syscall(SYS_execve, self, av, ev); say("  execve: %s\n", ename(errno)); });
    int st;
    waitpid(p, &st, 0);
    if (st) say_status("  status", st);
}
static char *filled(long n, char c)
{
    char *s = malloc(n + 1);
    memset(s, c, n);
    s[n] = 0;
    return s;
}

int main(int argc, char **argv)
{
    if (getenv("CHILD") || argc == 0 || !strcmp(argv[0], "child") || !*argv[0]) return child(argc, argv);
    fresh();
    struct rlimit rl;
    getrlimit(RLIMIT_STACK, &rl);
    rl.rlim_cur = 8 << 20;
    setrlimit(RLIMIT_STACK, &rl);
    char *none[] = { NULL }, *one[] = { "child", NULL };
    char *ev[] = { "CHILD=1", "DUP=1", "DUP=2", "NOEQUALS", "=odd", "", NULL };
    run("plain", one, none);
    run("odd environment", one, ev);
    run("empty argv", none, ev);
    run("null argv", 0, ev);
    run("null envp", one, 0);
    char *three[] = { "child", "", "tab\there \xff\x01", NULL };
    run("empty and binary arguments", three, none);

    char *max[] = { "child", filled(131071, 'm'), NULL };
    run("a string of the greatest size", max, none);
    max[1] = filled(131072, 'm');
    run("one byte more", max, none);
    char *bigenv[] = { filled(131072, 'e'), NULL };
    run("the same in the environment", one, bigenv);

    /* The sum is limited to a quarter of the stack limit, at least 128 KiB, at most 6 MiB. */
    char **many = malloc(sizeof(char *) * 70000);
    for (int i = 0; i < 60001; i++) many[i] = i ? "x" : "child";
    many[60001] = 0;
    run("60000 short arguments", many, none);
    char *chunk = filled(100000, 'c');
    for (int i = 1; i <= 20; i++) many[i] = chunk;
    many[20] = 0;
    run("1.9 MB of arguments", many, none);
    many[20] = chunk;
    many[21] = chunk;
    many[22] = 0;
    run("2.1 MB of arguments", many, none);
    rl.rlim_cur = 256 << 10;
    setrlimit(RLIMIT_STACK, &rl);
    many[1] = chunk;
    many[2] = 0;
    run("100 kB under a stack limit of 256 kB", many, none);
    many[2] = chunk;
    many[3] = 0;
    run("200 kB under a stack limit of 256 kB", many, none);
    char *bad[] = { "child", (char *)8, NULL };
    run("a bad string pointer", bad, none);
    char **page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap((char *)page + 4096, 4096);
    page[511] = "child";
    run("a vector that runs into a hole", page + 511, none);
    return 0;
}

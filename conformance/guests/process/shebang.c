/* execve(2), "Interpreter scripts": the argument line, blanks, nesting and its limit, long lines, missing and unfit
 * interpreters, the arguments the interpreter sees, scripts run by descriptor. */
#include "../guest.h"

static void script(const char *name, const char *text)
{
    put(name, text);
    chmod(name, 0755);
}
static void run(const char *path, int at)
{
    say("%s\n", path);
    pid_t p = spawn({
        char *av[] = { "zero", "a b", "c", NULL };
        char *ev[] = { "SHOW=1", NULL };
        if (at) { int fd = open(path, O_RDONLY | (at == 2 ? O_CLOEXEC : 0)); syscall(SYS_execveat, fd, "", av, ev, AT_EMPTY_PATH); }
        else execve(path, av, ev);
        say("  exec: %s\n", ename(errno));
    });
    int st;
    waitpid(p, &st, 0);
    if (st) say_status("  status", st);
}

int main(int argc, char **argv)
{
    if (getenv("SHOW")) {
        for (int i = 0; i < argc; i++) say("  %d [%s]\n", i, argv[i]);
        return 0;
    }
    fresh();
    char exe[512] = { 0 }, text[1024];
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    xmkdtemp();
    must(symlink(exe, "i"));
    script("plain", "#!i\n");
    script("arg", "#!i one\n");
    script("args", "#!  i   two words here  \t \nignored\n");
    script("tabs", "#!\ti\t\tx\ty\n");
    script("nonl", "#!i end");
    script("nonl0", "#!i");
    script("crlf", "#!i\r\n");
    script("empty", "#!\n");
    script("blank", "#!   \n");
    script("bare", "#!");
    script("notfirst", " #!i\n");
    script("missing", "#!none/such\n");
    script("isdir", "#!/\n");
    script("nest1", "#!plain inner\n");
    script("nest2", "#!nest1 x\n");
    script("nest3", "#!nest2\n");
    script("nest4", "#!nest3\n");
    script("nest5", "#!nest4\n");
    script("nest6", "#!nest5\n");
    script("loop", "#!loop\n");
    script("data", "just text\n");
    script("todata", "#!data\n");
    put("unfit", "#!i\n");
    script("tounfit", "#!unfit\n");
    script("path", "#!./i ./i\n");
    const char *all[] = { "plain", "arg", "args", "tabs", "nonl", "nonl0", "crlf", "empty", "blank", "bare", "notfirst", "missing", "isdir", "nest1", "nest2", "nest3", "nest4", "nest5", "nest6", "loop", "todata", "unfit", "tounfit", "path", "./plain" };
    for (int i = 0; i < COUNT(all); i++) run(all[i], 0);

    /* 255 bytes of the first line are read: an argument is cut there, a path that long is refused. */
    memset(text, 'L', sizeof text);
    memcpy(text, "#!i ", 4);
    strcpy(text + 400, "\n");
    script("longarg", text);
    run("longarg", 0);
    memset(text, 'P', sizeof text);
    memcpy(text, "#!", 2);
    strcpy(text + 400, "\n");
    script("longpath", text);
    run("longpath", 0);
    memset(text, ' ', sizeof text);
    memcpy(text, "#!", 2);
    strcpy(text + 300, "i\n");
    script("farpath", text);
    run("farpath", 0);
    say("by descriptor\n");
    int base = open("plain", O_RDONLY);
    say("  the next descriptor is %d\n", base);
    close(base);
    run("arg", 1);
    run("arg", 2);
    return 0;
}

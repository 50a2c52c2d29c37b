/* execve(2), execveat(2): every refusal, and that a refused call leaves the process as it was; execveat's directory, empty
 * path, no-follow and close-on-exec forms. */
#include "../guest.h"
#include <elf.h>

static void x(const char *path)
{
    char *av[] = { "prog", NULL };
    execve(path, av, av + 1);
    say("execve %s: %s\n", path, ename(errno));
}
static void at(const char *what, int dir, const char *path, int flags)
{
    pid_t p = spawn({
        char *av[] = { "child", (char *)what, NULL };
        char *ev[] = { NULL };
        syscall(SYS_execveat, dir, path, av, ev, flags);
        say("execveat %s: %s\n", what, ename(errno));
    });
    int st;
    waitpid(p, &st, 0);
    if (st) say_status(what, st);
}
static void file(const char *name, const void *data, long n, int mode)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0755);
    write(fd, data, n);
    fchmod(fd, mode);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc == 2) { say("executed: %s\n", argv[1]); return 0; }
    fresh();
    char self[512] = { 0 };
    readlink("/proc/self/exe", self, sizeof self - 1);
    xmkdtemp();
    Elf64_Ehdr e = { .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = 64, .e_ehsize = 64, .e_phentsize = 56, .e_phnum = 1 };
    memcpy(e.e_ident, "\177ELF\2\1\1", 7);
    mkdir("dir", 0755);
    file("text", "hello\n", 6, 0755);
    file("empty", "", 0, 0755);
    file("noexec", "#!/bin/true\n", 12, 0644);
    file("short", "\177ELF", 4, 0755);
    file("cut", &e, 64, 0755);
    e.e_machine = EM_ARM;
    file("arm", &e, 64, 0755);
    e.e_machine = EM_X86_64;
    e.e_type = ET_REL;
    file("object", &e, 64, 0755);
    e.e_type = ET_EXEC;
    e.e_phnum = 0;
    file("noheaders", &e, 64, 0755);
    e.e_phnum = 1;
    e.e_phentsize = 32;
    file("phentsize", &e, 64, 0755);
    symlink("loop", "loop");
    symlink(self, "link");
    mkfifo("fifo", 0755);
    x("none");
    x("none/prog");
    x("text/prog");
    x("dir");
    x("");
    x("text");
    x("empty");
    x("noexec");
    x("short");
    x("cut");
    x("arm");
    x("object");
    x("noheaders");
    x("phentsize");
    x("loop");
    x("fifo");
    x("/dev/null");
    char longname[5000];
    memset(longname, 'a', 4999);
    longname[4999] = 0;
    t(execve(longname, (char *[]){ "x", 0 }, 0) == -1);
    say("%s\n", ename(errno));
    longname[300] = 0;
    ok(execve(longname, (char *[]){ "x", 0 }, 0));
    int w = open("text", O_WRONLY);
    x("text");
    close(w);
    signal(SIGUSR1, (void *)x);
    struct sigaction sa;
    x("arm");
    sigaction(SIGUSR1, 0, &sa);
    say("still this program, handler kept %d\n", sa.sa_handler == (void *)x);

    int dir = open(".", O_RDONLY | O_DIRECTORY), path = open(self, O_PATH), rd = open(self, O_RDONLY), ce = open(self, O_RDONLY | O_CLOEXEC);
    at("relative to a directory", dir, "link", 0);
    at("a link, not followed", dir, "link", AT_SYMLINK_NOFOLLOW);
    at("absolute", -5, self, 0);
    at("bad directory", 99, "link", 0);
    at("a file as directory", rd, "link", 0);
    at("empty path, O_PATH", path, "", AT_EMPTY_PATH);
    at("empty path, O_RDONLY", rd, "", AT_EMPTY_PATH);
    at("empty path, close-on-exec", ce, "", AT_EMPTY_PATH);
    at("empty path without the flag", rd, "", 0);
    at("a directory", dir, "", AT_EMPTY_PATH);
    at("unknown flag", dir, "link", 0x1);
    at("AT_FDCWD", AT_FDCWD, "link", 0);
    return 0;
}

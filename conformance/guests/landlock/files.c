/* landlock(7): rights on files, layers, open descriptions, moving, devices, programs, what may not change at all. */
#include "landlock.h"
#include <sys/mount.h>
#include <termios.h>
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static void opens(const char *path)
{
    static const struct { const char *name; int flags; } ways[] = {
        { "read", O_RDONLY }, { "write", O_WRONLY }, { "both", O_RDWR }, { "truncate", O_WRONLY | O_TRUNC }, { "path", O_PATH },
    };
    for (int i = 0; i < COUNT(ways); i++) {
        char b[128];
        snprintf(b, sizeof b, "  open %s to %s", path, ways[i].name);
        int fd;
        TRY(b, fd = open(path, ways[i].flags));
        if (fd >= 0) close(fd);
    }
}

static void errors(void)
{
    struct landlock_ruleset_attr a = { .handled_access_fs = FS(READ_FILE) };
    TRY("nothing handled", ruleset(0, 0, 0));
    TRY("unknown right", ruleset(1ULL << 60, 0, 0));
    TRY("unknown net right", ruleset(0, 1ULL << 60, 0));
    TRY("unknown scope", ruleset(0, 0, 1ULL << 60));
    TRY("no address", syscall(SYS_landlock_create_ruleset, 0, sizeof a, 0));
    TRY("too short", syscall(SYS_landlock_create_ruleset, &a, 7, 0));
    TRY("too long", syscall(SYS_landlock_create_ruleset, &a, 5000, 0));
    TRY("bad address", syscall(SYS_landlock_create_ruleset, 16, sizeof a, 0));
    TRY("unknown flag", syscall(SYS_landlock_create_ruleset, 0, 0, 1 << 20));
    TRY("version with a struct", syscall(SYS_landlock_create_ruleset, &a, sizeof a, LANDLOCK_CREATE_RULESET_VERSION));
    int r = ruleset(FS(READ_FILE) | FS(READ_DIR), 0, 0);
    say("close on exec: %d\n", fcntl(r, F_GETFD));
    char c;
    TRY("read it", read(r, &c, 1));
    TRY("write it", write(r, &c, 1));
    TRY("grant nothing", allow(r, ".", 0));
    TRY("grant what is not handled", allow(r, ".", FS(MAKE_DIR)));
    TRY("a directory's right to a file", allow(r, "a/f", FS(READ_DIR)));
    TRY("a file's right to a file", allow(r, "a/f", FS(READ_FILE)));
    struct landlock_path_beneath_attr p = { .allowed_access = FS(READ_FILE), .parent_fd = -1 };
    TRY("no such descriptor", syscall(SYS_landlock_add_rule, r, LANDLOCK_RULE_PATH_BENEATH, &p, 0));
    int pipes[2];
    must(pipe(pipes));
    p.parent_fd = pipes[0];
    TRY("a pipe", syscall(SYS_landlock_add_rule, r, LANDLOCK_RULE_PATH_BENEATH, &p, 0));
    p.parent_fd = r;
    TRY("itself", syscall(SYS_landlock_add_rule, r, LANDLOCK_RULE_PATH_BENEATH, &p, 0));
    TRY("flags", syscall(SYS_landlock_add_rule, r, LANDLOCK_RULE_PATH_BENEATH, &p, 1));
    TRY("unknown kind of rule", syscall(SYS_landlock_add_rule, r, 77, &p, 0));
    TRY("bad rule address", syscall(SYS_landlock_add_rule, r, LANDLOCK_RULE_PATH_BENEATH, 16, 0));
    TRY("no ruleset", syscall(SYS_landlock_add_rule, pipes[0], LANDLOCK_RULE_PATH_BENEATH, &p, 0));
    TRY("enforce what is none", syscall(SYS_landlock_restrict_self, pipes[0], 0));
    TRY("enforce nothing", syscall(SYS_landlock_restrict_self, -1, 0));
    TRY("enforce with flags", syscall(SYS_landlock_restrict_self, r, 1u << 30));
    pid_t n = spawn(setgid(65534); setuid(65534); TRY("enforce without no_new_privs", syscall(SYS_landlock_restrict_self, r, 0));
                    TRY("with it", enforce(r)));
    child_of(n);
    close(r), close(pipes[0]), close(pipes[1]);
}

static void rights(void)
{
    int kept = open("a/f", O_RDWR);
    int r = ruleset(0xffff, 0, 0);
    allow(r, "/", FS(EXECUTE) | FS(READ_FILE) | FS(READ_DIR));
    allow(r, "a", 0xffff & ~FS(TRUNCATE));
    allow(r, "a/t", FS(TRUNCATE));
    TRY("enforce", enforce(r));
    opens("a/f"), opens("a/t"), opens("b/f"), opens("a");
    TRY("descriptor from before: write", write(kept, "x", 1));
    TRY("descriptor from before: cut", ftruncate(kept, 0));
    int fd = open("a/f", O_RDWR);
    TRY("new descriptor: cut", ftruncate(fd, 0));
    TRY("new descriptor: punch", fallocate(fd, 3, 0, 1));
    TRY("by name", truncate("a/f", 0));
    TRY("by name, granted", truncate("a/t", 0));
    close(fd), close(kept);
    TRY("make file", mknod("a/new", S_IFREG | 0600, 0));
    TRY("make file elsewhere", mknod("b/new", S_IFREG | 0600, 0));
    TRY("create by open", open("b/new2", O_CREAT | O_RDWR, 0600));
    TRY("directory", mkdir("b/d", 0700));
    TRY("symbolic link", symlink("x", "b/l"));
    TRY("pipe", mkfifo("b/p", 0600));
    TRY("remove file", unlink("b/f"));
    TRY("remove directory", rmdir("b/sub"));
    TRY("remove what is not there", unlink("b/none"));
    TRY("make what is there", mkdir("b/sub", 0700));
    TRY("unnamed file", open("a", O_TMPFILE | O_RDWR, 0600));
    TRY("unnamed file elsewhere", open("b", O_TMPFILE | O_RDWR, 0600));
    TRY("chmod, which no right is for", chmod("b/f", 0640));
    struct stat st;
    TRY("stat", stat("b/f", &st));
    TRY("chdir", chdir("b"));
    TRY("chdir back", chdir(".."));
    fd = open("/dev/null", O_RDONLY);
    int on = 1;
    TRY("device: driver's ioctl", ioctl(fd, TCGETS, &(struct termios){ 0 }));
    TRY("device: FIONBIO", ioctl(fd, FIONBIO, &on));
    TRY("mount", mount("none", "a", "tmpfs", 0, 0));
    TRY("umount", umount("/proc"));
    TRY("pivot_root", syscall(SYS_pivot_root, "a", "a"));
    TRY("chroot", chroot("a"));
}

static void moves(void)
{
    int r = ruleset(FS(EXECUTE) | FS(READ_FILE) | FS(WRITE_FILE) | FS(MAKE_REG) | FS(REMOVE_FILE) | FS(MAKE_DIR) | FS(REMOVE_DIR) | FS(REFER), 0, 0);
    uint64_t change = FS(MAKE_REG) | FS(REMOVE_FILE) | FS(MAKE_DIR) | FS(REMOVE_DIR);
    allow(r, "a", change | FS(REFER) | FS(READ_FILE));
    allow(r, "b", change | FS(REFER) | FS(READ_FILE) | FS(WRITE_FILE));
    allow(r, "c", change);
    TRY("enforce", enforce(r));
    TRY("within a directory", rename("a/f", "a/g"));
    TRY("to where more is allowed", rename("a/g", "b/g"));
    TRY("link to where more is allowed", link("a/g", "b/h"));
    TRY("to where less is allowed", rename("b/f", "a/h"));
    TRY("link to where less is allowed", link("b/k", "a/k"));
    TRY("to where moving is not allowed", rename("a/h", "c/h"));
    TRY("from where moving is not allowed", rename("c/f", "a/i"));
    TRY("to where nothing is", rename("a/h", "d/h"));
    TRY("exchange", renameat2(AT_FDCWD, "a/g", AT_FDCWD, "b/k", RENAME_EXCHANGE));
    TRY("a directory", rename("b/sub", "a/sub"));
    TRY("what is not there", rename("a/none", "b/none"));
    TRY("over itself", rename("a/g", "a/g"));
}

static void moves_unhandled(void)
{
    int r = ruleset(FS(MAKE_SOCK), 0, 0);
    TRY("enforce", enforce(r));
    TRY("within a directory", rename("a/g", "a/f"));
    TRY("to another, which is denied unless granted", rename("a/f", "b/f9"));
    TRY("link", link("a/f", "b/f9"));
    TRY("link within", link("a/f", "a/f9"));
}

static void layers(void)
{
    int r = ruleset(FS(READ_FILE) | FS(WRITE_FILE), 0, 0);
    allow(r, ".", FS(READ_FILE) | FS(WRITE_FILE));
    TRY("first", enforce(r));
    opens("a/f");
    r = ruleset(FS(WRITE_FILE), 0, 0);
    allow(r, "b", FS(WRITE_FILE));
    TRY("second", enforce(r));
    opens("a/f"), opens("b/k");
    pid_t p = spawn(say("in a child\n"); opens("a/f"));
    child_of(p);
    int n = 2;
    while (r = ruleset(FS(MAKE_FIFO), 0, 0), enforce(r) == 0) n++;
    say("layers: %d, then %s\n", n, ename(errno));
}

static void programs(void)
{
    int r = ruleset(FS(EXECUTE), 0, 0);
    allow(r, "/usr", FS(EXECUTE));
    allow(r, "/lib", FS(EXECUTE));
    allow(r, "/lib64", FS(EXECUTE));
    TRY("enforce", enforce(r));
    pid_t p = spawn(execl("/proc/self/exe", "x", "told", NULL); say("run this: %s\n", ename(errno)));
    child_of(p);
    p = spawn(execl("/bin/sh", "sh", "-c", "exit 7", NULL); say("run sh: %s\n", ename(errno)));
    say("sh: %d\n", child_of(p));
    p = spawn(execl("./a/script", "script", NULL); say("run a script: %s\n", ename(errno)));
    child_of(p);
}

int main(int argc, char **argv)
{
    if (argc > 1) { say("run anew\n"); return 0; }
    fresh();
    need_landlock(6);
    xmkdtemp();
    const char *const dirs[] = { "a", "b", "c", "d", "b/sub" }, *const files[] = { "a/f", "a/g", "a/t", "b/f", "b/k", "c/f", "d/f" };
    for (int i = 0; i < COUNT(dirs); i++) must(mkdir(dirs[i], 0755));
    for (int i = 0; i < COUNT(files); i++) put(files[i], "text");
    put("a/script", "#!/bin/sh\nexit 3\n");
    chmod("a/script", 0755);
    errors();
    static const struct { const char *name; void (*run)(void); } parts[] = {
        { "rights", rights }, { "moves", moves }, { "moves that no right is handled for", moves_unhandled }, { "layers", layers },
        { "programs", programs },
    };
    for (int i = 0; i < COUNT(parts); i++) {
        say("-- %s\n", parts[i].name);
        pid_t p = spawn(parts[i].run());
        say("ended %d\n", child_of(p));
    }
    return 0;
}

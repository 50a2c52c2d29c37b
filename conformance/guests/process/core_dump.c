/* core(5): when a dump is written, its name, what is in it, coredump_filter, limits. */
#include "../guest.h"
#include <elf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>

static char marked[] = "a mark in the data segment";
static volatile int *nowhere = (int *)0x1238;

static void *wait_thread(void *arg)
{
    write(*(int *)arg, "x", 1);
    for (;;) pause();
    return 0;
}

static void allow(rlim_t n)
{
    struct rlimit r;
    getrlimit(RLIMIT_CORE, &r);
    r.rlim_cur = n;
    if (setrlimit(RLIMIT_CORE, &r) < 0) die("setrlimit");
}

static int uses_pid;

/* What the dump of `pid` is called: core_uses_pid adds its number. */
static const char *core_of(pid_t pid)
{
    static char name[32];
    snprintf(name, sizeof name, uses_pid ? "core.%d" : "core", pid);
    return name;
}

static const char *note_name(unsigned t)
{
    switch (t) {
    case NT_PRSTATUS: return "PRSTATUS";
    case NT_PRPSINFO: return "PRPSINFO";
    case NT_FPREGSET: return "FPREGSET";
    case NT_AUXV: return "AUXV";
    case NT_SIGINFO: return "SIGINFO";
    case NT_FILE: return "FILE";
    case NT_X86_XSTATE: return "XSTATE";
    }
    return 0;
}

/* What a core file says, without anything that varies. */
static void examine(const char *path, pid_t pid, uintptr_t data_at, uintptr_t heap_at)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0) { say("core: %s\n", ename(errno)); return; }
    fstat(fd, &st);
    char *m = mmap(0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    Elf64_Ehdr *e = (void *)m;
    Elf64_Phdr *p = (void *)(m + e->e_phoff);
    say("mode %o links %ld type %d machine %d first %d\n", st.st_mode & 07777, (long)st.st_nlink, e->e_type, e->e_machine, p[0].p_type);
    int ordered = 1, inside = 1, found_data = 0, found_heap = 0;
    for (int i = 1; i < e->e_phnum; i++) {
        if (i > 1 && p[i].p_vaddr < p[i - 1].p_vaddr) ordered = 0;
        if (p[i].p_offset + p[i].p_filesz > (size_t)st.st_size) inside = 0;
        if (data_at - p[i].p_vaddr < p[i].p_filesz) found_data = !strcmp(m + p[i].p_offset + (data_at - p[i].p_vaddr), marked);
        if (heap_at - p[i].p_vaddr < p[i].p_filesz) found_heap = !strcmp(m + p[i].p_offset + (heap_at - p[i].p_vaddr), "on the heap");
    }
    say("ordered %d inside %d data %d heap %d\n", ordered, inside, found_data, found_heap);
    int skipped = 0;
    for (char *n = m + p[0].p_offset, *end = n + p[0].p_filesz; n < end;) {
        Elf64_Nhdr *h = (void *)n;
        char *d = n + sizeof *h + ((h->n_namesz + 3) & ~3);
        const char *name = note_name(h->n_type);
        if (!name) { skipped++; }
        else if (h->n_type == NT_PRSTATUS) {
            struct elf_prstatus *s = (void *)d;
            say("  %s %s: %d signal %d %d own %d parent %d\n", n + sizeof *h, name, h->n_descsz, s->pr_info.si_signo, s->pr_cursig, s->pr_pid == pid, s->pr_ppid == getpid());
        } else if (h->n_type == NT_PRPSINFO) {
            struct elf_prpsinfo *s = (void *)d;
            say("  %s %s: %d %s [%s] own %d state %c uid %d\n", n + sizeof *h, name, h->n_descsz, s->pr_fname, strrchr(s->pr_psargs, '/') ? "path" : "", s->pr_pid == pid, s->pr_sname, s->pr_uid);
        } else if (h->n_type == NT_SIGINFO) {
            siginfo_t *s = (void *)d;
            say("  %s %s: %d signo %d code %d addr %lx\n", n + sizeof *h, name, h->n_descsz, s->si_signo, s->si_code, s->si_signo == SIGSEGV ? (long)s->si_addr : 0);
        } else if (h->n_type == NT_FILE) {
            long count = ((long *)d)[0];
            char *f = d + 16 + count * 24;
            int exe = 0;
            for (long i = 0; i < count; i++, f += strlen(f) + 1) exe |= strstr(f, "core_dump") != 0;
            say("  %s %s: page %ld the program %d\n", n + sizeof *h, name, ((long *)d)[1], exe);
        } else say("  %s %s\n", n + sizeof *h, name);
        n = d + ((h->n_descsz + 3) & ~3);
    }
    munmap(m, st.st_size);
    close(fd);
}

static int crash(pid_t p, const char *what)
{
    int st;
    waitpid(p, &st, 0);
    siginfo_t si;
    (void)si;
    say("%s: %s core %d file %d\n", what, WIFSIGNALED(st) ? signame(WTERMSIG(st)) : "exited", WIFSIGNALED(st) && WCOREDUMP(st) != 0, access(core_of(p), F_OK) == 0);
    return st;
}

int main(void)
{
    /* Not fresh(), which gives up all dumps for good. */
    struct rlimit r;
    getrlimit(RLIMIT_CORE, &r);
    if (r.rlim_max != RLIM_INFINITY) skip("core dumps are limited");
    allow(0);
    umask(022);
    char pattern[64] = "";
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    read(fd, pattern, sizeof pattern - 1);
    close(fd);
    char uses[8] = "";
    fd = open("/proc/sys/kernel/core_uses_pid", O_RDONLY);
    read(fd, uses, sizeof uses - 1);
    close(fd);
    uses_pid = atoi(uses);
    if (strcmp(pattern, "core\n")) skip("core dumps go elsewhere");
    xmkdtemp();
    char *heap = malloc(100000);
    strcpy(heap, "on the heap");
    pid_t p = spawn(*nowhere = 1);
    crash(p, "no limit");
    p = spawn(allow(RLIM_INFINITY); *nowhere = 1);
    crash(p, "dumped");
    examine(core_of(p), p, (uintptr_t)marked, (uintptr_t)heap);
    unlink(core_of(p));
    int gate[2];
    must(pipe(gate));
    p = fork();
    if (!p) {
        pthread_t a, b;
        char c[2];
        pthread_create(&a, 0, wait_thread, &gate[1]);
        pthread_create(&b, 0, wait_thread, &gate[1]);
        read(gate[0], c, 1), read(gate[0], c, 1);
        allow(RLIM_INFINITY);
        abort();
    }
    crash(p, "with threads");
    examine(core_of(p), p, (uintptr_t)marked, (uintptr_t)heap);
    p = spawn(put(core_of(getpid()), "something else"); link(core_of(getpid()), "other"); allow(RLIM_INFINITY); raise(SIGQUIT));
    crash(p, "over an old one");
    cat("other");
    unlink(core_of(p));
    p = spawn(allow(RLIM_INFINITY); put("/proc/self/coredump_filter", "0"); *nowhere = 1);
    crash(p, "nothing wanted");
    examine(core_of(p), p, (uintptr_t)marked, (uintptr_t)heap);
    unlink(core_of(p));
    p = spawn(allow(4095); *nowhere = 1);
    crash(p, "less than a page");
    p = spawn(allow(8192); *nowhere = 1);
    crash(p, "two pages");
    struct stat st;
    say("no more: %d\n", stat(core_of(p), &st) == 0 && st.st_size <= 8192);
    unlink(core_of(p));
    p = spawn(allow(RLIM_INFINITY); prctl(PR_SET_DUMPABLE, 0); *nowhere = 1);
    crash(p, "not dumpable");
    p = spawn(allow(RLIM_INFINITY); raise(SIGTERM));
    crash(p, "SIGTERM");
    p = spawn(must(mkdir(core_of(getpid()), 0700)); allow(RLIM_INFINITY); *nowhere = 1);
    crash(p, "a directory in the way");
    rmdir(core_of(p));
    p = spawn(symlink("elsewhere", core_of(getpid())); allow(RLIM_INFINITY); *nowhere = 1);
    crash(p, "a link in the way");
    say("elsewhere %d\n", access("elsewhere", F_OK));
    unlink(core_of(p));
    must(mkdir("closed", 0555));
    p = spawn(chdir("closed"); setgid(1000); setuid(1000); prctl(PR_SET_DUMPABLE, 1); allow(RLIM_INFINITY); *nowhere = 1);
    crash(p, "no right to write");
    rmdir("closed");
    p = fork();
    if (!p) {
        allow(RLIM_INFINITY);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        struct sock_filter f[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog prog = { COUNT(f), f };
        prctl(PR_SET_SECCOMP, 2, &prog);
        syscall(SYS_getppid);
        _exit(0);
    }
    crash(p, "killed by a filter");
    return 0;
}

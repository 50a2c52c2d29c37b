/* getauxval(3), /proc/self/auxv: the vector of a dynamic program: what is in it, agreement with headers, ids and maps, random bytes that differ by program run,
 * the same order of checks after exec with other ids. */
#include "../guest.h"
#include <elf.h>
#include <sys/auxv.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
int main(int argc, char **argv)
{
    if (argc > 1 && argv[1][0] == 'r') { write(3, (void *)getauxval(AT_RANDOM), 16); return 0; }
    if (argc > 1) { say("%s: uid %ld euid %ld gid %ld egid %ld secure %ld\n", argv[1], getauxval(AT_UID), getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE)); return 0; }
    fresh();
    unsigned long a[128];
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t n = read(fd, a, sizeof a);
    close(fd);
    int k = n / 16, same = 1, dup_ = 0;
    v(k >= 16 && a[2 * (k - 1)] == AT_NULL);
    for (int i = 0; i < k - 1; i++) {
        /* The library replaces AT_HWCAP by its own. */
        if (a[2 * i] == AT_HWCAP) say("features of the processor %d\n", (a[2 * i + 1] & 0x06000001) == 0x06000001);
        else same &= getauxval(a[2 * i]) == a[2 * i + 1];
        for (int j = 0; j < i; j++) dup_ += a[2 * i] == a[2 * j];
    }
    say("the library's and the file's agree %d, twice %d\n", same, dup_);
    int must_[] = { AT_SYSINFO_EHDR, AT_HWCAP, AT_PAGESZ, AT_CLKTCK, AT_PHDR, AT_PHENT, AT_PHNUM, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_RANDOM, AT_HWCAP2, AT_EXECFN, AT_PLATFORM, AT_MINSIGSTKSZ };
    for (int i = 0; i < COUNT(must_); i++) {
        int found = 0;
        for (int j = 0; j < k; j++) found += a[2 * j] == (unsigned long)must_[i];
        if (!found) say("no entry %d\n", must_[i]);
    }
    v(getauxval(AT_PAGESZ));
    v(getauxval(AT_CLKTCK));
    v(getauxval(AT_FLAGS));
    v(getauxval(AT_PHENT) == sizeof(Elf64_Phdr));
    Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
    Elf64_Ehdr *eh = 0;
    int load = 0, interp = 0, dyn = 0;
    unsigned long bias = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
        if (ph[i].p_type == PT_PHDR) bias = (unsigned long)ph - ph[i].p_vaddr;
        load += ph[i].p_type == PT_LOAD;
        dyn += ph[i].p_type == PT_DYNAMIC;
        if (ph[i].p_type == PT_INTERP) interp = !strcmp((char *)(bias + ph[i].p_vaddr), "/lib64/ld-linux-x86-64.so.2");
    }
    eh = (void *)bias;
    say("segments %d, interpreter %d, dynamic %d, header at the bias %d\n", load >= 2, interp, dyn, !memcmp(eh, ELFMAG, 4));
    v(getauxval(AT_ENTRY) == bias + eh->e_entry);
    v(!memcmp((void *)getauxval(AT_BASE), ELFMAG, 4));
    v(!memcmp((void *)getauxval(AT_SYSINFO_EHDR), ELFMAG, 4));
    say("platform %s\n", (char *)getauxval(AT_PLATFORM));
    const char *fn = (char *)getauxval(AT_EXECFN);
    v(!strcmp(strrchr(fn, '/'), "/auxv"));
    v((unsigned long)fn > (unsigned long)argv[0]);
    /* Where the kernel says so, the instruction that reads the FS base works. */
    unsigned long fs = 0, by_call = 0;
    syscall(SYS_arch_prctl, 0x1003, &by_call);
    if (getauxval(AT_HWCAP2) & 2) __asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0xae, 0xc0" : "=a"(fs));
    else fs = by_call;
    v(fs == by_call);
    v(getauxval(AT_MINSIGSTKSZ) >= 1000 && getauxval(AT_MINSIGSTKSZ) < 65536);
    v(sysconf(_SC_MINSIGSTKSZ) >= 2048);
    say("-- random bytes\n");
    unsigned char r[4][16];
    int pp[2];
    must(pipe(pp));
    for (int i = 0; i < 4; i++) {
        pid_t p = spawn({ dup2(pp[1], 3); execl("/proc/self/exe", "self", "r", NULL); });
        read(pp[0], r[i], 16);
        waitpid(p, 0, 0);
    }
    int equal = 0;
    for (int i = 0; i < 4; i++) for (int j = 0; j < i; j++) equal += !memcmp(r[i], r[j], 16);
    v(equal);
    v(!memcmp((void *)getauxval(AT_RANDOM), r[0], 16));
    reap(spawn(execl("/proc/self/exe", "self", "root", NULL)), "child");
    reap(spawn({ setresgid(5, 6, 7); setresuid(0, 0, 8); execl("/proc/self/exe", "self", "other ids", NULL); }), "child");
    reap(spawn({ setresuid(1, 1, 1); execl("/proc/self/exe", "self", "user", NULL); }), "child");
    /* What a fork and later changes of ids leave as it was. */
    reap(spawn({ setuid(77); say("after setuid still %ld\n", getauxval(AT_UID)); }), "child");
    return 0;
}

/* elf(5), execve(2): programs built byte by byte: bss in the last page and beyond, several segments, gaps, an entry in data, a stack marked
 * executable, position-independent ones, no section headers, broken headers. */
#include "../guest.h"
#include <elf.h>

/* Code: exit_group(byte at a given address). rdi holds it: movabs rax, addr; movzx edi, byte [rax]; mov eax, 231; syscall */
static int exit_with(unsigned char *p, unsigned long addr)
{
    unsigned char c[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0xb6, 0x38, 0xb8, 231, 0, 0, 0, 0x0f, 0x05 };
    memcpy(c + 2, &addr, 8);
    memcpy(p, c, sizeof c);
    return sizeof c;
}
static unsigned char img[65536];
static Elf64_Ehdr *eh = (void *)img;
static Elf64_Phdr *ph = (void *)(img + 64);
static long size;
static void reset(int type, int n, unsigned long entry)
{
    memset(img, 0, sizeof img);
    memcpy(eh->e_ident, "\177ELF\2\1\1", 7);
    eh->e_type = type;
    eh->e_machine = EM_X86_64;
    eh->e_version = 1;
    eh->e_entry = entry;
    eh->e_phoff = 64;
    eh->e_ehsize = 64;
    eh->e_phentsize = 56;
    eh->e_phnum = n;
    size = 8192;
}
static void seg(int i, int flags, unsigned long off, unsigned long addr, unsigned long filesz, unsigned long memsz)
{
    ph[i] = (Elf64_Phdr){ PT_LOAD, flags, off, addr, addr, filesz, memsz, 4096 };
}
static void run(const char *what)
{
    int fd = must(open("prog", O_WRONLY | O_CREAT | O_TRUNC, 0755));
    write(fd, img, size);
    close(fd);
    pid_t p = spawn({ char *av[] = { "prog", 0 }; execve("prog", av, av + 1); say("%s: execve %s\n", what, ename(errno)); _exit(99); });
    int st;
    waitpid(p, &st, 0);
    if (!WIFEXITED(st) || WEXITSTATUS(st) != 99) say_status(what, st);
}

int main(void)
{
    fresh();
    xmkdtemp();
    unsigned long B = 0x10000000;
    reset(ET_EXEC, 1, B + 0x1000);
    seg(0, 5, 0, B, 8192, 8192);
    img[0x1800] = 42;
    exit_with(img + 0x1000, B + 0x1800);
    run("one segment");
    eh->e_shoff = 0x123456;
    eh->e_shnum = 9;
    run("section headers that are not there");
    reset(ET_EXEC, 2, B + 0x1000);
    seg(0, 5, 0, B, 8192, 8192);
    seg(1, 6, 0x1800, B + 0x4800, 16, 16);
    img[0x1800] = 43;
    exit_with(img + 0x1000, B + 0x4800);
    run("two segments with a gap");
    exit_with(img + 0x1000, B + 0x3000);
    run("a read in the gap");
    seg(1, 6, 0x1800, B + 0x4800, 16, 0x3000);
    img[0x1810] = 77;
    exit_with(img + 0x1000, B + 0x4810);
    run("bss in the page of data is zero");
    exit_with(img + 0x1000, B + 0x7000);
    run("bss beyond it");
    exit_with(img + 0x1000, B + 0x8000);
    run("after the bss");
    seg(1, 4, 0x1800, B + 0x4800, 16, 16);
    exit_with(img + 0x1000, B + 0x4810);
    run("the rest of a read-only page is the file's");
    reset(ET_EXEC, 2, B + 0x4000);
    seg(0, 4, 0, B, 4096, 4096);
    seg(1, 6, 0x1000, B + 0x4000, 4096, 4096);
    exit_with(img + 0x1000, B);
    run("an entry in a segment that is not executable");
    ph[0].p_type = PT_GNU_STACK;
    ph[0].p_flags = 7;
    run("the same with an executable stack");
    seg(0, 4, 0, B, 4096, 4096);
    ph[1].p_flags = 7;
    exit_with(img + 0x1000, B + 0x1);
    run("a writable executable segment");
    ph[1].p_flags = 1;
    run("execute only");
    reset(ET_DYN, 1, 0x1000);
    seg(0, 5, 0, 0, 8192, 8192);
    /* lea rdi, [rip]; shr rdi, 40; and edi, 0x7f; setne dil...: exit with 1 when placed high */
    memcpy(img + 0x1000, "\x48\x8d\x3d\x00\x00\x00\x00\x48\xc1\xef\x28\x31\xc0\x48\x85\xff\x0f\x95\xc0\x89\xc7\xb8\xe7\x00\x00\x00\x0f\x05", 28);
    run("position-independent, placed high");
    ph[0].p_align = 0x200000;
    run("with a large alignment");
    ph[0].p_align = 3;
    run("an odd alignment");
    reset(ET_EXEC, 1, 0);
    seg(0, 5, 0, B, 8192, 8192);
    run("entry 0");
    eh->e_entry = 0x800000000000UL;
    run("entry not canonical");
    eh->e_entry = B + 0x1000;
    exit_with(img + 0x1000, B);
    seg(0, 5, 0x10, B, 8192, 8192);
    run("offset and address disagree");
    seg(0, 5, 0, 0x7ffffffff000, 8192, 8192);
    run("at the end of memory");
    seg(0, 5, 0, 0, 8192, 8192);
    eh->e_entry = 0x1000;
    run("at address 0");
    seg(0, 5, 0, B, 8192, 4096);
    eh->e_entry = B + 0x1000;
    run("larger in the file than in memory");
    seg(0, 5, 0, B, 0x100000, 0x100000);
    run("longer than the file");
    seg(0, 5, 0, B, 8192, 0x7fffffffffff);
    run("a huge bss");
    reset(ET_EXEC, 2, B + 0x1000);
    seg(0, 5, 0, B, 8192, 8192);
    exit_with(img + 0x1000, B + 1);
    ph[1] = (Elf64_Phdr){ PT_INTERP, 4, 0x1800, 0, 0, 6, 6, 1 };
    memcpy(img + 0x1800, "/none\0", 6);
    run("an interpreter that is missing");
    ph[1].p_filesz = 5;
    run("an interpreter without its zero");
    ph[1].p_filesz = 1;
    run("an interpreter of one byte");
    memcpy(img + 0x1800, "/dev/null\0", 10);
    ph[1].p_filesz = 10;
    run("an interpreter that is no program");
    memcpy(img + 0x1800, "prog\0", 5);
    ph[1].p_filesz = 5;
    run("itself as its interpreter");
    reset(ET_EXEC, 1, B + 0x1000);
    seg(0, 5, 0, B, 8192, 8192);
    exit_with(img + 0x1000, B + 1);
    eh->e_ident[4] = 1;
    run("class 32");
    eh->e_ident[4] = 2;
    eh->e_ident[5] = 2;
    run("big endian in e_ident only");
    eh->e_ident[5] = 1;
    eh->e_ident[6] = 9;
    eh->e_version = 9;
    run("an odd version");
    eh->e_phoff = 1 << 20;
    run("program headers outside");
    eh->e_phoff = 64;
    ph[0].p_type = PT_NOTE;
    run("nothing to load");
    eh->e_phnum = 2000;
    run("too many headers");
    return 0;
}

// flags: -no-pie -lm
/* elf(5): a dynamic program at a fixed address: interpreter, copy relocations, the heap right behind its bss. */
#include "../guest.h"
#include "libc_static.h"

extern char end[], etext[], edata[];
int main(int argc, char **argv)
{
    int r = body(argc, argv, "no-pie");
    if (argc == 1) {
        say("text below 4 GiB: %d, sections in order %d\n", (unsigned long)&main < 1UL << 32, &etext[0] < &edata[0] && &edata[0] <= &end[0]);
        say("copy relocation: %d\n", stdout != 0 && (unsigned long)&stdout < 1UL << 32);
        say("heap after bss: %d\n", (char *)sbrk(0) > end);
    }
    return r;
}

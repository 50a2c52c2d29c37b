// flags: -static -lm
/* elf(5): a static program of the GNU C library: no interpreter, IRELATIVE relocations, TLS set up by itself. */
#include "../guest.h"
#include "libc_static.h"

int main(int argc, char **argv)
{
    int r = body(argc, argv, "static");
    if (argc == 1) say("text below 4 GiB: %d\n", (unsigned long)&main < 1UL << 32);
    return r;
}

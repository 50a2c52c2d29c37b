// flags: -static-pie -fPIE -lm
/* elf(5): a static position-independent program: it relocates itself at a random address. */
#include "../guest.h"
#include "libc_static.h"

int main(int argc, char **argv)
{
    int r = body(argc, argv, "static-pie");
    if (argc == 1) say("text above 4 GiB: %d\n", (unsigned long)&main > 1UL << 32);
    return r;
}

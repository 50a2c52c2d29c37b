// cc: musl-gcc
/* elf(5): a dynamic program of musl: the interpreter is the C library itself. */
#include "../guest.h"
#include "libc_static.h"

int main(int argc, char **argv) { return body(argc, argv, "musl dynamic"); }

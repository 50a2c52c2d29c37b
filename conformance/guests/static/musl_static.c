// cc: musl-gcc
// flags: -static
/* elf(5): a static program of another C library (musl): its own thread start, TLS and system call habits. */
#include "../guest.h"
#include "libc_static.h"

int main(int argc, char **argv) { return body(argc, argv, "musl static"); }

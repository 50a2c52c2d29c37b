// flags: -Wl,-z,now,-z,relro,-z,separate-code -lm
/* ld.so(8): immediate binding and read-only relocations: the interpreter's mprotect holds; weak symbols; the dynamic section. */
#include "../guest.h"
#include "libc_static.h"
#include <link.h>

extern ElfW(Dyn) _DYNAMIC[];
__attribute__((weak)) void no_such_symbol(void);
static void fault(int s) { (void)s; say("the dynamic section is read-only\n"); _exit(3); }
static int each(struct dl_phdr_info *i, size_t n, void *a)
{
    (void)n;
    int *k = a;
    const char *base = strrchr(i->dlpi_name, '/');
    for (int j = 0; j < i->dlpi_phnum; j++) k[1] += i->dlpi_phdr[j].p_type == PT_LOAD;
    if (base && strstr(base, "libc.so")) k[2]++;
    return k[0]++, 0;
}

int main(int argc, char **argv)
{
    int r = body(argc, argv, "bind now");
    if (argc > 1) return r;
    v(no_such_symbol == 0);
    int k[3] = { 0 };
    dl_iterate_phdr(each, k);
    say("objects more than two %d, segments %d, the C library %d\n", k[0] > 2, k[1] > 6, k[2]);
    reap(spawn({ on(SIGSEGV, fault, 0); *(volatile long *)_DYNAMIC = 1; say("writable\n"); }), "child");
    return r;
}

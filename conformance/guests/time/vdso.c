/* vdso(7), getauxval(3): the virtual object is a proper ELF with its four functions, callable, and agrees with the system calls, in threads and
 * children and after exec. */
#include "../guest.h"
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>

static unsigned long base;
static void *find(const char *name)
{
    Elf64_Ehdr *e = (void *)base;
    Elf64_Phdr *ph = (void *)(base + e->e_phoff);
    unsigned long bias = 0, dyn = 0;
    for (int i = 0; i < e->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD) bias = base + ph[i].p_offset - ph[i].p_vaddr;
        if (ph[i].p_type == PT_DYNAMIC) dyn = base + ph[i].p_offset;
    }
    Elf64_Sym *sym = 0;
    const char *str = 0;
    unsigned *hash = 0, nsym = 0;
    unsigned *gnu = 0;
    for (Elf64_Dyn *d = (void *)dyn; d->d_tag; d++) {
        if (d->d_tag == DT_SYMTAB) sym = (void *)(bias + d->d_un.d_ptr);
        if (d->d_tag == DT_STRTAB) str = (void *)(bias + d->d_un.d_ptr);
        if (d->d_tag == DT_HASH) hash = (void *)(bias + d->d_un.d_ptr);
        if (d->d_tag == DT_GNU_HASH) gnu = (void *)(bias + d->d_un.d_ptr);
    }
    if (hash) nsym = hash[1];
    else if (gnu) {
        unsigned *buckets = gnu + 4 + gnu[2] * 2, *chain = buckets + gnu[0];
        for (unsigned i = 0; i < gnu[0]; i++) if (buckets[i] > nsym) nsym = buckets[i];
        while (!(chain[nsym - gnu[1]] & 1)) nsym++;
        nsym++;
    }
    for (unsigned i = 1; i < nsym; i++) if (sym[i].st_shndx && !strcmp(str + sym[i].st_name, name)) return (void *)(bias + sym[i].st_value);
    return 0;
}
static int (*cg)(int, struct timespec *), (*gtod)(struct timeval *, void *), (*gc)(unsigned *, unsigned *, void *), (*cr)(int, struct timespec *);
static time_t (*tm)(time_t *);
static long long ns(struct timespec t_) { return t_.tv_sec * 1000000000LL + t_.tv_nsec; }
static int agree(void)
{
    int ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE }, bad = 0;
    for (int k = 0; k < 200; k++)
        for (int i = 0; i < COUNT(ids); i++) {
            struct timespec a, b, c;
            syscall(SYS_clock_gettime, ids[i], &a);
            int r = cg(ids[i], &b);
            syscall(SYS_clock_gettime, ids[i], &c);
            bad += r != 0 || ns(b) < ns(a) || ns(b) > ns(c);
        }
    return bad;
}
static void *thread(void *a) { say("in a thread: disagreements %d\n", agree()); return a; }

int main(int argc, char **argv)
{
    (void)argv;
    base = getauxval(AT_SYSINFO_EHDR);
    v(base != 0 && (base & 4095) == 0 && !memcmp((void *)base, ELFMAG, 4));
    cg = find("__vdso_clock_gettime");
    gtod = find("__vdso_gettimeofday");
    tm = find("__vdso_time");
    gc = find("__vdso_getcpu");
    cr = find("__vdso_clock_getres");
    v(cg != 0 && gtod != 0 && tm != 0 && gc != 0 && cr != 0);
    if (!cg || !gtod || !tm || !gc) return 1;
    v(agree());
    if (argc > 1) return 0;
    fresh();
    struct timeval t1, t2, t3;
    syscall(SYS_gettimeofday, &t1, 0);
    v(gtod(&t2, 0));
    syscall(SYS_gettimeofday, &t3, 0);
    v(!timercmp(&t2, &t1, <) && !timercmp(&t3, &t2, <));
    time_t s = 5, now = time(0);
    v(tm(&s) == s && s >= now - 1 && s <= now + 1);
    unsigned cpu = 999, node = 999;
    v(gc(&cpu, &node, 0));
    v(cpu < 4096 && node < 1024);
    struct timespec ts;
    v(cg(99, &ts));
    v(cg(CLOCK_PROCESS_CPUTIME_ID, &ts));
    struct timespec res = { 1, 0 };
    v(cr(CLOCK_MONOTONIC, &res));
    v(res.tv_sec == 0 && res.tv_nsec == 1);
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    reap(spawn(say("in a child: disagreements %d\n", agree())), "child");
    reap(spawn(execl("/proc/self/exe", "self", "again", NULL)), "exec");
    /* Other auxiliary values. */
    v(getauxval(AT_PAGESZ));
    v(getauxval(AT_SECURE));
    v(getauxval(AT_HWCAP) != 0);
    say("platform %s\n", (char *)getauxval(AT_PLATFORM));
    errno = 0;
    v(getauxval(12345));
    v(errno == ENOENT);
    return 0;
}

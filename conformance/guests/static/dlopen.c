// flags: -ldl -rdynamic
/* dlopen(3): loading at run time: library paths, symbols, thread-local storage of a loaded library, constructors, unloading, errors, many opens,
 * mappings that come and go. */
#include "../guest.h"
#include <dlfcn.h>
#include <pthread.h>

int exported(int x) { return x + 1; }
static int libs(const char *name)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char l[1024];
    int n = 0;
    while (f && fgets(l, sizeof l, f)) n += strstr(l, name) != 0;
    if (f) fclose(f);
    return n;
}
static void *thread(void *a)
{
    double (*cos_)(double) = (double (*)(double))a;
    int *(*loc)(void) = (int *(*)(void))dlsym(RTLD_DEFAULT, "__errno_location");
    errno = 7;
    return (void *)(long)(cos_(0) == 1.0 && *loc() == 7);
}

int main(void)
{
    fresh();
    v(libs("libm.so"));
    void *h = dlopen("libm.so.6", RTLD_NOW);
    v(h != 0);
    int before = libs("libm.so");
    v(before >= 3);
    double (*cos_)(double) = (double (*)(double))dlsym(h, "cos");
    v(cos_ != 0 && cos_(0) == 1.0);
    v(dlsym(h, "no_such_symbol") == 0 && dlerror() != 0);
    void *h2 = dlopen("libm.so.6", RTLD_LAZY);
    v(h == h2);
    pthread_t th;
    void *r;
    pthread_create(&th, 0, thread, (void *)cos_);
    pthread_join(th, &r);
    v((long)r);
    t(dlclose(h2));
    v(cos_(0) == 1.0);
    t(dlclose(h));
    v(libs("libm.so"));
    v(dlopen("libnone.so.9", RTLD_NOW) == 0);
    v(dlopen("/dev/null", RTLD_NOW) == 0);
    v(dlopen("/proc/self/exe", RTLD_NOW) == 0);
    void *self = dlopen(0, RTLD_NOW);
    int (*e)(int) = (int (*)(int))dlsym(self, "exported");
    v(e != 0 && e(41) == 42);
    Dl_info di;
    v(dladdr((void *)exported, &di) != 0 && !strcmp(di.dli_sname, "exported"));
    for (int i = 0; i < 50; i++) {
        h = dlopen("libm.so.6", i % 2 ? RTLD_NOW : RTLD_LAZY);
        double (*s)(double) = (double (*)(double))dlsym(h, "sqrt");
        if (!s || s(16.0) != 4.0) say("wrong in round %d\n", i);
        dlclose(h);
    }
    say("fifty rounds, mappings left %d\n", libs("libm.so"));
    pid_t p = spawn({ h = dlopen("libm.so.6", RTLD_NOW); cos_ = (double (*)(double))dlsym(h, "cos"); _exit(cos_ && cos_(0) == 1.0 ? 5 : 6); });
    reap(p, "child");
    void *hs[3] = { dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL), dlopen("libresolv.so.2", RTLD_NOW), dlopen("libdl.so.2", RTLD_NOW) };
    say("three: %d%d%d\n", hs[0] != 0, hs[1] != 0, hs[2] != 0);
    for (int i = 0; i < 3; i++) if (hs[i]) dlclose(hs[i]);
    v(libs("libresolv"));
    return 0;
}

/* clock_gettime(2), clock_getres(2), gettimeofday(2), time(2): the relations between clocks, resolutions, ids, errors. */
#include "../guest.h"
#include <sys/auxv.h>
#include <sys/times.h>

static long long get(int id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) < 0) return -1;
    if (ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000) say("bad nanoseconds of clock %d\n", id);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}
static long long raw(int id)
{
    struct timespec ts = { 0 };
    if (syscall(SYS_clock_gettime, id, &ts) < 0) return -1;
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(void)
{
    fresh();
    int ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI };
    for (int i = 0; i < COUNT(ids); i++) {
        int id = ids[i];
        if (id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM) continue;
        struct timespec res;
        int back = 0;
        long long a = get(id), first = a;
        for (int k = 0; k < 20000; k++) { long long b = get(id); if (b < a) back++; a = b; }
        long long r = raw(id), g = get(id);
        int rr = clock_getres(id, &res);
        say("clock %d: positive %d, steps back %d, system call between %d, res %s %d\n", id, first > 0, back, r >= a && g >= r,
            rr < 0 ? ename(errno) : "ok", res.tv_sec == 0 && res.tv_nsec > 0 && (res.tv_nsec == 1 || id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE));
    }
    long long m1 = get(CLOCK_MONOTONIC), b = get(CLOCK_BOOTTIME), m2 = get(CLOCK_MONOTONIC);
    v(b >= m1);
    long long r1 = get(CLOCK_REALTIME);
    struct timeval tv;
    struct timezone tz = { 55, 55 };
    t(gettimeofday(&tv, &tz));
    long long g = tv.tv_sec * 1000000000LL + tv.tv_usec * 1000;
    long long r2 = get(CLOCK_REALTIME);
    v(g >= r1 - 1000 && g <= r2);
    v(tz.tz_minuteswest == 0 && tz.tz_dsttime == 0);
    time_t s = 0, s2 = time(&s);
    v(s == s2 && s >= r1 / 1000000000 - 1 && s <= get(CLOCK_REALTIME) / 1000000000);
    s = syscall(SYS_time, 0);
    v(s >= r1 / 1000000000 - 1 && s <= get(CLOCK_REALTIME) / 1000000000);
    long long rc = get(CLOCK_REALTIME_COARSE), rr = get(CLOCK_REALTIME);
    v(rr >= rc && rr - rc < 1000000000LL);
    nap(30);
    v(get(CLOCK_MONOTONIC) - m2 >= 30000000);
    v(get(CLOCK_REALTIME) > 1600000000LL * 1000000000);

    struct timespec ts;
    t(clock_gettime(99, &ts));
    t(clock_gettime(10, &ts));
    t(clock_getres(99, &ts));
    t(clock_getres(CLOCK_MONOTONIC, 0));
    t(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 1));
    t(syscall(SYS_clock_getres, CLOCK_MONOTONIC, 1));
    t(syscall(SYS_gettimeofday, 0, 0));
    t(syscall(SYS_gettimeofday, 1, 0));
    t(syscall(SYS_time, 1));
    t(clock_settime(CLOCK_MONOTONIC, &(struct timespec){ 1, 0 }));
    t(clock_settime(CLOCK_REALTIME, &(struct timespec){ 1, 1000000000 }));
    t(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &(struct timespec){ 1, 0 }));
    t(clock_settime(99, &(struct timespec){ 1, 0 }));
    clockid_t cid;
    t(clock_getcpuclockid(0, &cid));
    t(clock_gettime(cid, &ts));
    te(clock_getcpuclockid(1 << 22, &cid));
    struct tms tm;
    clock_t t1 = times(&tm), t2 = times(0);
    v(t2 >= t1 && tm.tms_cutime == 0 && sysconf(_SC_CLK_TCK) == 100);
    v(getauxval(AT_SYSINFO_EHDR) != 0);
    v(getauxval(AT_CLKTCK));
    return 0;
}

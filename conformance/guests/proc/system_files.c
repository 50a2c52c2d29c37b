/* proc(5): the files about the whole system that programs read: presence, form, agreement with system calls; /proc/sys values. */
#include "../guest.h"
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char buf[262144];
static long load(const char *path)
{
    int fd = open(path, O_RDONLY);
    long n = 0, r = -1;
    if (fd < 0) { say("%s: %s\n", path, ename(errno)); buf[0] = 0; return -1; }
    while ((r = read(fd, buf + n, sizeof buf - 1 - n)) > 0) n += r;
    buf[n] = 0;
    close(fd);
    if (r < 0) say("%s: read %s\n", path, ename(errno));
    return n;
}
static int has(const char *s) { return strstr(buf, s) != 0; }
static void sys(const char *path, const char *shape)
{
    char full[128];
    snprintf(full, 128, "/proc/sys/%s", path);
    long n = load(full);
    int ok_ = n > 1 && buf[n - 1] == '\n';
    if (shape[0] == 'n') ok_ &= strspn(buf, "0123456789-\t \n") == (size_t)n;
    struct stat st;
    stat(full, &st);
    say("%s: %s, mode %o\n", path, ok_ ? "as it should be" : "odd", st.st_mode);
}

int main(void)
{
    fresh();
    struct utsname u;
    uname(&u);
    load("/proc/version");
    v(!strncmp(buf, "Linux version ", 14) && has(u.release));
    double up, idle;
    load("/proc/uptime");
    v(sscanf(buf, "%lf %lf", &up, &idle) == 2 && up > 0);
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    v(ts.tv_sec - (long)up <= 2 && ts.tv_sec - (long)up >= -2);
    load("/proc/loadavg");
    double l1, l2, l3;
    int run, all, last;
    v(sscanf(buf, "%lf %lf %lf %d/%d %d", &l1, &l2, &l3, &run, &all, &last) == 6 && all >= 1 && run >= 0);
    load("/proc/meminfo");
    const char *mem[] = { "MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapTotal:", "SwapFree:" };
    for (int i = 0; i < COUNT(mem); i++) if (!has(mem[i])) say("meminfo lacks %s\n", mem[i]);
    long total = 0;
    sscanf(buf, "MemTotal: %ld", &total);
    struct sysinfo si;
    sysinfo(&si);
    v(total == (long)(si.totalram * si.mem_unit >> 10));
    load("/proc/cpuinfo");
    const char *cpu[] = { "processor\t: 0", "vendor_id", "model name", "cpu MHz", "flags\t\t:", "bogomips" };
    for (int i = 0; i < COUNT(cpu); i++) if (!has(cpu[i])) say("cpuinfo lacks %s\n", cpu[i]);
    int cpus = 0;
    for (char *p = buf; (p = strstr(p, "processor\t:")); p++) cpus++;
    v(cpus == sysconf(_SC_NPROCESSORS_ONLN));
    load("/proc/stat");
    const char *stat_[] = { "cpu ", "cpu0 ", "intr ", "ctxt ", "btime ", "processes ", "procs_running " };
    for (int i = 0; i < COUNT(stat_); i++) if (!has(stat_[i])) say("stat lacks %s\n", stat_[i]);
    long bt = 0;
    char *b = strstr(buf, "btime ");
    if (b) bt = atol(b + 6);
    v(labs(time(0) - bt - (long)up) <= 5);
    load("/proc/filesystems");
    v(has("\ttmpfs\n") && has("nodev\tproc\n"));
    load("/proc/mounts");
    v(has(" / ") && has(" /proc proc "));
    load("/proc/self/mountinfo");
    int id, parent;
    v(sscanf(buf, "%d %d", &id, &parent) == 2 && has(" / / ") && has(" - "));
    load("/proc/self/mounts");
    v(has(" /proc proc "));
    load("/proc/cmdline");
    v(buf[0] != 0);
    load("/proc/self/cgroup");
    v(has(":/"));
    load("/proc/self/io");
    v(has("rchar: ") && has("wchar: ") && has("syscr: ") && has("read_bytes: "));
    load("/proc/self/oom_score_adj");
    v(atoi(buf) >= -1000 && atoi(buf) <= 1000);
    load("/proc/devices");
    v(has("Character devices:") && has("  1 mem") && has("136 pts"));
    load("/proc/vmstat");
    v(has("pgfault "));
    load("/proc/swaps");
    v(has("Filename"));
    load("/proc/self/auxv");
    v(*(long *)buf != 0);

    say("-- /proc/sys\n");
    sys("kernel/osrelease", "s");
    v(!strncmp(buf, u.release, strlen(u.release)));
    sys("kernel/ostype", "s");
    v(!strcmp(buf, "Linux\n"));
    sys("kernel/hostname", "s");
    v(!strncmp(buf, u.nodename, strlen(u.nodename)));
    sys("kernel/version", "s");
    sys("kernel/pid_max", "n");
    v(atoi(buf) >= 300);
    sys("kernel/threads-max", "n");
    sys("kernel/random/entropy_avail", "n");
    sys("kernel/random/boot_id", "s");
    v(strlen(buf));
    sys("kernel/random/uuid", "s");
    char first[64];
    strcpy(first, buf);
    load("/proc/sys/kernel/random/uuid");
    v(strlen(buf) == 37 && strcmp(first, buf) && buf[14] == '4');
    load("/proc/sys/kernel/random/boot_id");
    strcpy(first, buf);
    load("/proc/sys/kernel/random/boot_id");
    v(!strcmp(first, buf));
    sys("kernel/ngroups_max", "n");
    v(atoi(buf));
    sys("kernel/cap_last_cap", "n");
    v(atoi(buf) >= 36);
    sys("kernel/overflowuid", "n");
    v(atoi(buf));
    sys("kernel/shmmax", "n");
    sys("kernel/sem", "n");
    sys("kernel/msgmax", "n");
    sys("kernel/core_pattern", "s");
    sys("fs/file-max", "n");
    sys("fs/nr_open", "n");
    sys("fs/pipe-max-size", "n");
    v(atoi(buf));
    sys("fs/file-nr", "n");
    sys("fs/inotify/max_user_watches", "n");
    sys("vm/overcommit_memory", "n");
    sys("vm/max_map_count", "n");
    v(atoi(buf) >= 65530);
    sys("vm/mmap_min_addr", "n");
    t(open("/proc/sys/none", O_RDONLY));
    DIR *d = opendir("/proc/sys");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += !strcmp(e->d_name, "kernel") || !strcmp(e->d_name, "fs") || !strcmp(e->d_name, "vm") || !strcmp(e->d_name, "net");
    v(n);
    return 0;
}

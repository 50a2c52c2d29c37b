// Calls with little to do here: process_madvise(2), process_mrelease(2), cachestat, migrate_pages(2), move_pages(2),
// set_mempolicy_home_node(2), ustat(2), sysfs(2): their checks, in order, and what they answer on one node.
#include "guest.h"
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define T(what, ...) do { errno = 0; long r_ = syscall(__VA_ARGS__); \
  printf("%s: %ld %s\n", what, r_ < 0 ? -1 : r_, r_ < 0 ? strerrorname_np(errno) : ""); } while (0)

int main(void) {
  fresh();
  xmkdtemp();
  char *m = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  m[0] = 1;
  struct iovec v = {m, 8192};
  int me = syscall(SYS_pidfd_open, getpid(), 0);
  int zero = open("/dev/zero", O_RDONLY);
  T("madvise flags", SYS_process_madvise, me, &v, 1, MADV_COLD, 1);
  T("madvise bad fd", SYS_process_madvise, -1, &v, 1, MADV_COLD, 0);
  T("madvise no pidfd", SYS_process_madvise, zero, &v, 1, MADV_COLD, 0);
  T("madvise vector", SYS_process_madvise, me, (void *)8, 1, MADV_COLD, 0);
  T("madvise many", SYS_process_madvise, me, &v, 1025, MADV_COLD, 0);
  T("madvise cold", SYS_process_madvise, me, &v, 1, MADV_COLD, 0);
  T("madvise nothing", SYS_process_madvise, me, &v, 0, MADV_WILLNEED, 0);
  T("mrelease flags", SYS_process_mrelease, me, 1);
  T("mrelease bad fd", SYS_process_mrelease, -1, 0);
  T("mrelease alive", SYS_process_mrelease, me, 0);
  pid_t child = fork();
  if (child == 0) _exit(0);
  int dead = syscall(SYS_pidfd_open, child, 0);
  struct pollfd { int fd; short e, r; } pf = {dead, 1, 0};
  syscall(SYS_poll, &pf, 1, -1);
  T("mrelease zombie", SYS_process_mrelease, dead, 0);
  T("madvise zombie", SYS_process_madvise, dead, &v, 1, MADV_COLD, 0);
  waitpid(child, 0, 0);
  T("mrelease reaped", SYS_process_mrelease, dead, 0);

  int f = open("f", O_RDWR | O_CREAT, 0644);
  char page[4096] = "x";
  for (int i = 0; i < 5; i++) write(f, page, sizeof page);
  unsigned long range[2] = {0, 0}, counts[5];
  T("cachestat", 451, f, range, counts, 0);
  printf("cached %lu\n", counts[0]);
  range[0] = 4096, range[1] = 8192;
  T("cachestat range", 451, f, range, counts, 0);
  printf("cached %lu\n", counts[0]);
  range[0] = 1 << 20;
  T("cachestat beyond", 451, f, range, counts, 0);
  printf("cached %lu\n", counts[0]);
  T("cachestat flags", 451, f, range, counts, 1);
  T("cachestat bad fd", 451, -1, range, counts, 0);
  T("cachestat bad range", 451, f, (void *)8, counts, 0);
  T("cachestat bad result", 451, f, range, (void *)8, 0);

  unsigned long none = 0, first = 1, second = 2, huge[17] = {0};
  huge[16] = 1;
  T("migrate", SYS_migrate_pages, 0, 64, &first, &first);
  T("migrate to none", SYS_migrate_pages, 0, 64, &first, &none);
  T("migrate to another", SYS_migrate_pages, 0, 64, &first, &second);
  T("migrate too high", SYS_migrate_pages, 0, 1100, huge, &first);
  T("migrate bad mask", SYS_migrate_pages, 0, 64, (void *)8, &first);
  T("migrate nobody", SYS_migrate_pages, 99999999, 64, &first, &first);
  void *pages[3] = {m, m + 12288, (void *)4096};
  int nodes[3] = {0, 0, 0}, status[3] = {77, 77, 77};
  T("move where", SYS_move_pages, 0, 1, pages, 0, status, 0);
  printf("status %d\n", status[0]);
  T("move unmapped", SYS_move_pages, 0, 1, pages + 2, 0, status, 0);
  printf("status %d\n", status[0]);
  T("move flags", SYS_move_pages, 0, 1, pages, 0, status, 1);
  T("move here", SYS_move_pages, 0, 1, pages, nodes, status, 2);
  printf("status %d\n", status[0]);
  nodes[0] = 1;
  T("move elsewhere", SYS_move_pages, 0, 1, pages, nodes, status, 2);
  T("move bad pages", SYS_move_pages, 0, 1, (void *)8, 0, status, 0);
  T("move bad status", SYS_move_pages, 0, 1, pages, 0, (void *)8, 0);
  T("move nobody", SYS_move_pages, 99999999, 1, pages, 0, status, 0);
  T("home node", 450, m, 4096, 0, 0);
  T("home flags", 450, m, 4096, 0, 1);
  T("home unaligned", 450, m + 1, 4096, 0, 0);
  T("home far", 450, m, 4096, 5000, 0);
  T("home empty", 450, m, 0, 0, 0);

  struct stat st;
  stat(".", &st);
  char u[64];
  T("ustat", SYS_ustat, makedev(major(st.st_dev), minor(st.st_dev)) & 0xffffffff, u);
  T("ustat of nothing", SYS_ustat, 0xfffff, u);
  T("ustat bad", SYS_ustat, st.st_dev, 8);
  int n = syscall(SYS_sysfs, 3), i = syscall(SYS_sysfs, 1, "proc");
  char name[64] = "";
  printf("sysfs %d %d %ld %s\n", n > 3, i >= 0 && i < n, syscall(SYS_sysfs, 2, i, name), name);
  T("sysfs unknown", SYS_sysfs, 1, "nonesuch");
  T("sysfs far", SYS_sysfs, 2, 9999, name);
  T("sysfs option", SYS_sysfs, 4);
  T("pkey_mprotect", SYS_pkey_mprotect, m, 4096, PROT_READ, -1);
  T("pkey_mprotect 15", SYS_pkey_mprotect, m, 4096, PROT_READ, 15);
  T("pkey_free", SYS_pkey_free, 15);
  return 0;
}

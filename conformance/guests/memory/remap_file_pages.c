// remap_file_pages(2): other pages of a shared object in part of its mapping, and what is refused.
#include "guest.h"
#include <sys/mman.h>

#define P 4096
static void row_of(const char *what, char *m, int n) {
  printf("%s:", what);
  for (int i = 0; i < n; i++) printf(" %c", m[i * P] ? m[i * P] : '0');
  printf("\n");
}
#define T(what, call) do { errno = 0; int r_ = call; printf("%s: %d %s\n", what, r_, r_ ? strerrorname_np(errno) : ""); } while (0)

int main(void) {
  fresh();
  xmkdtemp();
  char *m = mmap(0, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 4; i++) m[i * P] = 'a' + i;
  T("first shows the last", remap_file_pages(m, P, 0, 3, 0));
  row_of("anonymous", m, 4);
  T("whole, backwards", remap_file_pages(m, 2 * P, 0, 2, 0) | remap_file_pages(m + 2 * P, 2 * P, 0, 0, 0));
  row_of("anonymous", m, 4);
  m[0] = 'X';
  T("in order again", remap_file_pages(m, 4 * P, 0, 0, 0));
  row_of("anonymous", m, 4);
  int fd = open("f", O_RDWR | O_CREAT, 0644);
  for (int i = 0; i < 4; i++) {
    char page[P] = {'k' + i};
    write(fd, page, P);
  }
  char *f = mmap(0, 3 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  T("file", remap_file_pages(f + P, P, 0, 3, 0));
  row_of("file", f, 3);
  f[P] = 'Z';
  char byte;
  pread(fd, &byte, 1, 3 * P);
  printf("written %c\n", byte);
  T("protection", remap_file_pages(f, P, PROT_READ, 0, 0));
  T("no length", remap_file_pages(f, 0, 0, 0, 0));
  T("nothing there", remap_file_pages((void *)0x10000, P, 0, 0, 0));
  char *p = mmap(0, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  T("private", remap_file_pages(p, P, 0, 1, 0));
  munmap(f + 2 * P, P);
  T("beyond its end", remap_file_pages(f, 3 * P, 0, 0, 0));
  return 0;
}

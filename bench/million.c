/* million DIR FILES: make FILES empty files, a thousand a directory, then list and stat them. Prints nanoseconds an operation. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
  long files = atol(argv[2]);
  char path[64];
  if (argc != 3 || chdir(argv[1]) != 0) return 1;
  double start = now();
  for (long i = 0; i < files; i++) {
    if (i % 1000 == 0) {
      sprintf(path, "d%ld", i / 1000);
      if (mkdir(path, 0755) != 0) return 2;
    }
    sprintf(path, "d%ld/file-%ld", i / 1000, i % 1000);
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0644);
    if (fd < 0) return 3;
    close(fd);
  }
  double made = now();
  long seen = 0;
  for (long d = 0; d * 1000 < files; d++) {
    sprintf(path, "d%ld", d);
    DIR *dir = opendir(path);
    if (!dir) return 4;
    for (struct dirent *e; (e = readdir(dir));) seen += e->d_name[0] == 'f';
    closedir(dir);
  }
  if (seen != files) return 5;
  double listed = now();
  struct stat s;
  for (long i = 0; i < files; i += 7) {
    sprintf(path, "d%ld/file-%ld", i / 1000, i % 1000);
    if (stat(path, &s) != 0) return 6;
  }
  double end = now();
  printf("%.0f %.0f %.0f\n", (made - start) / files, (listed - made) / (files / 1000.0), (end - listed) / (files / 7.0));
  return 0;
}

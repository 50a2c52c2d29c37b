// fcntl(F_NOTIFY): what happens in a directory is signalled to its opener, once or until it is told to stop (fcntl(2),
// "File and directory change notification").
#include "guest.h"
#include <sys/stat.h>

static volatile int signals, code, band, fd;
static void on_signal(int sig, siginfo_t *info, void *context) {
  signals++;
  code = info->si_code;
  band = info->si_band;
  fd = info->si_fd;
}

static void told(const char *what) {
  printf("%s: %d", what, signals);
  if (signals) printf(" code %d band %#x", code, band);
  printf("\n");
  signals = code = band = 0;
}

int main(void) {
  fresh();
  xmkdtemp();
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &action, 0);
  sigaction(SIGIO, &action, 0);
  mkdir("d", 0755);
  int dir = open("d", O_RDONLY | O_DIRECTORY);
  int file = open("f", O_RDWR | O_CREAT, 0644);
  printf("a file: %d %s\n", fcntl(file, F_NOTIFY, DN_CREATE), strerror(errno));
  printf("nothing: %d\n", fcntl(dir, F_NOTIFY, 0));
  fcntl(dir, F_SETSIG, SIGRTMIN);
  fcntl(dir, F_NOTIFY, DN_CREATE | DN_DELETE);
  int a = open("d/a", O_CREAT | O_RDWR, 0644);
  told("create");
  unlink("d/a");
  told("delete, after the first");
  fcntl(dir, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT);
  close(open("d/b", O_CREAT | O_RDWR, 0644));
  told("create");
  unlink("d/b");
  told("delete");
  int c = open("d/c", O_CREAT | O_RDWR, 0644);
  told("create again");
  fcntl(dir, F_NOTIFY, DN_MODIFY | DN_ACCESS | DN_ATTRIB | DN_MULTISHOT);
  write(c, "x", 1);
  told("modify");
  char byte;
  pread(c, &byte, 1, 0);
  told("access");
  chmod("d/c", 0600);
  told("attrib");
  rename("d/c", "d/e");
  told("rename seen as delete and create");
  rename("d/e", "out");
  told("moved out");
  rename("out", "d/e");
  told("moved in");
  fcntl(dir, F_NOTIFY, 0);
  write(c, "y", 1);
  unlink("d/e");
  told("told to stop");
  fcntl(dir, F_SETSIG, 0);
  fcntl(dir, F_NOTIFY, DN_CREATE);
  close(open("d/g", O_CREAT | O_RDWR, 0644));
  printf("by SIGIO: %d\n", signals);
  signals = 0;
  fcntl(dir, F_NOTIFY, DN_CREATE);
  close(dir);
  close(open("d/h", O_CREAT | O_RDWR, 0644));
  told("closed");
  return 0;
}

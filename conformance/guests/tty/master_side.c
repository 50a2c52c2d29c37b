/* pty(7), ptmx(4), ioctl_tty(2): opening by hand, unlocking, names and numbers, TIOCGPTPEER, what each side sees when the other closes, packet
 * mode, window size, exclusive mode, FIONREAD and TIOCOUTQ. */
#include "../guest.h"
#include "tty.h"
#include <sys/sysmacros.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif
static int count(int fd, unsigned long req) { int n = -1; if (ioctl(fd, req, &n) < 0) return -errno; return n; }

int main(void)
{
    fresh();
    char name[64], b[64];
    struct stat st;
    struct winsize w;
    m = must(posix_openpt(O_RDWR | O_NOCTTY));
    t(isatty(m));
    t(ptsname_r(m, name, sizeof name));
    v(strncmp(name, "/dev/pts/", 9) == 0);
    v(atoi(name + 9) == count(m, TIOCGPTN));
    v(count(m, TIOCGPTLCK));
    t(open(name, O_RDWR | O_NOCTTY));
    t(grantpt(m));
    t(unlockpt(m));
    v(count(m, TIOCGPTLCK));
    s = t(open(name, O_RDWR | O_NOCTTY)) >= 0 ? 4 : -1;
    fstat(s, &st);
    /* The group bits are a mount option. */
    say("slave mode %o uid %d major %d, minor its number %d\n", st.st_mode & ~0070, st.st_uid, major(st.st_rdev), (int)minor(st.st_rdev) == atoi(name + 9));
    fstat(m, &st);
    say("master mode %o rdev %d:%d\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
    int peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    say("TIOCGPTPEER %d cloexec %d\n", peer, fcntl(peer, F_GETFD));
    struct stat st2;
    fstat(s, &st);
    fstat(peer, &st2);
    v(st.st_rdev == st2.st_rdev && st.st_ino == st2.st_ino);
    close(peer);
    t(ioctl(s, TIOCGPTN, &b));
    t(ttyname_r(s, b, sizeof b));
    v(!strcmp(b, name));

    say("-- sizes\n");
    t(ioctl(m, TIOCGWINSZ, &w));
    say("%d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
    w = (struct winsize){ 24, 80, 1, 2 };
    t(ioctl(m, TIOCSWINSZ, &w));
    memset(&w, 0, sizeof w);
    t(ioctl(s, TIOCGWINSZ, &w));
    say("%d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
    say("-- queues\n");
    tcgetattr(s, &tio);
    cfmakeraw(&tio);
    set_tio();
    v(count(m, FIONREAD));
    write(s, "12345", 5);
    struct pollfd pf = { m, POLLIN, 0 };
    poll(&pf, 1, 2000);
    v(count(m, FIONREAD));
    v(count(s, TIOCOUTQ));
    read(m, b, 2);
    v(count(m, FIONREAD));
    t(tcflush(s, TCOFLUSH));
    see("the rest", m, 3);
    type("abc");
    v(slave_has(3));
    t(tcflush(s, TCIFLUSH));
    v(count(s, FIONREAD));
    v(events(s) & POLLIN);
    t(tcdrain(s));
    t(tcflush(s, 7));
    t(tcsendbreak(s, 0));
    say("-- packet mode\n");
    int on = 1;
    t(ioctl(s, TIOCPKT, &on));
    t(ioctl(m, TIOCPKT, &on));
    v(count(m, TIOCGPKT));
    write(s, "data", 4);
    see("a zero byte first", m, 5);
    tcflush(s, TCIFLUSH);
    nap(5);
    say("poll %#x\n", events(m));
    t(read(m, b, 1));
    say("status %#x\n", b[0]);
    on = 0;
    t(ioctl(m, TIOCPKT, &on));
    say("-- exclusive\n");
    t(ioctl(s, TIOCEXCL));
    chmod(name, 0666);
    pid_t p = spawn({ setuid(1000); t(open(name, O_RDWR | O_NOCTTY)); });
    reap(p, "user");
    v(count(s, TIOCGEXCL));
    t(ioctl(s, TIOCNXCL));

    say("-- closing the slave\n");
    write(s, "last words", 10);
    close(s);
    see("read", m, 10);
    t(read(m, b, 10));
    say("poll %#x\n", events(m));
    t(write(m, "x", 1));
    s = open(name, O_RDWR | O_NOCTTY);
    say("opened again: poll %#x\n", events(m) & (POLLHUP | POLLERR));
    fcntl(m, F_SETFL, O_NONBLOCK);
    t(read(m, b, 10));
    tcgetattr(s, &tio);
    say("raw mode stays: %d\n", !(tio.c_lflag & ICANON));
    say("-- closing the master\n");
    close(m);
    say("poll %#x\n", events(s));
    t(read(s, b, 1));
    t(write(s, "x", 1));
    t(tcgetattr(s, &tio));
    t(ioctl(s, TIOCGWINSZ, &w));
    t(lseek(s, 0, SEEK_SET));
    m = open("/dev/ptmx", O_RDWR);
    t(lseek(m, 0, SEEK_CUR));
    t(read(m, b, 0));
    t(ioctl(m, 0x5499, 0));
    t(tcgetpgrp(m));
    return 0;
}

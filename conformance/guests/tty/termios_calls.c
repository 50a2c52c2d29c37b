/* tcsetattr(3), ioctl_tty(2): TCSANOW, TCSADRAIN, TCSAFLUSH, what is stored and read back, speeds, both sides share it, TCGETS2, flags that are
 * refused or kept, calls on things that are no terminal. */
#include "../guest.h"
#include "tty.h"

static void show_tio(const char *what, int fd)
{
    struct termios x;
    if (tcgetattr(fd, &x) < 0) { say("%s: %s\n", what, ename(errno)); return; }
    say("%s: %#o %#o %#o %#o min %d speed %d\n", what, x.c_iflag, x.c_oflag, x.c_cflag, x.c_lflag, x.c_cc[VMIN], (int)cfgetospeed(&x));
}

int main(void)
{
    fresh();
    open_pair();
    show_tio("slave", s);
    show_tio("master", m);
    struct termios x = tio;
    x.c_iflag = ~0;
    x.c_oflag = ~0;
    x.c_lflag = ~0;
    x.c_cflag = CS7 | PARENB | CSTOPB | CREAD | HUPCL | B9600;
    t(tcsetattr(s, TCSANOW, &x));
    show_tio("all bits", s);
    x.c_iflag = x.c_oflag = x.c_lflag = x.c_cflag = 0;
    t(tcsetattr(s, TCSANOW, &x));
    show_tio("no bits", s);
    show_tio("seen from the master", m);
    tio.c_cc[VMIN] = 7;
    cfsetospeed(&tio, B115200);
    cfsetispeed(&tio, B115200);
    t(tcsetattr(m, TCSANOW, &tio));
    show_tio("set from the master", s);
    t(tcsetattr(s, 9, &tio));

    say("-- pending input: kept or flushed\n");
    tio.c_lflag &= ~(ICANON | ECHO);
    tio.c_cc[VMIN] = 1;
    t(tcsetattr(s, TCSANOW, &tio));
    type("kept");
    slave_has(4);
    t(tcsetattr(s, TCSADRAIN, &tio));
    see("after TCSADRAIN", s, 4);
    type("gone");
    slave_has(4);
    t(tcsetattr(s, TCSAFLUSH, &tio));
    v(events(s) & POLLIN);
    int n = -1;
    ioctl(s, FIONREAD, &n);
    v(n);
    say("-- raw kernel structures\n");
    struct { unsigned i, o, c, l; unsigned char line, cc[19]; unsigned is, os; } k2;
    memset(&k2, 0xee, sizeof k2);
    t(ioctl(s, 0x802c542a, &k2));
    say("TCGETS2: cflag %#o line %d speeds %u %u\n", k2.c, k2.line, k2.is, k2.os);
    k2.c = (k2.c & ~010017) | 010000;
    k2.is = k2.os = 12345;
    t(ioctl(s, 0x402c542b, &k2));
    memset(&k2, 0, sizeof k2);
    ioctl(s, 0x802c542a, &k2);
    say("odd speed: cflag %#o speeds %u %u\n", k2.c & 010017, k2.is, k2.os);
    t(ioctl(s, TCGETS, 8));
    t(ioctl(s, TCSETS, 8));
    int ldisc = -1;
    t(ioctl(s, TIOCGETD, &ldisc));
    v(ldisc);
    ldisc = 99;
    t(ioctl(s, TIOCSETD, &ldisc) < 0);
    t(ioctl(s, TIOCMGET, &n));
    say("-- not terminals\n");
    int p[2];
    must(pipe(p));
    int null = open("/dev/null", O_RDWR);
    int fds[] = { p[0], null, 99 };
    for (int i = 0; i < 3; i++) {
        t(isatty(fds[i]));
        t(tcgetattr(fds[i], &x));
        t(tcsetattr(fds[i], TCSANOW, &tio));
        t(tcflush(fds[i], TCIOFLUSH));
        t(tcgetpgrp(fds[i]));
        t(ioctl(fds[i], TIOCGWINSZ, &n));
        te(ttyname_r(fds[i], (char *)&x, sizeof x));
    }
    te(ttyname_r(s, (char *)&x, 3));
    say("-- a big write through cooked output and input limits\n");
    tcgetattr(s, &tio);
    tio.c_lflag = ICANON;
    tio.c_oflag = OPOST | ONLCR;
    tio.c_iflag = ICRNL;
    set_tio();
    pid_t c = spawn({ close(m); char line[100]; memset(line, 'o', 99); line[99] = '\n'; for (int i = 0; i < 200; i++) write(s, line, 100); });
    long got = 0, crs = 0;
    char b[5000];
    while (got < 200 * 101) {
        ssize_t r = read(m, b, sizeof b);
        if (r <= 0) break;
        for (int i = 0; i < r; i++) crs += b[i] == '\r';
        got += r;
    }
    reap(c, "writer");
    say("output %ld, carriage returns %ld\n", got, crs);
    /* A line may hold 4095 bytes and its end. */
    char longline[5000];
    memset(longline, 'l', sizeof longline);
    c = spawn({ write(m, longline, 4500); write(m, "\n", 1); });
    ssize_t r = read(s, b, sizeof b);
    say("a line of 4500 bytes read as %ld, ends in %d\n", (long)r, b[r - 1]);
    reap(c, "typist");
    return 0;
}

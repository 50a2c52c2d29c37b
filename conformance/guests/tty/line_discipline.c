/* termios(3), pty(7): defaults of a new pty, canonical editing, echo, input and output mapping, raw mode. */
#include "../guest.h"
#include "tty.h"

static int ready(int fd) { return events(fd) & POLLIN; }

int main(void)
{
    fresh();
    open_pair();
    t(isatty(m));
    t(isatty(s));
    t(tcgetattr(s, &tio));
    say("iflag %#o oflag %#o cflag %#o lflag %#o line %d\n", tio.c_iflag, tio.c_oflag, tio.c_cflag, tio.c_lflag, tio.c_line);
    char cc[128] = "";
    for (int i = 0; i < 17; i++) sprintf(cc + strlen(cc), " %d", tio.c_cc[i]);
    say("cc%s\nspeeds %d %d\n", cc, cfgetospeed(&tio) == B38400, cfgetispeed(&tio) == B38400);

    type("hello\n");
    see("echo", m, 7);
    see("line", s, 6);
    type("no line yet");
    see("echo", m, 11);
    v(ready(s));
    type("\r");
    see("CR is echoed as NL", m, 2);
    see("line", s, 12);
    type("abc\x7f\x7fX\n");
    see("erase echo", m, 3 + 6 + 1 + 2);
    see("line", s, 3);
    type("junk\x15kept\n");
    see("kill echo", m, 4 + 12 + 4 + 2);
    see("line", s, 5);
    type("one two\x17three\n");
    see("word erase echo", m, 7 + 9 + 5 + 2);
    see("line", s, 10);
    type("a\x16\x03" "b\n");
    see("literal next echo", m, 1 + 2 + 2 + 1 + 2);
    see("line", s, 4);
    type("\x01\x1b[A\n");
    see("control echo", m, 2 + 4 + 2);
    see("line", s, 5);
    type("two\nlines\n");
    see("echo", m, 12);
    char b[64];
    t(read(s, b, 64));
    t(read(s, b, 3));
    t(read(s, b, 64));
    type("part\x04");
    see("echo", m, 4);
    see("EOF character ends a part", s, 4);
    type("\x04");
    t(read(s, b, 8));

    t(write(s, "a\nb\r\n", 5));
    see("ONLCR", m, 7);
    tio.c_oflag &= ~OPOST;
    set_tio();
    write(s, "a\nb", 3);
    see("no OPOST", m, 3);
    tio.c_oflag |= OPOST | OCRNL | ONOCR;
    tio.c_oflag &= ~ONLCR;
    set_tio();
    write(s, "x\ry", 3);
    see("OCRNL", m, 3);
    tio.c_lflag &= ~ECHO;
    set_tio();
    type("silent\n");
    see("line", s, 7);
    v(ready(m));
    tio.c_lflag |= ECHONL;
    set_tio();
    type("q\n");
    see("ECHONL", m, 1);
    see("line", s, 2);
    tio.c_iflag = INLCR | IGNCR | ISTRIP | IUCLC;
    tio.c_lflag |= IEXTEN;
    set_tio();
    type("A\rB\n\xc1\r\n\x04");
    see("IGNCR, INLCR, ISTRIP, IUCLC", s, 5);

    cfmakeraw(&tio);
    set_tio();
    say("raw: iflag %#o oflag %#o lflag %#o min %d time %d\n", tio.c_iflag, tio.c_oflag, tio.c_lflag, tio.c_cc[VMIN], tio.c_cc[VTIME]);
    type("\x03\r\n\x04\x7f");
    see("raw bytes", s, 5);
    v(ready(m));
    return 0;
}

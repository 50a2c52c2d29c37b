/**
 * Terminal settings.
 *
 * Mirrors asm-generic/termbits.h, asm-generic/termbits-common.h, asm-generic/termios.h and linux/tty.h;
 * man 3 termios, man 2 ioctl_tty. The kernel's struct termios is smaller than the C library's: 19 control
 * characters, no speeds.
 */

// Indices in c_cc, and its length.
export const VINTR = 0;
export const VQUIT = 1;
export const VERASE = 2;
export const VKILL = 3;
export const VEOF = 4;
export const VTIME = 5;
export const VMIN = 6;
export const VSWTC = 7;
export const VSTART = 8;
export const VSTOP = 9;
export const VSUSP = 10;
export const VEOL = 11;
export const VREPRINT = 12;
export const VDISCARD = 13;
export const VWERASE = 14;
export const VLNEXT = 15;
export const VEOL2 = 16;
export const NCCS = 19;
export const NCC = 8;

// c_iflag.
export const IGNBRK = 0x1;
export const BRKINT = 0x2;
export const IGNPAR = 0x4;
export const PARMRK = 0x8;
export const INPCK = 0x10;
export const ISTRIP = 0x20;
export const INLCR = 0x40;
export const IGNCR = 0x80;
export const ICRNL = 0x100;
export const IUCLC = 0x200;
export const IXON = 0x400;
export const IXANY = 0x800;
export const IXOFF = 0x1000;
export const IMAXBEL = 0x2000;
export const IUTF8 = 0x4000;

// c_oflag.
export const OPOST = 0x1;
export const OLCUC = 0x2;
export const ONLCR = 0x4;
export const OCRNL = 0x8;
export const ONOCR = 0x10;
export const ONLRET = 0x20;
export const OFILL = 0x40;
export const OFDEL = 0x80;
export const NLDLY = 0x100;
export const NL0 = 0x0;
export const NL1 = 0x100;
export const CRDLY = 0x600;
export const CR0 = 0x0;
export const CR1 = 0x200;
export const CR2 = 0x400;
export const CR3 = 0x600;
export const TABDLY = 0x1800;
export const TAB0 = 0x0;
export const TAB1 = 0x800;
export const TAB2 = 0x1000;
export const TAB3 = 0x1800;
export const XTABS = 0x1800;
export const BSDLY = 0x2000;
export const BS0 = 0x0;
export const BS1 = 0x2000;
export const VTDLY = 0x4000;
export const VT0 = 0x0;
export const VT1 = 0x4000;
export const FFDLY = 0x8000;
export const FF0 = 0x0;
export const FF1 = 0x8000;

// c_cflag.
export const CSIZE = 0x30;
export const CS5 = 0x0;
export const CS6 = 0x10;
export const CS7 = 0x20;
export const CS8 = 0x30;
export const CSTOPB = 0x40;
export const CREAD = 0x80;
export const PARENB = 0x100;
export const PARODD = 0x200;
export const HUPCL = 0x400;
export const CLOCAL = 0x800;
export const ADDRB = 0x20000000;
export const CMSPAR = 0x40000000;
export const CRTSCTS = 0x80000000;
export const CBAUD = 0x100f;
export const CBAUDEX = 0x1000;
export const BOTHER = 0x1000;
export const CIBAUD = 0x100f0000;
export const IBSHIFT = 16;

// c_lflag.
export const ISIG = 0x1;
export const ICANON = 0x2;
export const XCASE = 0x4;
export const ECHO = 0x8;
export const ECHOE = 0x10;
export const ECHOK = 0x20;
export const ECHONL = 0x40;
export const NOFLSH = 0x80;
export const TOSTOP = 0x100;
export const ECHOCTL = 0x200;
export const ECHOPRT = 0x400;
export const ECHOKE = 0x800;
export const FLUSHO = 0x1000;
export const PENDIN = 0x4000;
export const IEXTEN = 0x8000;
export const EXTPROC = 0x10000;

// Speeds in c_cflag.
export const B0 = 0x0;
export const B50 = 0x1;
export const B75 = 0x2;
export const B110 = 0x3;
export const B134 = 0x4;
export const B150 = 0x5;
export const B200 = 0x6;
export const B300 = 0x7;
export const B600 = 0x8;
export const B1200 = 0x9;
export const B1800 = 0xa;
export const B2400 = 0xb;
export const B4800 = 0xc;
export const B9600 = 0xd;
export const B19200 = 0xe;
export const B38400 = 0xf;
export const B57600 = 0x1001;
export const B115200 = 0x1002;
export const B230400 = 0x1003;
export const B460800 = 0x1004;
export const B500000 = 0x1005;
export const B576000 = 0x1006;
export const B921600 = 0x1007;
export const B1000000 = 0x1008;
export const B1152000 = 0x1009;
export const B1500000 = 0x100a;
export const B2000000 = 0x100b;
export const B2500000 = 0x100c;
export const B3000000 = 0x100d;
export const B3500000 = 0x100e;
export const B4000000 = 0x100f;
export const EXTA = B19200;
export const EXTB = B38400;

// tcsetattr, tcflow and tcflush actions.
export const TCSANOW = 0;
export const TCSADRAIN = 1;
export const TCSAFLUSH = 2;
export const TCOOFF = 0;
export const TCOON = 1;
export const TCIOFF = 2;
export const TCION = 3;
export const TCIFLUSH = 0;
export const TCOFLUSH = 1;
export const TCIOFLUSH = 2;

// Line disciplines.
export const N_TTY = 0;
export const N_SLIP = 1;
export const N_MOUSE = 2;
export const N_PPP = 3;
export const N_STRIP = 4;
export const N_AX25 = 5;
export const N_X25 = 6;
export const N_6PACK = 7;
export const N_MASC = 8;
export const N_R3964 = 9;
export const N_IRDA = 11;
export const N_SMSBLOCK = 12;
export const N_HDLC = 13;
export const N_HCI = 15;
export const N_SLCAN = 17;
export const N_PPS = 18;
export const N_V253 = 19;
export const N_CAIF = 20;
export const N_GSM0710 = 21;
export const N_TRACESINK = 23;
export const N_TRACEROUTER = 24;
export const N_NCI = 25;
export const N_SPEAKUP = 26;
export const N_NULL = 27;
export const N_MCTP = 28;
export const N_DEVELOPMENT = 29;
export const N_CAN327 = 30;

/** `struct termios`. TCGETS and TCSETS. */
export const TERMIOS = {
  SIZE: 36,
  c_iflag: 0,
  c_oflag: 4,
  c_cflag: 8,
  c_lflag: 12,
  c_line: 16,
  c_cc: 17,
} as const;

/** `struct termios2`. TCGETS2 and TCSETS2. */
export const TERMIOS2 = {
  SIZE: 44,
  c_iflag: 0,
  c_oflag: 4,
  c_cflag: 8,
  c_lflag: 12,
  c_line: 16,
  c_cc: 17,
  c_ispeed: 36,
  c_ospeed: 40,
} as const;

/** `struct termio`. TCGETA and TCSETA: 16-bit flags. */
export const TERMIO = {
  SIZE: 18,
  c_iflag: 0,
  c_oflag: 2,
  c_cflag: 4,
  c_lflag: 6,
  c_line: 8,
  c_cc: 9,
} as const;

/** `struct winsize`. */
export const WINSIZE = {
  SIZE: 8,
  ws_row: 0,
  ws_col: 2,
  ws_xpixel: 4,
  ws_ypixel: 6,
} as const;

// Disabled control character.
export const __DISABLED_CHAR = 0;

/**
 * What a fresh terminal has (`tty_std_termios` in drivers/tty/tty_io.c): cooked, with echo, 38400 baud.
 * A pseudo-terminal starts with PTY_CFLAG instead; TCGETS on its master answers for the slave.
 */
export const TTY_STD_TERMIOS = {
  c_iflag: ICRNL | IXON,
  c_oflag: OPOST | ONLCR,
  c_cflag: B38400 | CS8 | CREAD | HUPCL,
  c_lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
  c_line: N_TTY,
  /** In the order of the V* indices: ^C ^\ DEL ^U ^D 0 1 - ^Q ^S ^Z - ^R ^O ^W ^V - */
  c_cc: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
  c_ispeed: 38400,
  c_ospeed: 38400,
} as const;

/** c_cflag of a new pseudo-terminal: no HUPCL (`unix98_pty_init` in drivers/tty/pty.c). */
export const PTY_CFLAG = B38400 | CS8 | CREAD;

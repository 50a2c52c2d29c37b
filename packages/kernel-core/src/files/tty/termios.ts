import {
  B0,
  BOTHER,
  CBAUD,
  CBAUDEX,
  IBSHIFT,
  NCC,
  NCCS,
  PTY_CFLAG,
  TERMIO,
  TERMIOS,
  TERMIOS2,
  TTY_STD_TERMIOS,
} from '@sandbox/abi';

/** Bits per second by the index in c_cflag; CBAUDEX continues after B38400. */
const BAUD = [
  0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400,
  460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
];

/** Settings of a terminal (termios(3)); flag words are unsigned. */
export class Termios {
  iflag: number = TTY_STD_TERMIOS.c_iflag;
  oflag: number = TTY_STD_TERMIOS.c_oflag;
  cflag: number = PTY_CFLAG;
  lflag: number = TTY_STD_TERMIOS.c_lflag;
  line = 0;
  readonly cc = Uint8Array.from(TTY_STD_TERMIOS.c_cc);
  ispeed: number = TTY_STD_TERMIOS.c_ispeed;
  ospeed: number = TTY_STD_TERMIOS.c_ospeed;

  /** A mask with no bit set. */
  static none(): Termios {
    const t = new Termios();
    t.iflag = t.oflag = t.cflag = t.lflag = 0;
    t.cc.fill(0);
    return t;
  }

  /** Take back from `old` what `locked` has set: flag bits, and control characters that are not 0 there. */
  keepLocked(old: Termios, locked: Termios): void {
    this.iflag = merge(this.iflag, old.iflag, locked.iflag);
    this.oflag = merge(this.oflag, old.oflag, locked.oflag);
    this.cflag = merge(this.cflag, old.cflag, locked.cflag);
    this.lflag = merge(this.lflag, old.lflag, locked.lflag);
    if (locked.line !== 0) this.line = old.line;
    for (let i = 0; i < NCCS; i++) if (locked.cc[i] !== 0) this.cc[i] = old.cc[i]!;
  }

  copyFrom(o: Termios): void {
    this.iflag = o.iflag;
    this.oflag = o.oflag;
    this.cflag = o.cflag;
    this.lflag = o.lflag;
    this.line = o.line;
    this.cc.set(o.cc);
    this.ispeed = o.ispeed;
    this.ospeed = o.ospeed;
  }

  /**
   * Lay out a struct termios, or with `speeds` a struct termios2, at the start of `view`. Returns its size.
   */
  encode(bytes: Uint8Array, view: DataView, speeds: boolean): number {
    view.setUint32(TERMIOS.c_iflag, this.iflag, true);
    view.setUint32(TERMIOS.c_oflag, this.oflag, true);
    view.setUint32(TERMIOS.c_cflag, this.cflag, true);
    view.setUint32(TERMIOS.c_lflag, this.lflag, true);
    bytes[TERMIOS.c_line] = this.line;
    bytes.set(this.cc, TERMIOS.c_cc);
    if (!speeds) return TERMIOS.SIZE;
    view.setUint32(TERMIOS2.c_ispeed, this.ispeed, true);
    view.setUint32(TERMIOS2.c_ospeed, this.ospeed, true);
    return TERMIOS2.SIZE;
  }

  /** Take over a struct termios or termios2. Speeds follow c_cflag unless it says BOTHER. */
  decode(bytes: Uint8Array, view: DataView, speeds: boolean): void {
    this.iflag = view.getUint32(TERMIOS.c_iflag, true);
    this.oflag = view.getUint32(TERMIOS.c_oflag, true);
    this.cflag = view.getUint32(TERMIOS.c_cflag, true);
    this.lflag = view.getUint32(TERMIOS.c_lflag, true);
    this.line = bytes[TERMIOS.c_line]!;
    for (let i = 0; i < NCCS; i++) this.cc[i] = bytes[TERMIOS.c_cc + i]!;
    if (speeds) {
      this.ispeed = view.getUint32(TERMIOS2.c_ispeed, true);
      this.ospeed = view.getUint32(TERMIOS2.c_ospeed, true);
    }
    this.settleSpeeds();
  }

  /** The old struct termio: low halves of the flags, eight control characters. */
  encodeOld(bytes: Uint8Array, view: DataView): number {
    view.setUint16(TERMIO.c_iflag, this.iflag & 0xffff, true);
    view.setUint16(TERMIO.c_oflag, this.oflag & 0xffff, true);
    view.setUint16(TERMIO.c_cflag, this.cflag & 0xffff, true);
    view.setUint16(TERMIO.c_lflag, this.lflag & 0xffff, true);
    bytes[TERMIO.c_line] = this.line;
    for (let i = 0; i < NCC; i++) bytes[TERMIO.c_cc + i] = this.cc[i]!;
    bytes[TERMIO.SIZE - 1] = 0;
    return TERMIO.SIZE;
  }

  decodeOld(bytes: Uint8Array, view: DataView): void {
    this.iflag = withLow(this.iflag, view.getUint16(TERMIO.c_iflag, true));
    this.oflag = withLow(this.oflag, view.getUint16(TERMIO.c_oflag, true));
    this.cflag = withLow(this.cflag, view.getUint16(TERMIO.c_cflag, true));
    this.lflag = withLow(this.lflag, view.getUint16(TERMIO.c_lflag, true));
    this.line = bytes[TERMIO.c_line]!;
    for (let i = 0; i < NCC; i++) this.cc[i] = bytes[TERMIO.c_cc + i]!;
    this.settleSpeeds();
  }

  private settleSpeeds(): void {
    const out = this.cflag & CBAUD;
    const inIndex = (this.cflag >>> IBSHIFT) & CBAUD;
    const ospeed = out === BOTHER ? this.ospeed : baud(out);
    if (inIndex === B0) this.ispeed = ospeed;
    else if (inIndex !== BOTHER) this.ispeed = baud(inIndex);
    this.ospeed = ospeed;
  }
}

function merge(now: number, old: number, locked: number): number {
  return ((now & ~locked) | (old & locked)) >>> 0;
}

function withLow(flag: number, low: number): number {
  return ((flag & 0xffff0000) | low) >>> 0;
}

function baud(index: number): number {
  return BAUD[(index & CBAUDEX) !== 0 ? (index & ~CBAUDEX) + 15 : index] ?? 0;
}

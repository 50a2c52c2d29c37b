import { IUTF8, OCRNL, OLCUC, ONLCR, ONLRET, ONOCR, OPOST, TABDLY, XTABS } from '@sandbox/abi';
import { BS, CR, isCntrl, isContinuation, NL, SPACE, TAB, toUpper } from './chars.js';
import type { Termios } from './termios.js';

/** Where processed output goes: the other side of the terminal. */
export interface OutputSink {
  /** Bytes it takes now; 0 while output is stopped. */
  writeRoom(): number;
  /** Take one byte; there is room. */
  putByte(c: number): void;
  /** Take up to `count` bytes; returns how many. */
  putBytes(bytes: Uint8Array, start: number, count: number): number;
}

/** Output processing (termios(3) c_oflag), with the column it needs for tabs and erasing. */
export class Output {
  column = 0;
  /** Column where the present input line began: what erasing a tab counts from. */
  canonColumn = 0;

  constructor(
    private readonly termios: Termios,
    private readonly sink: OutputSink,
  ) {}

  reset(): void {
    this.column = 0;
    this.canonColumn = 0;
  }

  /**
   * Take `bytes[start..start+count)` as the settings say. Returns how many were taken: fewer when room ran
   * out.
   */
  write(bytes: Uint8Array, start: number, count: number): number {
    if ((this.termios.oflag & OPOST) === 0) return this.sink.putBytes(bytes, start, count);
    let done = 0;
    while (done < count) {
      done += this.plainRun(bytes, start + done, count - done);
      if (done === count) break;
      if (this.char(bytes[start + done]!, this.sink.writeRoom()) < 0) break;
      done++;
    }
    return done;
  }

  /** Pass on the characters up to the first one that becomes something else. */
  private plainRun(bytes: Uint8Array, start: number, count: number): number {
    const room = this.sink.writeRoom();
    const oflag = this.termios.oflag;
    const utf8 = (this.termios.iflag & IUTF8) !== 0;
    const max = Math.min(count, room);
    let n = 0;
    for (; n < max; n++) {
      const c = bytes[start + n]!;
      if (c > CR || c < BS) {
        if ((oflag & OLCUC) !== 0) break;
        if (!isCntrl(c) && !(utf8 && isContinuation(c))) this.column++;
      } else if (c === NL) {
        if ((oflag & ONLRET) !== 0) this.column = 0;
        if ((oflag & ONLCR) !== 0) break;
        this.canonColumn = this.column;
      } else if (c === CR) {
        if ((oflag & OCRNL) !== 0 || ((oflag & ONOCR) !== 0 && this.column === 0)) break;
        this.canonColumn = this.column = 0;
      } else if (c === TAB) break;
      else if (c === BS && this.column > 0) this.column--;
    }
    return n === 0 ? 0 : this.sink.putBytes(bytes, start, n);
  }

  /** Put one character out, processed. Returns the bytes it took of `room`, -1 when they do not fit. */
  char(c: number, room: number): number {
    if (room === 0) return -1;
    const oflag = this.termios.oflag;
    if (c === NL) return this.newline(oflag, room);
    if (c === CR) {
      if ((oflag & ONOCR) !== 0 && this.column === 0) return 0;
      if ((oflag & OCRNL) !== 0) {
        c = NL;
        if ((oflag & ONLRET) !== 0) this.canonColumn = this.column = 0;
      } else this.canonColumn = this.column = 0;
    } else if (c === TAB) {
      const spaces = 8 - (this.column & 7);
      if ((oflag & TABDLY) === XTABS) return this.spaces(spaces, room);
      this.column += spaces;
    } else if (c === BS) {
      if (this.column > 0) this.column--;
    } else if (!isCntrl(c)) {
      if ((oflag & OLCUC) !== 0) c = toUpper(c);
      if ((this.termios.iflag & IUTF8) === 0 || !isContinuation(c)) this.column++;
    }
    this.sink.putByte(c);
    return 1;
  }

  private newline(oflag: number, room: number): number {
    if ((oflag & ONLRET) !== 0) this.column = 0;
    if ((oflag & ONLCR) === 0) {
      this.canonColumn = this.column;
      this.sink.putByte(NL);
      return 1;
    }
    if (room < 2) return -1;
    this.canonColumn = this.column = 0;
    this.sink.putByte(CR);
    this.sink.putByte(NL);
    return 2;
  }

  private spaces(count: number, room: number): number {
    if (room < count) return -1;
    this.column += count;
    for (let i = 0; i < count; i++) this.sink.putByte(SPACE);
    return count;
  }
}

import { EFAULT } from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import { DISABLED } from './chars.js';

/** Bytes a line (or raw input) can have before it is read: termios(3), a canonical line has at most 4096. */
export const LINE_BUFFER_SIZE = 4096;
const MASK = LINE_BUFFER_SIZE - 1;

/**
 * Input between the line discipline and its readers. Positions count up from 0 and are masked when used. What
 * lies before `canonHead` are finished lines; a mark tells where each ends. End of file is a marked DISABLED
 * byte.
 */
export class LineBuffer {
  private readonly bytes = new Uint8Array(LINE_BUFFER_SIZE);
  private readonly marks = new Uint8Array(LINE_BUFFER_SIZE);
  head = 0;
  tail = 0;
  canonHead = 0;

  get length(): number {
    return this.head - this.tail;
  }
  get hasLine(): boolean {
    return this.canonHead !== this.tail;
  }
  /** There is no unfinished line. */
  get atLineStart(): boolean {
    return this.head === this.canonHead;
  }

  at(position: number): number {
    return this.bytes[position & MASK]!;
  }

  put(c: number): void {
    this.bytes[this.head & MASK] = c;
    this.head++;
  }

  /** Finish the line with `c`. */
  endLine(c: number): void {
    this.marks[this.head & MASK] = 1;
    this.put(c);
    this.canonHead = this.head;
  }

  /** From now on no line is marked; with `oneLine`, all there is counts as one finished line. */
  remark(oneLine: boolean): void {
    this.marks.fill(0);
    this.canonHead = this.tail;
    if (!oneLine || this.head === this.tail) return;
    this.marks[(this.head - 1) & MASK] = 1;
    this.canonHead = this.head;
  }

  clear(): void {
    this.head = this.tail = this.canonHead = 0;
    this.marks.fill(0);
  }

  private isEof(position: number): boolean {
    return this.marks[position & MASK] === 1 && this.bytes[position & MASK] === DISABLED;
  }

  /** Bytes of all finished lines, without end-of-file marks. */
  get lineBytes(): number {
    let n = this.canonHead - this.tail;
    for (let at = this.tail; at !== this.canonHead; at++) if (this.isEof(at)) n--;
    return n;
  }

  /**
   * Hand over one line or the part of it that fits; there is one. Bytes handed over, 0 at an end of file,
   * -EFAULT.
   */
  readLine(io: IoBuf): number {
    const max = Math.min(io.remaining, this.canonHead - this.tail);
    let n = 0;
    while (n < max && this.marks[(this.tail + n) & MASK] === 0) n++;
    const found = n < max;
    const eof = found && this.isEof(this.tail + n);
    const want = found && !eof ? n + 1 : n;
    const got = this.deliver(io, want);
    if (got < want) return got === 0 ? -EFAULT : got;
    if (found) {
      if (eof) this.tail++;
      this.marks[(this.tail - 1) & MASK] = 0;
    } else if (this.tail !== this.canonHead && this.isEof(this.tail)) {
      // The reader's buffer was full just before an end of file: the line ends here, there is no empty read
      // to come.
      this.marks[this.tail & MASK] = 0;
      this.tail++;
    }
    return got;
  }

  /** Hand over as much as fits. Bytes handed over, or -EFAULT. */
  readRaw(io: IoBuf): number {
    const n = this.deliver(io, Math.min(io.remaining, this.head - this.tail));
    return n === 0 ? -EFAULT : n;
  }

  private deliver(io: IoBuf, count: number): number {
    let done = 0;
    while (done < count) {
      const at = this.tail & MASK;
      const run = Math.min(count - done, LINE_BUFFER_SIZE - at);
      const n = io.put(this.bytes, at, run);
      this.tail += n;
      done += n;
      if (n < run) break;
    }
    return done;
  }
}

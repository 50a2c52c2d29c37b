import {
  EAGAIN,
  EFAULT,
  EIO,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
  TIOCPKT_DATA,
} from '@sandbox/abi';
import { type IoBuf, WaitQueue } from '@sandbox/vfs';
import { ByteRing } from './byte-ring.js';
import { copyWindow } from './copy-window.js';
import type { Tty } from './tty.js';

/** Output of the slave that may wait for the master. */
const OUTPUT_LIMIT = 16384;
/**
 * What a flush of output cannot take back: it is with the other side already (Linux: in its own read buffer).
 */
const RECEIVED = 4095;
const CHUNK = 2048;

/**
 * The other side of a terminal: what writes keystrokes and reads the screen (ptmx(4)). Programs have it as a
 * `PtyMasterFile`, an embedder as an `EmbedderTerminal`.
 */
export class PtyMaster {
  readonly output = new ByteRing(OUTPUT_LIMIT);
  readonly queue = new WaitQueue();
  /** TIOCSPTLCK: the slave cannot be opened yet. */
  locked = true;
  /** TIOCPKT: reads begin with a status byte. */
  packet = false;
  exclusive = false;
  /** Every description of the slave was closed. */
  slaveClosed = false;
  closed = false;
  /** TCOOFF on this side: nothing is written. */
  stopped = false;
  /** TIOCPKT_* not read yet. */
  private status = 0;
  private readonly chunk = new Uint8Array(CHUNK);
  private readonly statusByte = new Uint8Array(1);

  constructor(readonly tty: Tty) {}

  // What the slave tells ------------------------------------------------------------------------------------

  outputArrived(): void {
    this.queue.wake(POLLIN | POLLRDNORM);
  }

  inputTaken(): void {
    this.queue.wake(POLLOUT | POLLWRNORM);
  }

  /** Packet mode: add `set` to the status that the next read gives. */
  report(set: number, clear: number): void {
    if (!this.packet) return;
    this.status = (this.status & ~clear) | set;
    this.queue.wake(POLLIN | POLLRDNORM | POLLPRI);
  }

  /**
   * The slave flushes its output. What was there before the input being worked on came (`before` bytes; all
   * of it, when there is none) counts as received, up to a bound.
   */
  discardOutput(before: number): void {
    this.output.truncate(Math.min(before, RECEIVED));
    this.tty.outputTaken();
  }

  slaveGone(): void {
    this.slaveClosed = true;
    this.queue.wake(POLLIN | POLLOUT | POLLHUP | POLLRDNORM | POLLWRNORM);
  }

  // What its user does --------------------------------------------------------------------------------------

  setPacket(on: boolean): void {
    if (on && !this.packet) this.status = 0;
    this.packet = on;
  }

  poll(): number {
    let events = 0;
    if (this.output.length > 0) events |= POLLIN | POLLRDNORM;
    if (this.packet && this.status !== 0) events |= POLLPRI | POLLIN | POLLRDNORM;
    if (this.slaveClosed) events |= POLLHUP;
    if (!this.stopped && this.tty.inputRoom > 0) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  /** Output of the slave. -EAGAIN when there is none, -EIO when there is none and the slave was closed. */
  read(io: IoBuf): number {
    if (io.remaining === 0) return 0;
    const b = this.statusByte;
    if (this.packet && this.status !== 0) {
      b[0] = this.status;
      if (io.put(b, 0, 1) !== 1) return -EFAULT;
      this.status = 0;
      return 1;
    }
    if (this.output.length === 0) return this.slaveClosed ? -EIO : -EAGAIN;
    let n = 0;
    if (this.packet) {
      b[0] = TIOCPKT_DATA;
      n = io.put(b, 0, 1);
    }
    n += this.output.readTo(io);
    if (n === 0) return -EFAULT;
    this.tty.outputTaken();
    return n;
  }

  /** Input for the slave. Bytes taken, or -EAGAIN when there is no room. */
  write(io: IoBuf): number {
    let total = 0;
    while (io.remaining > 0) {
      if (this.stopped || this.tty.inputRoom === 0) break;
      const want = io.window(Math.min(CHUNK, this.tty.inputRoom), false);
      if (want === 0) return total > 0 ? total : -EFAULT;
      copyWindow(io, this.chunk, want);
      const n = this.tty.receive(this.chunk, 0, want);
      io.advance(n);
      total += n;
      if (n < want) break;
    }
    return total > 0 || io.remaining === 0 ? total : -EAGAIN;
  }

  /** TCOOFF, TCOON on this side. */
  stop(on: boolean): void {
    this.stopped = on;
    if (!on) this.queue.wake(POLLOUT | POLLWRNORM);
  }

  /** Its last description is closed: the terminal is gone. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.slaveClosed = true;
    this.tty.hangUp();
    this.output.clear();
    this.tty.devpts.ttys.remove(this.tty);
  }
}

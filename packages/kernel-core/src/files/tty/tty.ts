import {
  CREAD,
  CS8,
  CSIZE,
  EXTPROC,
  IXON,
  PARENB,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  SIGWINCH,
  TIOCPKT_DOSTOP,
  TIOCPKT_FLUSHREAD,
  TIOCPKT_FLUSHWRITE,
  TIOCPKT_IOCTL,
  TIOCPKT_NOSTOP,
  TIOCPKT_START,
  TIOCPKT_STOP,
  VSTART,
  VSTOP,
} from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { ControllingTty, ProcessGroup, Session } from '../../process/task/session.js';
import { ByteRing } from './byte-ring.js';
import type { Devpts } from './devpts.js';
import { hangUpSession } from './job-control.js';
import { LineDiscipline, type LineHost } from './line-discipline.js';
import { PtyMaster } from './pty-master.js';
import { Termios } from './termios.js';
import type { TtyFile } from './tty-file.js';

/** Input the line discipline has not taken yet. */
const PENDING_INPUT = 16384;
const CTRL_Q = 17;
const CTRL_S = 19;

/**
 * A terminal as programs see it: the slave side of a pseudo-terminal, with its line discipline, settings,
 * size and job control (pty(7), tty_ioctl(4)). What is at its other side is a `PtyMaster`.
 */
export class Tty implements ControllingTty, LineHost {
  readonly termios = new Termios();
  /** Settings that cannot be changed (TIOCSLCKTRMIOS). */
  readonly locked = Termios.none();
  readonly line: LineDiscipline;
  readonly master: PtyMaster;
  /** Readers and writers of this side. */
  readonly queue = new WaitQueue();
  readonly files = new Set<TtyFile>();
  session: Session | null = null;
  foreground: ProcessGroup | null = null;
  rows = 0;
  columns = 0;
  xpixels = 0;
  ypixels = 0;
  /** TIOCEXCL: further opens are EBUSY. */
  exclusive = false;
  stopped = false;
  stoppedByCall = false;
  private readonly pending = new ByteRing(PENDING_INPUT);
  private wrote = false;
  private hasInput = false;
  /** Output there was when the input being worked on came. */
  private outputBefore = Number.POSITIVE_INFINITY;

  constructor(
    readonly kernel: KernelCore,
    /** Where its node lies. */
    readonly devpts: Devpts,
    /** N of /dev/pts/N. */
    readonly index: number,
    /** Device number. */
    readonly rdev: number,
  ) {
    this.master = new PtyMaster(this);
    this.line = new LineDiscipline(this);
  }

  // Towards the master --------------------------------------------------------------------------------------

  writeRoom(): number {
    return this.stopped ? 0 : this.master.output.room;
  }
  putByte(c: number): void {
    this.master.output.push(c);
    this.wrote = true;
  }
  putBytes(bytes: Uint8Array, start: number, count: number): number {
    if (this.stopped) return 0;
    const n = this.master.output.write(bytes, start, count);
    if (n > 0) this.wrote = true;
    return n;
  }

  /** Process and send on what a program writes; returns how much of it. */
  write(bytes: Uint8Array, start: number, count: number): number {
    this.line.beforeOutput();
    const n = this.line.output.write(bytes, start, count);
    this.settle();
    return n;
  }

  /** The master took output: writers may go on. */
  outputTaken(): void {
    this.queue.wake(POLLOUT | POLLWRNORM);
  }

  // From the master -----------------------------------------------------------------------------------------

  /** Room for input that arrives. */
  get inputRoom(): number {
    return this.pending.room;
  }

  /** Input arrives; returns how much was taken. */
  receive(bytes: Uint8Array, start: number, count: number): number {
    this.outputBefore = this.master.output.length;
    let n = this.pending.length > 0 ? 0 : this.line.receive(bytes, start, count);
    this.outputBefore = Number.POSITIVE_INFINITY;
    if (n < count) n += this.pending.write(bytes, start + n, count - n);
    this.settle();
    return n;
  }

  /** Readers made room: input that waited moves up. */
  inputTaken(): void {
    let moved = 0;
    while (this.pending.length > 0) {
      const run = this.pending.peek();
      const n = this.line.receive(run, 0, run.length);
      this.pending.skip(n);
      moved += n;
      if (n < run.length) break;
    }
    if (moved > 0) this.master.inputTaken();
    this.settle();
  }

  /** TIOCSTI. */
  inject(byte: Uint8Array): void {
    this.line.receive(byte, 0, 1);
    this.settle();
  }

  /** Announce once what one operation did to both sides. */
  private settle(): void {
    if (this.wrote) {
      this.wrote = false;
      this.master.outputArrived();
    }
    if (this.hasInput) {
      this.hasInput = false;
      this.queue.wake(POLLIN | POLLRDNORM);
    }
  }

  inputReady(): void {
    this.hasInput = true;
  }

  signalForeground(sig: number): void {
    if (this.foreground !== null) this.kernel.signals.kernelSignal(this.foreground, sig);
  }

  // Flow and flushing ---------------------------------------------------------------------------------------

  stopOutput(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.master.report(TIOCPKT_STOP, TIOCPKT_START);
  }

  startOutput(): void {
    if (!this.stopped || this.stoppedByCall) return;
    this.stopped = false;
    this.master.report(TIOCPKT_START, TIOCPKT_STOP);
    this.queue.wake(POLLOUT | POLLWRNORM);
  }

  /** tcflow(3) TCOOFF and TCOON. */
  stopByCall(stop: boolean): void {
    if (this.stoppedByCall === stop) return;
    if (stop) {
      this.stoppedByCall = true;
      this.stopOutput();
    } else {
      this.stoppedByCall = false;
      this.startOutput();
    }
  }

  discardOutput(): void {
    this.master.discardOutput(this.outputBefore);
    this.master.report(TIOCPKT_FLUSHWRITE, 0);
  }

  inputDiscarded(): void {
    this.master.report(TIOCPKT_FLUSHREAD, 0);
  }

  /** tcflush(3) TCIFLUSH of this side. */
  flushInput(): void {
    this.pending.clear();
    this.line.flushInput();
    this.master.inputTaken();
  }

  /** Input that the line discipline has not taken yet is dropped (TCOFLUSH on the master). */
  discardPending(): void {
    this.pending.clear();
    this.master.inputTaken();
  }

  // Settings ------------------------------------------------------------------------------------------------

  private readonly oldTermios = new Termios();

  /** tcsetattr(3). A pseudo-terminal always has eight bits, no parity and a receiver. */
  setTermios(settings: Termios): void {
    const old = this.oldTermios;
    old.copyFrom(this.termios);
    this.termios.copyFrom(settings);
    this.termios.keepLocked(old, this.locked);
    this.termios.cflag = ((this.termios.cflag & ~(CSIZE | PARENB)) | CS8 | CREAD) >>> 0;
    this.reportSettings(old);
    this.line.settingsChanged(old);
    this.settle();
    this.queue.wake(POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
  }

  /** Packet mode hears of ^S/^Q handling and, with EXTPROC, of every change. */
  private reportSettings(old: Termios): void {
    const external = ((old.lflag | this.termios.lflag) & EXTPROC) !== 0;
    const flow = flowByControlKeys(this.termios);
    let bits = external ? TIOCPKT_IOCTL : 0;
    let clear = 0;
    if (flow !== flowByControlKeys(old)) {
      bits |= flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
      clear = TIOCPKT_DOSTOP | TIOCPKT_NOSTOP;
    }
    if (bits !== 0) this.master.report(bits, clear);
  }

  /** TIOCSWINSZ: SIGWINCH to the foreground when the size is a new one. */
  resize(rows: number, columns: number, xpixels: number, ypixels: number): void {
    const same =
      this.rows === rows && this.columns === columns && this.xpixels === xpixels && this.ypixels === ypixels;
    if (same) return;
    this.signalForeground(SIGWINCH);
    this.rows = rows;
    this.columns = columns;
    this.xpixels = xpixels;
    this.ypixels = ypixels;
  }

  // Opening, closing, hanging up ----------------------------------------------------------------------------

  opened(file: TtyFile): void {
    this.files.add(file);
    this.master.slaveClosed = false;
  }

  closed(file: TtyFile): void {
    if (!this.files.delete(file)) return;
    if (this.files.size === 0) this.master.slaveGone();
  }

  /**
   * The line is dead (vhangup(2), master closed): open descriptions fail from now on, the session leader
   * hears SIGHUP.
   */
  hangUp(): void {
    for (const file of this.files) file.hungUp = true;
    this.files.clear();
    hangUpSession(this);
    this.stopped = this.stoppedByCall = false;
    this.pending.clear();
    this.termios.copyFrom(new Termios());
    this.line.restart();
    this.queue.wake(POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM);
  }
}

/** Output is stopped and started by the usual ^S and ^Q. */
function flowByControlKeys(t: Termios): boolean {
  return (t.iflag & IXON) !== 0 && t.cc[VSTOP] === CTRL_S && t.cc[VSTART] === CTRL_Q;
}

import {
  EAGAIN,
  EFAULT,
  EIO,
  ENOTTY,
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  SIGTTIN,
  SIGTTOU,
  TIOCSPGRP,
  TOSTOP,
  VMIN,
  VTIME,
} from '@sandbox/abi';
import { File, type Inode, type IoBuf, type IoctlCaller, type WaitQueue } from '@sandbox/vfs';
import { copyWindow } from './copy-window.js';
import { slaveIoctl, type TtySide } from './ioctl.js';
import { checkForeground } from './job-control.js';
import type { Tty } from './tty.js';

const HUNG_UP_EVENTS = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
/** Unit of VTIME. */
const TENTH_NS = 100_000_000;
const CHUNK = 2048;
/** Within one call at a time: output never re-enters. */
const chunk = new Uint8Array(CHUNK);

/** An open terminal: /dev/pts/N, /dev/tty, /dev/console. */
export class TtyFile extends File implements TtySide {
  hungUp = false;
  readonly isSlave = true;

  constructor(
    inode: Inode,
    flags: number,
    readonly tty: Tty,
  ) {
    super(inode, flags);
    tty.opened(this);
  }

  override get waitQueue(): WaitQueue {
    return this.tty.queue;
  }

  override read(io: IoBuf): number {
    const { tty } = this;
    const task = tty.kernel.current;
    if (this.hungUp) {
      // Who was waiting when the other side closed sees an error, who comes later an end of file.
      return task !== null && task.wait.round > 0 && tty.master.closed ? -EIO : 0;
    }
    const denied = checkForeground(tty, task, SIGTTIN);
    if (denied !== 0) return denied;
    if (io.remaining === 0) return 0;
    return tty.line.byLines ? this.readLine(io) : this.readRaw(io);
  }

  private readLine(io: IoBuf): number {
    const { line } = this.tty;
    if (!line.available(1)) return -EAGAIN;
    const n = line.input.readLine(io);
    this.took();
    return n;
  }

  /**
   * Outside canonical mode VMIN and VTIME (termios(3)) say when a read ends. What has come stays buffered
   * until then; the time limits are deadlines of the waiting task.
   */
  private readRaw(io: IoBuf): number {
    const { line, termios, kernel } = this.tty;
    const min = line.external ? 1 : termios.cc[VMIN]!;
    const time = line.external ? 0 : termios.cc[VTIME]! * TENTH_NS;
    const have = line.input.length;
    if (have === 0 || have < Math.min(min, io.remaining)) {
      const task = kernel.current;
      if (min === 0) {
        if (time === 0 || (task?.wait.timedOut ?? false)) return 0;
        if (!this.nonBlocking) task?.setTimeout(time);
        return -EAGAIN;
      }
      if (have === 0) return -EAGAIN;
      if (!this.nonBlocking && task !== null && !this.intervalOver(have, time)) return -EAGAIN;
    }
    const n = line.readRaw(io);
    this.took();
    return n;
  }

  /**
   * VMIN and VTIME together: the time counts from each byte anew. True when it has passed, or a signal ends
   * the read.
   */
  private intervalOver(have: number, time: number): boolean {
    const task = this.tty.kernel.current!;
    const wait = task.wait;
    if (wait.timedOut || task.interrupted) return true;
    if (time > 0 && wait.data !== have) {
      wait.data = have;
      wait.deadline = this.tty.kernel.clock.monotonic() + time;
    }
    return false;
  }

  private took(): void {
    this.tty.inputTaken();
    touch(this.inode, true);
  }

  override write(io: IoBuf): number {
    const { tty } = this;
    if (this.hungUp) return -EIO;
    if ((tty.termios.lflag & TOSTOP) !== 0) {
      const denied = checkForeground(tty, tty.kernel.current, SIGTTOU);
      if (denied !== 0) return denied;
    }
    let total = 0;
    while (io.remaining > 0) {
      const want = io.window(CHUNK, false);
      if (want === 0) return total > 0 ? total : -EFAULT;
      copyWindow(io, chunk, want);
      const n = tty.write(chunk, 0, want);
      io.advance(n);
      total += n;
      if (n < want) break;
    }
    if (total > 0) touch(this.inode, false);
    return total > 0 || io.remaining === 0 ? total : -EAGAIN;
  }

  override poll(): number {
    if (this.hungUp) return HUNG_UP_EVENTS;
    const { tty } = this;
    const cc = tty.termios.cc;
    const min = cc[VTIME] === 0 && cc[VMIN]! > 0 ? cc[VMIN]! : 1;
    let events = 0;
    if (tty.line.available(min)) events |= POLLIN | POLLRDNORM;
    if (tty.writeRoom() > 0) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (this.hungUp) return cmd === TIOCSPGRP ? -ENOTTY : -EIO;
    return slaveIoctl(this, cmd, arg, caller);
  }

  override release(): void {
    this.tty.closed(this);
  }

  private get nonBlocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  // TtySide: requests about this side's own buffers.

  get exclusiveHolder(): Tty {
    return this.tty;
  }
  get inputCount(): number {
    return this.tty.line.readable;
  }
  flushInput(): void {
    this.tty.flushInput();
  }
  flushOutput(): void {
    this.tty.discardOutput();
  }
  stop(on: boolean): void {
    this.tty.stopByCall(on);
  }
  sendUrgent(c: number): void {
    const { tty } = this;
    // Output stopped by ^S is started for it; output stopped by tcflow is not.
    if (tty.stoppedByCall || tty.master.output.room === 0) return;
    tty.master.output.push(c);
    tty.master.outputArrived();
  }
  inject(byte: Uint8Array): void {
    this.tty.inject(byte);
  }
}

/** Terminals tell when they were used only to within 8 seconds (so that nobody can time keystrokes). */
export function touch(inode: Inode, read: boolean): void {
  const sec = inode.fs.env.clock.now();
  if (read) {
    if (Math.abs(sec - inode.atimeSec) >= 8) {
      inode.atimeSec = sec;
      inode.atimeNsec = 0;
    }
  } else if (Math.abs(sec - inode.mtimeSec) >= 8) {
    inode.mtimeSec = sec;
    inode.mtimeNsec = 0;
  }
}

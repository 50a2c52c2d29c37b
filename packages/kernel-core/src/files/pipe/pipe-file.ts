import {
  EFAULT,
  EINVAL,
  ENFILE,
  ENOMEM,
  ENOTTY,
  ENXIO,
  FIONREAD,
  O_ACCMODE,
  O_DIRECT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PIPE_DEF_BUFFERS,
} from '@sandbox/abi';
import {
  type Credentials,
  File,
  type Inode,
  type IoBuf,
  type IoctlCaller,
  type WaitQueue,
} from '@sandbox/vfs';
import { Pipe } from './pipe.js';
import type { PipeBuffers } from './pipe-buffers.js';

const word = new Uint8Array(4);
const wordView = new DataView(word.buffer);

/** Store a C int for an ioctl: 0 or -EFAULT. */
export function copyOutInt(caller: IoctlCaller, addr: number, value: number): number {
  wordView.setInt32(0, value, true);
  return caller.memory.copyOut(addr, word, 0, 4) < 0 ? -EFAULT : 0;
}

/** An end of a pipe, or an open FIFO (which may be both ends). */
export class PipeFile extends File {
  /** FIFO: how often the other end had been opened when this was; it is waited for until that changes. */
  private waitsFor = -1;
  /** FIFO opened for reading without waiting: no POLLHUP until a writer has been there (Linux: f_version). */
  private hangupAfter = -1;

  constructor(
    inode: Inode,
    readonly pipe: Pipe,
    flags: number,
    private readonly named: boolean,
  ) {
    super(inode, flags);
    if (this.readable) pipe.addReader();
    if (this.writable) pipe.addWriter();
  }

  override read(io: IoBuf, _offset: number): number {
    return this.pipe.read(io);
  }

  override write(io: IoBuf, _offset: number): number {
    return this.pipe.write(io, (this.flags & O_DIRECT) !== 0);
  }

  override poll(): number {
    const pipe = this.pipe;
    let mask = 0;
    if (this.readable) mask |= pipe.pollRead(pipe.writers === 0 && this.hangupAfter !== pipe.writerOpens);
    if (this.writable) mask |= pipe.pollWrite();
    return mask;
  }

  override get waitQueue(): WaitQueue {
    return this.pipe.queue;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    return copyOutInt(caller, arg, this.pipe.byteCount);
  }

  /** fifo(7): a blocking open waits until the other end is opened, if only for a moment. */
  waitForPartner(): void {
    const pipe = this.pipe;
    if (this.flags & O_NONBLOCK) {
      if (pipe.writers === 0) this.hangupAfter = pipe.writerOpens;
    } else if ((this.flags & O_ACCMODE) === O_RDONLY) {
      if (pipe.writers === 0) this.waitsFor = pipe.writerOpens;
    } else if (pipe.readers === 0) this.waitsFor = pipe.readerOpens;
  }

  override openPending(): boolean {
    if (this.waitsFor < 0) return false;
    const opens = (this.flags & O_ACCMODE) === O_RDONLY ? this.pipe.writerOpens : this.pipe.readerOpens;
    if (opens === this.waitsFor) return true;
    this.waitsFor = -1;
    return false;
  }

  override release(): void {
    if (this.readable) this.pipe.removeReader();
    if (this.writable) this.pipe.removeWriter();
  }

  override get label(): string {
    return `pipe:[${this.inode.ino}]`;
  }

  /** A named one shows its path in /proc/pid/fd instead of `label`. */
  get isFifo(): boolean {
    return this.named;
  }
}

/**
 * Make a pipe for `uid`: pipe(2). `flags`: O_NONBLOCK and O_DIRECT count. The ends go to `ends[0]` (reading)
 * and `ends[1]`. 0 or -ENFILE.
 */
export function makePipe(
  inode: Inode,
  buffers: PipeBuffers,
  uid: number,
  privileged: boolean,
  flags: number,
  ends: File[],
): number {
  const slots = buffers.chargeNew(uid, PIPE_DEF_BUFFERS, privileged);
  if (slots === 0) return -ENFILE;
  const pipe = new Pipe(buffers, slots, uid);
  ends[1] = new PipeFile(inode, pipe, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), false);
  ends[0] = new PipeFile(inode, pipe, O_RDONLY | (flags & O_NONBLOCK), false);
  return 0;
}

/** The buffers of FIFOs in use, by the inode they are opened through. */
export class Fifos {
  private readonly pipes = new WeakMap<Inode, Pipe>();
  /** Those of pipe(2): opening one waits for nobody. */
  private readonly nameless = new WeakSet<Inode>();

  constructor(private readonly buffers: PipeBuffers) {}

  /** A pipe of pipe(2) is about to be opened anew, through /proc/PID/fd. */
  adopt(file: PipeFile): void {
    if (file.isFifo) return;
    this.pipes.set(file.inode, file.pipe);
    this.nameless.add(file.inode);
  }

  /**
   * Open a FIFO (fifo(7)). The description may say `openPending` until the other end comes. -ENXIO: opened
   * for writing with O_NONBLOCK and nobody reads. -ENOMEM: no room for its buffer.
   */
  open(inode: Inode, flags: number, cred: Credentials): File | number {
    const mode = flags & O_ACCMODE;
    if (mode === O_ACCMODE) return -EINVAL;
    let pipe = this.pipes.get(inode);
    const named = !this.nameless.has(inode);
    const inUse = pipe !== undefined && pipe.readers + pipe.writers > 0;
    if (named && mode === O_WRONLY && (flags & O_NONBLOCK) !== 0 && !(inUse && pipe!.readers > 0))
      return -ENXIO;
    if (!inUse) {
      const slots = this.buffers.chargeNew(cred.fsuid, PIPE_DEF_BUFFERS, false);
      if (slots === 0) return -ENOMEM;
      pipe = new Pipe(this.buffers, slots, cred.fsuid);
      this.pipes.set(inode, pipe);
    }
    const file = new PipeFile(inode, pipe!, flags, named);
    if (named && mode !== O_RDWR) file.waitForPartner();
    return file;
  }
}

import { POLLHUP, POLLIN, POLLOUT } from '@sandbox/abi';
import { BytesIo, type File, type FsContext, KERNEL_CREDENTIALS, WaitEntry, type Waiter } from '@sandbox/vfs';
import type { Cred } from '../../process/cred/cred.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import type { Devpts } from './devpts.js';
import { giveTerminal } from './job-control.js';
import type { PtyMaster } from './pty-master.js';
import type { Tty } from './tty.js';
import { ttysOf } from './ttys.js';

/** What an embedder wants of a terminal at its start. */
export interface EmbedderTerminalOptions {
  rows: number;
  columns: number;
  /**
   * Receives what programs write, as they write it; the bytes are the receiver's own. Answers false to hold
   * further output back until `resumeOutput`; programs then block when the terminal's buffer is full.
   */
  onOutput(bytes: Uint8Array): boolean;
  /**
   * All programs have closed it (or the terminal was hung up): no more output comes unless one opens it anew.
   */
  onClosed?(): void;
}

/**
 * A terminal whose other side is the embedder: what it types goes in by `input`, what programs print comes
 * out by `onOutput`. Programs see a /dev/pts/N. All methods are to be called within `kernel.run`.
 */
export class EmbedderTerminal implements Waiter {
  readonly tty: Tty;
  private readonly master: PtyMaster;
  private readonly entry = new WaitEntry(this);
  /** Input the terminal has had no room for. */
  private readonly waiting: Uint8Array[] = [];
  private readonly io = new BytesIo();
  private held = false;
  private draining = false;
  private toldClosed = false;
  /** Called when all input that waited has been taken. */
  onDrain: (() => void) | null = null;

  /** Throws when there are too many terminals already. */
  constructor(
    readonly kernel: KernelCore,
    private readonly options: EmbedderTerminalOptions,
    devpts: Devpts = ttysOf(kernel).devpts,
  ) {
    const node = devpts.create(KERNEL_CREDENTIALS);
    if (typeof node === 'number') throw new RangeError('too many terminals in this kernel');
    this.tty = node.tty;
    this.master = node.tty.master;
    this.master.locked = false;
    this.tty.resize(options.rows, options.columns, 0, 0);
    ttysOf(kernel).console ??= this.tty;
    this.master.queue.add(this.entry, POLLIN | POLLOUT | POLLHUP);
  }

  /** Open it for a program, as descriptors 0, 1 and 2 share it. A File, or -errno. */
  openFor(ctx: FsContext, flags: number, cred: Cred): File | number {
    return ttysOf(this.kernel).openPeer(this.tty, flags, ctx, cred);
  }

  /**
   * Make it the controlling terminal of a process that leads a session of its own and has not run yet. Its
   * user becomes the owner.
   */
  attach(process: ThreadGroup): void {
    giveTerminal(this.tty, process);
    const node = this.tty.devpts.nodes.get(this.tty.index);
    if (node !== undefined) node.uid = process.leader.cred.uid;
  }

  /**
   * Type `bytes` (copied when they must wait). True when they were all taken; else the embedder should wait
   * for `onDrain` before it types more.
   */
  input(bytes: Uint8Array): boolean {
    if (this.master.closed) return true;
    if (this.waiting.length > 0) this.waiting.push(bytes.slice());
    else {
      const n = Math.max(this.master.write(this.io.reset(bytes)), 0);
      if (n < bytes.length) this.waiting.push(bytes.slice(n));
    }
    return this.waiting.length === 0;
  }

  private writeWaiting(): void {
    if (this.waiting.length === 0) return;
    while (this.waiting.length > 0) {
      const bytes = this.waiting[0]!;
      const n = Math.max(this.master.write(this.io.reset(bytes)), 0);
      if (n < bytes.length) {
        this.waiting[0] = bytes.subarray(n);
        return;
      }
      this.waiting.shift();
    }
    this.onDrain?.();
  }

  /** Deliver output again after `onOutput` answered false. */
  resumeOutput(): void {
    this.held = false;
    this.deliver();
  }

  private deliver(): void {
    // A receiver may type in return, whose echo is output again: the outer loop takes it.
    if (this.draining) return;
    this.draining = true;
    const { output } = this.master;
    try {
      while (!this.held && output.length > 0) {
        const bytes = output.peek().slice();
        output.skip(bytes.length);
        this.tty.outputTaken();
        if (!this.options.onOutput(bytes)) this.held = true;
      }
    } finally {
      this.draining = false;
    }
    if (!this.master.slaveClosed) this.toldClosed = false;
    else if (output.length === 0) this.tellClosed();
  }

  private tellClosed(): void {
    if (this.toldClosed) return;
    this.toldClosed = true;
    this.options.onClosed?.();
  }

  /** Waiter: the terminal has output, or room for input. Stays in the queue. */
  onWake(events: number): boolean {
    this.deliver();
    if ((events & POLLOUT) !== 0) this.writeWaiting();
    return false;
  }

  /** The window has another size: SIGWINCH. */
  resize(rows: number, columns: number, xpixels = 0, ypixels = 0): void {
    this.tty.resize(rows & 0xffff, columns & 0xffff, xpixels & 0xffff, ypixels & 0xffff);
  }

  get rows(): number {
    return this.tty.rows;
  }
  get columns(): number {
    return this.tty.columns;
  }

  /** Close the window: programs on it hear SIGHUP, reads end, writes fail with EIO. */
  hangup(): void {
    if (this.master.closed) return;
    this.deliver();
    this.entry.remove();
    this.waiting.length = 0;
    this.master.close();
    this.tellClosed();
  }
}

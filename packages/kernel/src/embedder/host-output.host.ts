/** Writing to a descriptor of the embedder's without ever blocking its event loop. */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { EAGAIN, EFAULT, EIO, ENOSPC, EPIPE, O_WRONLY, POLLERR, POLLOUT, POLLWRNORM } from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { hostDuplicate } from '@sandbox/native';
import { type File, type IoBuf, WaitQueue } from '@sandbox/vfs';
import { HostDescriptorFile, HostInode, type HostUsers } from './host-inode.host.js';

const CHUNK = 65536;
const RETRY_MS = 2;
const ERRNOS: Readonly<Record<string, number>> = { EPIPE, ENOSPC, EAGAIN, ECONNRESET: EPIPE };

function errnoOf(error: unknown): number {
  return ERRNOS[(error as NodeJS.ErrnoException).code ?? ''] ?? EIO;
}

/**
 * One descriptor of the embedder's as a kernel's guests write to it. Its description is shared with others
 * who must not find it non-blocking all at once: a pipe or terminal is opened anew. What finds no room goes
 * on through a stream of Node's, which knows when there is room again; until then the guest waits.
 */
export class HostSink {
  readonly queue = new WaitQueue();
  /** Descriptor that is written to: `fd`, or a non-blocking one of our own. */
  private readonly target: number;
  private readonly own: boolean;
  private readonly canWait: boolean;
  private stream: Socket | null = null;
  private timer: NodeJS.Timeout | null = null;
  private broken = 0;
  private closed = false;

  constructor(
    private readonly kernel: KernelCore,
    readonly fd: number,
    lent = false,
  ) {
    const stat = fstatSync(fd);
    const terminal = isatty(fd);
    let reopened = stat.isFIFO() || terminal ? reopen(fd) : -1;
    // One that is closed after its last use must stay open for what is still on its way.
    if (reopened < 0 && lent) reopened = hostDuplicate(fd);
    this.own = reopened >= 0;
    this.target = this.own ? reopened : fd;
    this.canWait = stat.isSocket() || (stat.isFIFO() && this.own);
    // A socket cannot be opened anew. Node itself makes inherited ones non-blocking.
    if (stat.isSocket()) this.startStream();
  }

  /** Bytes taken, or -errno; -EAGAIN: there is no room, `queue` tells when there is. */
  write(io: IoBuf): number {
    if (this.broken !== 0) return -this.broken;
    if (this.busy) return -EAGAIN;
    let done = 0;
    while (io.remaining > 0) {
      const n = io.window(CHUNK, false);
      if (n === 0) return done > 0 ? done : -EFAULT;
      const wrote = this.writeNow(io, n);
      if (wrote === -EAGAIN) return done + this.writeLater(io, n);
      if (wrote < 0) return done > 0 ? done : wrote;
      io.advance(wrote);
      done += wrote;
    }
    return done;
  }

  private writeNow(io: IoBuf, length: number): number {
    try {
      return writeSync(this.target, io.bytes, io.start, length);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === EPIPE) this.broken = EPIPE;
      return -errno;
    }
  }

  /**
   * Hand the next bytes to a stream, or look again soon. Bytes taken, at least one: or none, when only time
   * helps.
   */
  private writeLater(io: IoBuf, length: number): number {
    if (!this.canWait) {
      this.timer ??= setTimeout(() => {
        this.timer = null;
        this.wake();
      }, RETRY_MS);
      return -EAGAIN;
    }
    const bytes = Buffer.allocUnsafe(length);
    bytes.set(io.bytes.subarray(io.start, io.start + length));
    io.advance(length);
    this.startStream().write(bytes, () => this.wake());
    return length;
  }

  private startStream(): Socket {
    if (this.stream !== null) return this.stream;
    const stream = new Socket({ fd: this.target, readable: false, writable: true });
    stream.on('error', (error) => {
      this.broken = errnoOf(error);
      this.wake();
    });
    this.stream = stream;
    return stream;
  }

  private get busy(): boolean {
    return this.timer !== null || (this.stream !== null && this.stream.writableLength > 0);
  }

  private wake(): void {
    if (this.kernel.dead) return;
    this.kernel.run(() => this.queue.wake(POLLOUT | POLLWRNORM | (this.broken !== 0 ? POLLERR : 0)));
  }

  poll(): number {
    if (this.broken !== 0) return POLLERR | POLLOUT | POLLWRNORM;
    return this.busy ? 0 : POLLOUT | POLLWRNORM;
  }

  /** No guest writes any more. What was taken is still delivered. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    if (this.stream === null) {
      if (this.own) closeSync(this.target);
    } else if (this.own) {
      if (this.stream.writableLength > 0) this.stream.end();
      else this.stream.destroy();
    } else this.stream.unref();
  }
}

/**
 * The pipe or terminal behind `fd` by a non-blocking description of our own; -1 when /proc does not give it.
 */
function reopen(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return -1;
  }
}

/** The guest's file for a descriptor to write to. */
export class HostOutput extends HostDescriptorFile {
  constructor(
    private readonly sink: HostSink,
    node: HostInode,
    flags: number,
    users: HostUsers | null,
  ) {
    super(node, flags, users);
  }

  override write(io: IoBuf, _offset: number): number {
    return this.sink.write(io);
  }
  override poll(): number {
    return this.sink.poll();
  }
  override get waitQueue(): WaitQueue {
    return this.sink.queue;
  }
}

/** A file that writes to `sink`. */
export function hostOutput(kernel: KernelCore, sink: HostSink, users: HostUsers | null = null): File {
  const make = (node: HostInode, flags: number): File => new HostOutput(sink, node, flags, users);
  return make(new HostInode(kernel, sink.fd, make, O_WRONLY), O_WRONLY);
}

/** Reading from a descriptor of the embedder's: a guest that waits for input does not block the embedder. */
import { constants, createReadStream, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream as TtyReadStream } from 'node:tty';
import { EAGAIN, EFAULT, EIO, O_RDONLY, POLLHUP, POLLIN, POLLRDNORM } from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { hostDuplicate } from '@sandbox/native';
import { type File, type IoBuf, WaitQueue } from '@sandbox/vfs';
import { HostDescriptorFile, HostInode, type HostUsers } from './host-inode.host.js';

const CHUNK = 65536;
const MAX_QUEUED = 4 * CHUNK;

/** What a guest can read from. */
export interface HostSource {
  readonly fd: number;
  readonly queue: WaitQueue | null;
  read(io: IoBuf): number;
  poll(): number;
  close(): void;
}

/**
 * A regular file: read when asked, so that what the guest leaves is there for the next reader of the
 * description.
 */
class FileSource implements HostSource {
  readonly queue = null;
  constructor(readonly fd: number) {}

  read(io: IoBuf): number {
    const n = io.window(CHUNK, true);
    if (n === 0) return io.remaining === 0 ? 0 : -EFAULT;
    try {
      const got = readSync(this.fd, io.bytes, io.start, n, null);
      io.advance(got);
      return got;
    } catch {
      return -EIO;
    }
  }
  poll(): number {
    return POLLIN | POLLRDNORM;
  }
  close(): void {}
}

/**
 * Anything that may have to be waited for. Reading begins when a guest first asks: before, the input is
 * somebody else's.
 */
class StreamSource implements HostSource {
  readonly queue = new WaitQueue();
  private readonly chunks: Buffer[] = [];
  private queued = 0;
  private ended = false;
  private stream: Readable | null = null;

  constructor(
    private readonly kernel: KernelCore,
    readonly fd: number,
    private readonly lent: boolean,
  ) {}

  private start(): void {
    if (this.ended) return;
    if (this.stream !== null) {
      if (this.queued < MAX_QUEUED) this.stream.resume();
      return;
    }
    this.stream = inputStream(this.fd, this.lent)
      .on('data', this.onData)
      .on('end', this.onEnd)
      .on('error', this.onEnd)
      .on('close', this.onEnd);
  }

  private readonly onData = (bytes: Buffer): void => {
    this.chunks.push(bytes);
    this.queued += bytes.length;
    if (this.queued >= MAX_QUEUED) this.stream!.pause();
    this.wake(POLLIN | POLLRDNORM);
  };

  private readonly onEnd = (): void => {
    if (this.ended) return;
    this.ended = true;
    this.wake(POLLIN | POLLRDNORM | POLLHUP);
  };

  private wake(events: number): void {
    if (!this.kernel.dead) this.kernel.run(() => this.queue.wake(events));
  }

  read(io: IoBuf): number {
    if (io.remaining === 0) return 0;
    const first = this.chunks[0];
    if (first === undefined) {
      if (this.ended) return 0;
      this.start();
      return -EAGAIN;
    }
    const n = io.put(first, 0, Math.min(first.length, io.remaining));
    if (n === 0) return -EFAULT;
    this.queued -= n;
    if (n === first.length) this.chunks.shift();
    else this.chunks[0] = first.subarray(n);
    this.start();
    return n;
  }

  poll(): number {
    if (this.chunks.length === 0 && !this.ended) this.start();
    const data = this.chunks.length > 0 ? POLLIN | POLLRDNORM : 0;
    return this.ended ? data | POLLIN | POLLRDNORM | POLLHUP : data;
  }

  close(): void {
    const { stream } = this;
    this.ended = true;
    this.chunks.length = 0;
    if (stream === null) return;
    stream.off('data', this.onData);
    // The process's own stdin stays its own.
    if (stream === process.stdin) stream.pause();
    else stream.destroy();
  }
}

/** A stream of `fd` that leaves the shared description as it is: opened anew where that works. */
function inputStream(fd: number, lent: boolean): Readable {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  const stat = fstatSync(fd);
  try {
    const path = `/proc/self/fd/${fd}`;
    if (isatty(fd)) return new TtyReadStream(openSync(path, flags));
    // A FIFO with a name would not tell the end when its last writer has gone before.
    if (stat.isFIFO() && readlinkSync(path).startsWith('pipe:')) {
      return new Socket({ fd: openSync(path, flags), readable: true, writable: false });
    }
  } catch {
    // /proc is missing, or the pipe belongs to somebody else.
  }
  if (lent && stat.isSocket()) return new Socket({ fd: hostDuplicate(fd), readable: true, writable: false });
  if (fd === 0) return process.stdin;
  return createReadStream('', { fd, autoClose: false });
}

/** Where a guest's input from `fd` comes from. `lent`: it is closed after its last use. */
export function hostSource(kernel: KernelCore, fd: number, lent = false): HostSource {
  return fstatSync(fd).isFile() ? new FileSource(fd) : new StreamSource(kernel, fd, lent);
}

/** The guest's file for a descriptor to read from. */
class HostInput extends HostDescriptorFile {
  constructor(
    private readonly source: HostSource,
    node: HostInode,
    flags: number,
    users: HostUsers | null,
  ) {
    super(node, flags, users);
  }

  override read(io: IoBuf, _offset: number): number {
    return this.source.read(io);
  }
  override poll(): number {
    return this.source.poll();
  }
  override get waitQueue(): WaitQueue | null {
    return this.source.queue;
  }
}

/** A file that reads from `source`. */
export function hostInput(kernel: KernelCore, source: HostSource, users: HostUsers | null = null): File {
  const make = (node: HostInode, flags: number): File => new HostInput(source, node, flags, users);
  return make(new HostInode(kernel, source.fd, make, O_RDONLY), O_RDONLY);
}

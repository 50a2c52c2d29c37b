/** Guest files that are the embedder's own descriptors: `stdio: 'inherit'`. */
import { createReadStream, fstatSync, type ReadStream, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import {
  EACCES,
  EAGAIN,
  EFAULT,
  EIO,
  EPIPE,
  O_ACCMODE,
  O_RDONLY,
  O_WRONLY,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  S_IFCHR,
  S_IFIFO,
} from '@sandbox/abi';
import { File, type IoBuf, WaitQueue } from '@sandbox/vfs';
import { AnonInode } from '../fs/anon-inode.js';
import type { KernelCore } from '../kernel/kernel-core.js';

const MAX_QUEUED = 1024 * 1024;
const RETRY_MS = 2;

/** Inode of a descriptor of the embedder's. Opened anew (/dev/stdin, /proc/self/fd/1) it leads to the same descriptor. */
class HostInode extends AnonInode {
  constructor(
    kernel: KernelCore,
    private readonly fd: number,
    private readonly make: (inode: HostInode, flags: number) => File,
    private readonly access: number,
  ) {
    super(kernel.io.hostFs, kindOf(fd), 0, 0);
  }

  override open(flags: number): File | number {
    return (flags & O_ACCMODE) === this.access ? this.make(this, flags) : -EACCES;
  }

  get label(): string {
    return `host:[${this.fd}]`;
  }
}

/** Writes go straight to the host descriptor, synchronously: order and backpressure are the host's. */
class HostOutput extends File {
  private readonly queue = new WaitQueue();
  private full = false;

  constructor(
    private readonly kernel: KernelCore,
    private readonly fd: number,
    private readonly node: HostInode,
    flags: number,
  ) {
    super(node, flags);
  }

  override write(io: IoBuf, _offset: number): number {
    let done = 0;
    while (io.remaining > 0) {
      const n = io.window(65536, false);
      if (n === 0) return done > 0 ? done : -EFAULT;
      const wrote = this.writeOut(io.bytes, io.start, n);
      if (wrote < 0) return done > 0 ? done : wrote;
      io.advance(wrote);
      done += wrote;
      if (wrote < n) return done;
    }
    return done;
  }

  private writeOut(bytes: Uint8Array, start: number, length: number): number {
    try {
      return writeSync(this.fd, bytes, start, length);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN') {
        this.retryLater();
        return -EAGAIN;
      }
      return code === 'EPIPE' ? -EPIPE : -EIO;
    }
  }

  /** The host descriptor is non-blocking and full. Node offers no readiness for a bare descriptor, so look again soon. */
  private retryLater(): void {
    if (this.full) return;
    this.full = true;
    setTimeout(() => {
      this.full = false;
      this.kernel.run(() => this.queue.wake(POLLOUT | POLLWRNORM));
    }, RETRY_MS);
  }

  override poll(): number {
    return this.full ? 0 : POLLOUT | POLLWRNORM;
  }
  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  override get label(): string {
    return this.node.label;
  }
}

/** Reads come through Node's loop: a guest that waits for input does not block the embedder. Shared by all who have it open. */
class HostSource {
  readonly queue = new WaitQueue();
  private readonly chunks: Buffer[] = [];
  private queued = 0;
  ended = false;
  private stream: ReadStream | null = null;
  private users = 0;

  constructor(
    private readonly kernel: KernelCore,
    private readonly fd: number,
  ) {}

  start(): void {
    if (this.stream) {
      if (this.queued < MAX_QUEUED) this.stream.resume();
      return;
    }
    const stream = inputStream(this.fd);
    this.stream = stream;
    stream.on('data', (chunk) => {
      const bytes = chunk as Buffer;
      this.chunks.push(bytes);
      this.queued += bytes.length;
      if (this.queued >= MAX_QUEUED) stream.pause();
      this.kernel.run(() => this.queue.wake(POLLIN | POLLRDNORM));
    });
    const end = (): void => {
      this.ended = true;
      this.kernel.run(() => this.queue.wake(POLLIN | POLLRDNORM | POLLHUP));
    };
    stream.on('end', end);
    stream.on('error', end);
    stream.on('close', end);
  }

  get empty(): boolean {
    return this.chunks.length === 0;
  }

  read(io: IoBuf): number {
    const first = this.chunks[0];
    if (!first) {
      if (this.ended) return 0;
      this.start();
      return -EAGAIN;
    }
    const n = io.put(first, 0, Math.min(first.length, io.remaining));
    if (n === 0 && io.remaining > 0) return -EFAULT;
    this.queued -= n;
    if (n === first.length) this.chunks.shift();
    else this.chunks[0] = first.subarray(n);
    if (!this.ended) this.start();
    return n;
  }

  acquire(): this {
    this.users++;
    return this;
  }
  release(): void {
    if (--this.users === 0) this.stream?.destroy();
  }
}

class HostInput extends File {
  private readonly source: HostSource;

  constructor(
    private readonly node: HostInode,
    flags: number,
    source: HostSource,
  ) {
    super(node, flags);
    this.source = source.acquire();
  }

  override read(io: IoBuf, _offset: number): number {
    return this.source.read(io);
  }

  override poll(): number {
    const { source } = this;
    if (source.empty && !source.ended) source.start();
    let mask = !source.empty || source.ended ? POLLIN | POLLRDNORM : 0;
    if (source.ended) mask |= POLLHUP;
    return mask;
  }
  override get waitQueue(): WaitQueue {
    return this.source.queue;
  }
  override release(): void {
    this.source.release();
    super.release();
  }
  override get label(): string {
    return this.node.label;
  }
}

function inputStream(fd: number): ReadStream {
  // Node's own stdin object knows pipes, sockets and terminals; a file is read as a file.
  if (fd === 0 && (isatty(0) || !fstatSync(0).isFile())) return process.stdin as unknown as ReadStream;
  return createReadStream('', { fd, autoClose: false });
}

function kindOf(fd: number): number {
  return isatty(fd) ? S_IFCHR | 0o620 : S_IFIFO | 0o600;
}

/** The embedder's descriptor `fd` to read from. */
export function hostInput(kernel: KernelCore, fd: number): File {
  const source = new HostSource(kernel, fd);
  const inode = new HostInode(kernel, fd, (node, flags) => new HostInput(node, flags, source), O_RDONLY);
  return new HostInput(inode, O_RDONLY, source);
}

/** The embedder's descriptor `fd` to write to. */
export function hostOutput(kernel: KernelCore, fd: number): File {
  const make = (node: HostInode, flags: number): File => new HostOutput(kernel, fd, node, flags);
  return make(new HostInode(kernel, fd, make, O_WRONLY), O_WRONLY);
}

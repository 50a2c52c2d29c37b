/** Guest files that are the embedder's own descriptors: `stdio: 'inherit'`. */
import { createReadStream, fstatSync, type ReadStream, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import {
  EAGAIN,
  EFAULT,
  EIO,
  EPIPE,
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
import type { KernelCore } from '../kernel/kernel-core.js';

const MAX_QUEUED = 1024 * 1024;
const RETRY_MS = 2;

/** Writes go straight to the host descriptor, synchronously: order and backpressure are the host's. */
class HostOutput extends File {
  private readonly queue = new WaitQueue();
  private full = false;

  constructor(
    private readonly kernel: KernelCore,
    private readonly fd: number,
  ) {
    super(kernel.io.hostInode(kindOf(fd)), O_WRONLY);
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
    return `host:[${this.fd}]`;
  }
}

/** Reads come through Node's loop: a guest that waits for input does not block the embedder. */
class HostInput extends File {
  private readonly queue = new WaitQueue();
  private readonly chunks: Buffer[] = [];
  private queued = 0;
  private ended = false;
  private stream: ReadStream | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly fd: number,
  ) {
    super(kernel.io.hostInode(kindOf(fd)), O_RDONLY);
  }

  private start(): void {
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

  override read(io: IoBuf, _offset: number): number {
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

  override poll(): number {
    if (this.chunks.length === 0 && !this.ended) this.start();
    let mask = this.chunks.length > 0 || this.ended ? POLLIN | POLLRDNORM : 0;
    if (this.ended) mask |= POLLHUP;
    return mask;
  }
  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  override release(): void {
    this.stream?.destroy();
    super.release();
  }
  override get label(): string {
    return `host:[${this.fd}]`;
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
  return new HostInput(kernel, fd);
}

/** The embedder's descriptor `fd` to write to. */
export function hostOutput(kernel: KernelCore, fd: number): File {
  return new HostOutput(kernel, fd);
}

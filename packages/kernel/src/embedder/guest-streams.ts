import { Readable, Writable } from 'node:stream';
import { EAGAIN, EPIPE, POLLERR, POLLHUP, POLLIN, POLLOUT } from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { BytesIo, type File, releaseFile, WaitEntry, type Waiter } from '@sandbox/vfs';

const CHUNK = 65536;
/** Chunks handed on before other work of the event loop gets its turn. */
const CHUNKS_A_TURN = 16;
const scratch = new Uint8Array(CHUNK);

/**
 * What a guest writes into a pipe, as a Node stream. Backpressure holds: an unread stream fills the pipe and
 * the guest waits.
 */
export class GuestReadable extends Readable implements Waiter {
  private readonly entry = new WaitEntry(this);
  private readonly io = new BytesIo();
  private wanted = false;
  private closedFile = false;
  /** The rest of the event loop has its turn. */
  private yielding = false;

  constructor(
    private readonly kernel: KernelCore,
    private readonly file: File,
  ) {
    super({ highWaterMark: CHUNK });
  }

  override _read(): void {
    this.wanted = true;
    this.pump();
  }

  private readonly pump = (): void => {
    if (!this.wanted || this.closedFile || this.yielding) return;
    for (let turn = 0; ; turn++) {
      if (turn === CHUNKS_A_TURN) {
        this.yielding = true;
        setImmediate(this.goOn);
        return;
      }
      const n = this.kernel.run(() => this.file.read(this.io.reset(scratch), 0));
      if (n === -EAGAIN) {
        this.listen();
        return;
      }
      if (n <= 0) {
        this.wanted = false;
        this.push(null);
        this.close();
        return;
      }
      this.wanted = this.push(Buffer.from(scratch.subarray(0, n)));
      if (!this.wanted) return;
    }
  };

  private readonly goOn = (): void => {
    this.yielding = false;
    this.pump();
  };

  private listen(): void {
    const queue = this.file.waitQueue;
    if (queue && this.entry.queue === null) queue.add(this.entry, POLLIN | POLLHUP | POLLERR);
  }

  /** Called inside the kernel: user code must not run there, so the stream goes on a turn later. */
  onWake(): boolean {
    this.entry.remove();
    queueMicrotask(this.pump);
    return true;
  }

  private close(): void {
    if (this.closedFile) return;
    this.closedFile = true;
    this.entry.remove();
    this.kernel.run(() => releaseFile(this.file));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.close();
    done(error);
  }

  /** The kernel is going away: end without touching it again. */
  abandon(): void {
    this.closedFile = true;
    this.entry.remove();
    if (!this.readableEnded && !this.destroyed) this.push(null);
  }
}

/** What a guest reads from a pipe, as a Node stream to write to. EPIPE when no reader is left. */
export class GuestWritable extends Writable implements Waiter {
  private readonly entry = new WaitEntry(this);
  private readonly io = new BytesIo();
  private rest: { bytes: Uint8Array; done: (error?: Error | null) => void } | null = null;
  private closedFile = false;

  constructor(
    private readonly kernel: KernelCore,
    private readonly file: File,
  ) {
    super({ highWaterMark: CHUNK });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.rest = { bytes: chunk, done };
    this.pump();
  }

  private readonly pump = (): void => {
    const rest = this.rest;
    if (!rest) return;
    if (this.closedFile) {
      this.finish(epipe());
      return;
    }
    while (rest.bytes.length > 0) {
      const n = this.kernel.run(() => this.file.write(this.io.reset(rest.bytes), 0));
      if (n === -EAGAIN) {
        const queue = this.file.waitQueue;
        if (queue && this.entry.queue === null) queue.add(this.entry, POLLOUT | POLLHUP | POLLERR);
        return;
      }
      if (n < 0) {
        this.finish(epipe());
        return;
      }
      rest.bytes = rest.bytes.subarray(n);
    }
    this.finish(null);
  };

  private finish(error: Error | null): void {
    const rest = this.rest;
    this.rest = null;
    rest?.done(error);
  }

  onWake(): boolean {
    this.entry.remove();
    queueMicrotask(this.pump);
    return true;
  }

  private close(): void {
    if (this.closedFile) return;
    this.closedFile = true;
    this.entry.remove();
    this.kernel.run(() => releaseFile(this.file));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.close();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.close();
    done(error);
  }

  abandon(): void {
    this.closedFile = true;
    this.entry.remove();
    this.finish(epipe());
  }
}

function epipe(): Error {
  return Object.assign(new Error('write EPIPE: the guest does not read any more'), {
    code: 'EPIPE',
    errno: -EPIPE,
    syscall: 'write',
  });
}

import { EAGAIN } from '@sandbox/abi';
import { BytesSink, BytesSource } from '../../src/core/bytes.js';
import type { Pair } from './channel.js';
import type { End } from './harness.js';

/** Byte `i` of the stream that begins with `seed`. */
export function byteAt(seed: number, i: number): number {
  return (Math.imul(i + seed, 2654435761) >>> 13) & 0xff;
}

/** Sends `size` bytes from one end to the other through a pair, and checks each that arrives. */
export class Transfer {
  sent = 0;
  received = 0;
  finished = false;
  private readonly chunk = new Uint8Array(65536);
  private readonly buffer = new Uint8Array(65536);

  /** @param chunk bytes a write; @param read bytes a read, 0: nothing is read */
  constructor(
    readonly from: End,
    readonly to: End,
    readonly size: number,
    readonly seed = 1,
    readonly chunkSize = 10_000,
    public readSize = 65536,
    readonly close = true,
  ) {}

  /** Writes and reads what can be. */
  pump(): void {
    const { tcp } = this.from;
    while (this.sent < this.size) {
      const n = Math.min(this.chunkSize, this.size - this.sent);
      for (let i = 0; i < n; i++) this.chunk[i] = byteAt(this.seed, this.sent + i);
      const taken = tcp.send(new BytesSource(this.chunk, 0, n), 0);
      if (taken === -EAGAIN) break;
      if (taken < 0) throw new Error(`send: ${taken}`);
      this.sent += taken;
      if (this.sent === this.size && this.close) tcp.shutdownSend();
    }
    if (this.readSize === 0) return;
    for (;;) {
      const n = this.to.tcp.read(new BytesSink(this.buffer, 0, this.readSize), 0, 0);
      if (n === -EAGAIN) return;
      if (n < 0) throw new Error(`read: ${n}`);
      if (n === 0) {
        this.finished = true;
        return;
      }
      for (let i = 0; i < n; i++) {
        if (this.buffer[i] !== byteAt(this.seed, this.received + i)) {
          throw new Error(`byte ${this.received + i} is wrong`);
        }
      }
      this.received += n;
    }
  }

  get done(): boolean {
    return this.close ? this.finished : this.received === this.size;
  }
}

/** Pumps transfers until they are done. Returns the virtual time it took, ms. */
export function runTransfers(pair: Pair, transfers: Transfer[], limit = 3_600_000): number {
  const start = pair.clock.time;
  const done = pair.run(() => {
    for (const transfer of transfers) transfer.pump();
    return transfers.every((transfer) => transfer.done);
  }, limit);
  if (!done) {
    const states = transfers.map((t) => `${t.received} of ${t.size}`).join(', ');
    throw new Error(`stuck after ${pair.clock.time - start} ms: ${states}`);
  }
  return pair.clock.time - start;
}

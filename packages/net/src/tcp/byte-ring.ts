import type { ByteSink, ByteSource } from '../core/bytes.js';
import { copyBytes } from '../core/bytes.js';
import { type BufferPool, LARGEST_BUFFER } from './buffer-pool.js';

/** Of every empty one; nothing is ever put in. */
const NO_BUFFERS: Uint8Array[] = [];
const SHIFT = 31 - Math.clz32(LARGEST_BUFFER);

/**
 * A stretch of a byte stream that grows when needed and holds no memory while empty: a ring in one buffer
 * while it is small, beyond that a chain of the largest buffers, so that a long one grows without moving what
 * it has. Positions are offsets from its first byte. Bytes may be put beyond the end (`writeAt`): a receiver
 * keeps there what came out of order.
 */
export class ByteRing {
  /** Bytes in the stretch. */
  length = 0;
  /** The buffers, all of one size, a power of two. More than one: of the largest. */
  private buffers: Uint8Array[] = NO_BUFFERS;
  /** Size of a buffer less one; -1 without any. */
  private mask = -1;
  /** Where the first byte is in the first buffer. */
  private head = 0;

  constructor(private readonly pool: BufferPool) {}

  private get chained(): boolean {
    return this.mask === LARGEST_BUFFER - 1;
  }

  /** How many bytes from the first one on it could hold. */
  get capacity(): number {
    return this.chained ? this.buffers.length * LARGEST_BUFFER - this.head : this.mask + 1;
  }

  /**
   * Makes room for `size` bytes from the first one on, of which `kept` have been written. false: there is no
   * memory.
   */
  reserve(size: number, kept: number): boolean {
    if (size <= this.capacity) return true;
    if (!this.chained && !this.enlarge(size, kept)) return false;
    while (size > this.capacity) {
      const more = this.pool.take(LARGEST_BUFFER);
      if (more === null) return false;
      this.buffers.push(more);
    }
    return true;
  }

  /** Moves a ring's bytes to a larger buffer. */
  private enlarge(size: number, kept: number): boolean {
    const buffer = this.pool.take(size);
    if (buffer === null) return false;
    if (kept > 0) this.read(0, kept, buffer, 0);
    if (this.mask >= 0) this.pool.give(this.buffers[0]);
    this.buffers = [buffer];
    this.mask = buffer.length - 1;
    this.head = 0;
    return true;
  }

  /** The buffer that holds position `at`, counted from the beginning of the first one. */
  private bufferAt(at: number): Uint8Array {
    return this.buffers[this.chained ? at >>> SHIFT : 0];
  }

  /** Adds up to `length` bytes of `source` at the end; room for them is reserved. How many came. */
  append(source: ByteSource, length: number): number {
    let n = 0;
    for (let at = this.head + this.length; n < length; at = this.head + this.length) {
      const from = at & this.mask;
      const run = Math.min(length - n, this.mask + 1 - from);
      const got = source.get(this.bufferAt(at), from, run);
      n += got;
      this.length = (this.length + got) | 0;
      if (got < run) break;
    }
    return n;
  }

  /** Writes `src[from, to)` at `offset`; room is reserved. `length` stays as it is. */
  writeAt(offset: number, src: Uint8Array, from: number, to: number): void {
    let at = this.head + offset;
    while (from < to) {
      const within = at & this.mask;
      const run = Math.min(to - from, this.mask + 1 - within);
      copyBytes(src, from, this.bufferAt(at), within, run);
      from += run;
      at += run;
    }
  }

  /** Copies `length` bytes from `offset` to `dst` at `to`. */
  read(offset: number, length: number, dst: Uint8Array, to: number): void {
    let at = this.head + offset;
    while (length > 0) {
      const within = at & this.mask;
      const run = Math.min(length, this.mask + 1 - within);
      copyBytes(this.bufferAt(at), within, dst, to, run);
      length -= run;
      to += run;
      at += run;
    }
  }

  /** Copies up to `length` bytes from `offset` to a sink, leaving them where they are. How many it took. */
  copyTo(offset: number, length: number, sink: ByteSink): number {
    let n = 0;
    while (n < length) {
      const at = this.head + offset + n;
      const within = at & this.mask;
      const run = Math.min(length - n, this.mask + 1 - within);
      const put = sink.put(this.bufferAt(at), within, run);
      n += put;
      if (put < run) break;
    }
    return n;
  }

  /** Drops `count` bytes from the front. */
  consume(count: number): void {
    // Whole numbers, also where `count` came out of a computation with others: a fraction would take memory
    // of its own.
    this.length = (this.length - count) | 0;
    this.head = (this.head + count) | 0;
    if (!this.chained) {
      this.head &= this.mask;
      return;
    }
    while (this.head >= LARGEST_BUFFER) {
      this.pool.give(this.buffers.shift()!);
      this.head -= LARGEST_BUFFER;
    }
    if (this.buffers.length === 0) this.clear();
  }

  /** Gives its memory back and forgets its bytes. */
  clear(): void {
    for (const buffer of this.buffers) this.pool.give(buffer);
    this.buffers = NO_BUFFERS;
    this.mask = -1;
    this.head = 0;
    this.length = 0;
  }
}

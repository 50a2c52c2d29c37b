import type { ByteSink, ByteSource } from '../core/bytes.js';
import { copyBytes } from '../core/bytes.js';
import type { BufferPool } from './buffer-pool.js';

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * A stretch of a byte stream in a ring that grows when needed and holds no memory while empty. Positions are offsets from its
 * first byte. Bytes may be put beyond the end (`writeAt`): a receiver keeps there what came out of order.
 */
export class ByteRing {
  /** Bytes in the stretch. */
  length = 0;
  private bytes = NOTHING;
  private head = 0;

  constructor(private readonly pool: BufferPool) {}

  /** Bytes of memory held. */
  get capacity(): number {
    return this.bytes.length;
  }

  /** Makes room for `size` bytes from the first one on, of which `kept` have been written. false: there is no memory. */
  reserve(size: number, kept: number): boolean {
    if (size <= this.bytes.length) return true;
    const old = this.bytes;
    const bytes = this.pool.take(size);
    if (bytes === null) return false;
    if (kept > 0) {
      const first = Math.min(kept, old.length - this.head);
      copyBytes(old, this.head, bytes, 0, first);
      copyBytes(old, 0, bytes, first, kept - first);
    }
    if (old.length > 0) this.pool.give(old);
    this.bytes = bytes;
    this.head = 0;
    return true;
  }

  /** Adds up to `length` bytes of `source` at the end; room for them is reserved. How many came. */
  append(source: ByteSource, length: number): number {
    const { bytes } = this;
    const at = (this.head + this.length) & (bytes.length - 1);
    const first = Math.min(length, bytes.length - at);
    let n = source.get(bytes, at, first);
    if (n === first && length > first) n += source.get(bytes, 0, length - first);
    this.length += n;
    return n;
  }

  /** Writes `src[from, to)` at `offset`; room is reserved. `length` stays as it is. */
  writeAt(offset: number, src: Uint8Array, from: number, to: number): void {
    const { bytes } = this;
    const at = (this.head + offset) & (bytes.length - 1);
    const length = to - from;
    const first = Math.min(length, bytes.length - at);
    copyBytes(src, from, bytes, at, first);
    if (length > first) copyBytes(src, from + first, bytes, 0, length - first);
  }

  /** Copies `length` bytes from `offset` to `dst` at `to`. */
  read(offset: number, length: number, dst: Uint8Array, to: number): void {
    const { bytes } = this;
    const at = (this.head + offset) & (bytes.length - 1);
    const first = Math.min(length, bytes.length - at);
    copyBytes(bytes, at, dst, to, first);
    if (length > first) copyBytes(bytes, 0, dst, to + first, length - first);
  }

  /** Copies up to `length` bytes from `offset` to a sink, leaving them where they are. How many it took. */
  copyTo(offset: number, length: number, sink: ByteSink): number {
    const { bytes } = this;
    const at = (this.head + offset) & (bytes.length - 1);
    const first = Math.min(length, bytes.length - at);
    const n = sink.put(bytes, at, first);
    return n === first && length > first ? n + sink.put(bytes, 0, length - first) : n;
  }

  /** One byte. */
  at(offset: number): number {
    return this.bytes[(this.head + offset) & (this.bytes.length - 1)];
  }

  /** Drops `count` bytes from the front. */
  consume(count: number): void {
    this.length -= count;
    this.head = (this.head + count) & (this.bytes.length - 1);
  }

  /** Gives its memory back and forgets its bytes. */
  clear(): void {
    if (this.bytes.length > 0) this.pool.give(this.bytes);
    this.bytes = NOTHING;
    this.head = 0;
    this.length = 0;
  }
}

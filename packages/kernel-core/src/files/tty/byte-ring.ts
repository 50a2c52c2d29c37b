import type { IoBuf } from '@sandbox/vfs';

const FIRST_SIZE = 1024;

/**
 * Bytes on their way between the two sides of a terminal: a bounded queue that takes memory only as it fills.
 */
export class ByteRing {
  private bytes: Uint8Array | null = null;
  private head = 0;
  /** Bytes held. */
  length = 0;

  /** @param limit a power of two: the most it holds. */
  constructor(readonly limit: number) {}

  get room(): number {
    return this.limit - this.length;
  }

  /** Append one byte; the caller saw that there is room. */
  push(byte: number): void {
    const b = this.reserve(1);
    b[(this.head + this.length) & (b.length - 1)] = byte;
    this.length++;
  }

  /** Append what fits of `src[start..start+count)`; returns how much that was. */
  write(src: Uint8Array, start: number, count: number): number {
    const n = Math.min(count, this.room);
    if (n <= 0) return 0;
    const b = this.reserve(n);
    const at = (this.head + this.length) & (b.length - 1);
    const first = Math.min(n, b.length - at);
    b.set(src.subarray(start, start + first), at);
    if (first < n) b.set(src.subarray(start + first, start + n), 0);
    this.length += n;
    return n;
  }

  /**
   * Move up to `io.remaining` bytes to the reader. Returns how many it took: fewer than there were means a
   * fault.
   */
  readTo(io: IoBuf): number {
    let total = 0;
    while (this.length > 0 && io.remaining > 0) {
      const b = this.bytes!;
      const run = Math.min(this.length, b.length - this.head, io.remaining);
      const n = io.put(b, this.head, run);
      this.skip(n);
      total += n;
      if (n < run) break;
    }
    return total;
  }

  /** The first contiguous run: valid until the next change. Empty when nothing is held. */
  peek(): Uint8Array {
    if (this.bytes === null) return NOTHING;
    return this.bytes.subarray(this.head, this.head + Math.min(this.length, this.bytes.length - this.head));
  }

  /** Drop the first `count` bytes. */
  skip(count: number): void {
    this.length -= count;
    this.head = this.length === 0 || this.bytes === null ? 0 : (this.head + count) & (this.bytes.length - 1);
  }

  /** Drop all but the first `count` bytes. */
  truncate(count: number): void {
    if (count < this.length) this.length = count;
  }

  clear(): void {
    this.length = 0;
    this.head = 0;
  }

  private reserve(count: number): Uint8Array {
    const old = this.bytes;
    const need = this.length + count;
    if (old !== null && need <= old.length) return old;
    let size = old === null ? FIRST_SIZE : old.length;
    while (size < need) size *= 2;
    const grown = new Uint8Array(size);
    if (old !== null) {
      const first = Math.min(this.length, old.length - this.head);
      grown.set(old.subarray(this.head, this.head + first), 0);
      if (first < this.length) grown.set(old.subarray(0, this.length - first), first);
    }
    this.head = 0;
    this.bytes = grown;
    return grown;
  }
}

const NOTHING = new Uint8Array(0);

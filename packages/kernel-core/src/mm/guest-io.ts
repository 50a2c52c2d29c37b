import { EFAULT, EINVAL, MAX_RW_COUNT, UIO_MAXIOV } from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import { copyBytes } from './copy-bytes.js';
import type { GuestAccess } from './guest-access.js';

const NO_BYTES = new Uint8Array(0);
const IOVEC_SIZE = 16;
/** Pointers from here on are no user addresses (access_ok). */
const USER_END = 0x7ffffffff000;

/**
 * A cursor over guest memory for file reads and writes: one range or an iovec array (readv(2)). Reusable;
 * nothing is allocated once the segment table exists.
 */
export class GuestIo implements IoBuf {
  remaining = 0;
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  private offset = 0;
  /** The current segment. */
  private addr = 0;
  private left = 0;
  /** Segments of an iovec array: base, length, base, length... */
  private segments: Float64Array | null = null;
  private next = 0;
  private count = 0;

  constructor(private readonly memory: GuestAccess) {}

  /** One range. Counts above MAX_RW_COUNT are cut, as every read and write does. */
  reset(addr: number, length: number): this {
    this.addr = addr;
    this.left = Math.min(length, MAX_RW_COUNT);
    this.remaining = this.left;
    this.next = 0;
    this.count = 0;
    return this;
  }

  /**
   * `count` segments described at `vector` in `source` (the caller's memory; the segments lie in this
   * cursor's). 0, -EINVAL (too many, negative length) or -EFAULT, as import_iovec. The total is cut to
   * MAX_RW_COUNT. `foreign`: the segments are another process's, whose addresses are not checked yet.
   */
  resetVector(source: GuestAccess, vector: number, count: number, foreign = false): number {
    this.reset(0, 0);
    if (count < 0 || count > UIO_MAXIOV) return -EINVAL;
    const table = (this.segments ??= new Float64Array(UIO_MAXIOV * 2));
    for (let i = 0; i < count; i++) {
      const base = source.load64(vector + i * IOVEC_SIZE);
      const length = base < 0 ? base : source.load64(vector + i * IOVEC_SIZE + 8);
      if (length < 0) return -EFAULT;
      // LONG_MAX itself rounds to 2^63 as a number: the sign is in the high word.
      if (length >= 2 ** 63 && source.load32(vector + i * IOVEC_SIZE + 12) >= 0x80000000) return -EINVAL;
      table[i * 2] = base;
      table[i * 2 + 1] = length;
    }
    let total = 0;
    for (let i = 0; i < count; i++) {
      const length = table[i * 2 + 1]!;
      if (!foreign && length > 0 && table[i * 2]! + length > USER_END) return -EFAULT;
      table[i * 2 + 1] = Math.min(length, MAX_RW_COUNT - total);
      total += table[i * 2 + 1]!;
    }
    this.count = count;
    this.remaining = total;
    return 0;
  }

  /**
   * Into `table`: base and length of every segment of the vector read last, of which there are
   * `segmentCount`.
   */
  copySegments(table: Float64Array): void {
    const own = this.segments!;
    for (let i = 0; i < 2 * this.count; i++) table[i] = own[i]!;
  }
  get segmentCount(): number {
    return this.count;
  }

  /** `count` segments that were checked before: base, length, base, length... */
  resetSegments(table: Float64Array, count: number): this {
    this.reset(0, 0);
    const own = (this.segments ??= new Float64Array(UIO_MAXIOV * 2));
    let total = 0;
    for (let i = 0; i < count; i++) {
      const length = Math.min(table[2 * i + 1]!, MAX_RW_COUNT - total);
      own[2 * i] = table[2 * i]!;
      own[2 * i + 1] = length;
      total += length;
    }
    this.count = count;
    this.remaining = total;
    return this;
  }

  /** Move to the next segment with bytes left; false at the end. */
  private more(): boolean {
    while (this.left === 0) {
      if (this.next >= this.count) return false;
      const table = this.segments!;
      this.addr = table[this.next * 2]!;
      this.left = table[this.next * 2 + 1]!;
      this.next++;
    }
    return true;
  }

  /** The next contiguous run of at most `max` bytes: its length, 0 on a fault or at the end. */
  private run(max: number, write: boolean): number {
    if (max <= 0 || !this.more()) return 0;
    const n = this.memory.locate(this.addr, write);
    if (n <= 0) return 0;
    const run = Math.min(n, max, this.left);
    return write ? Math.max(0, this.memory.mayWrite(run)) : run;
  }

  private consume(n: number): void {
    this.addr += n;
    this.left -= n;
    this.remaining -= n;
  }

  put(src: Uint8Array, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const n = this.run(length - done, true);
      if (n === 0) break;
      copyBytes(src, offset + done, this.memory.runBytes, this.memory.runIndex, n);
      this.consume(n);
      done += n;
    }
    return done;
  }

  get(dst: Uint8Array, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const n = this.run(length - done, false);
      if (n === 0) break;
      copyBytes(this.memory.runBytes, this.memory.runIndex, dst, offset + done, n);
      this.consume(n);
      done += n;
    }
    return done;
  }

  putZeros(length: number): number {
    let done = 0;
    while (done < length) {
      const n = this.run(length - done, true);
      if (n === 0) break;
      this.memory.runBytes.fill(0, this.memory.runIndex, this.memory.runIndex + n);
      this.consume(n);
      done += n;
    }
    return done;
  }

  window(max: number, forPut: boolean): number {
    const n = this.run(max, forPut);
    if (n === 0) return 0;
    this.bytes = this.memory.runBytes;
    this.start = this.memory.runIndex;
    this.offset = this.memory.runOffset;
    return n;
  }

  get hostAddress(): number {
    return this.memory.store.hostAddress(this.offset);
  }

  advance(count: number): void {
    this.consume(count);
  }
}

/** Size of the smallest buffer, bytes; all sizes are this times a power of two. */
export const SMALLEST_BUFFER = 4096;
/** Size of the largest, bytes. */
export const LARGEST_BUFFER = 65536;
const CLASSES = 5;
/** What each class keeps for the next taker, bytes; the largest ones are what bulk data moves through. */
const KEEP = 1 << 20;
const KEEP_LARGEST = 8 << 20;

/**
 * Memory for the byte streams of one stack, with a limit over all of them (tcp_mem of tcp(7)). Buffers that
 * come back are kept for the next one, so connections hold memory only while bytes wait in them, and a busy
 * one costs no allocation.
 */
export class BufferPool {
  /** Bytes in buffers now out. */
  used = 0;
  private readonly free: Uint8Array[][] = Array.from({ length: CLASSES }, () => []);

  /** @param limit bytes that may be out at once */
  constructor(public limit: number) {}

  /** Three quarters are out: windows and buffers stop growing. */
  get pressure(): boolean {
    return this.used > this.limit * 0.75;
  }

  /**
   * A buffer of `size` bytes or the next power of two, or else the largest; its contents are anything. null:
   * the limit is reached.
   */
  take(size: number): Uint8Array | null {
    const index = size <= SMALLEST_BUFFER ? 0 : Math.min(20 - Math.clz32(size - 1), CLASSES - 1);
    const bytes = SMALLEST_BUFFER << index;
    if (this.used + bytes > this.limit) return null;
    this.used += bytes;
    return this.free[index].pop() ?? new Uint8Array(bytes);
  }

  give(buffer: Uint8Array): void {
    this.used -= buffer.length;
    const index = 19 - Math.clz32(buffer.length);
    const kept = this.free[index];
    const keep = buffer.length === LARGEST_BUFFER ? KEEP_LARGEST : KEEP;
    if (kept.length * buffer.length < keep) kept.push(buffer);
  }
}

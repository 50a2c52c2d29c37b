import { CHUNK_SIZE, type MappingObserver } from '@sandbox/vfs';
import type { GuestStore } from '../mm/guest-store.js';
import { SharedAnon } from '../mm/shared-anon.js';

const PAGE = 4096;

/**
 * Memory that the kernel and the programs mapping it both write: the rings of asynchronous I/O. Nothing read
 * from it can be relied on; indices are masked by whoever uses them.
 */
export class RingPages implements MappingObserver {
  /** What programs map. */
  readonly pages: SharedAnon;
  private readonly words: Int32Array;
  private readonly base: number;

  private constructor(pages: SharedAnon, store: GuestStore, offset: number) {
    this.pages = pages;
    this.pages.addObserver(this);
    const chunk = store.chunk(offset);
    this.words = new Int32Array(chunk.buffer, chunk.byteOffset, chunk.length >> 2);
    this.base = (offset % CHUNK_SIZE) >> 2;
  }

  /** At least `bytes` zeroed bytes, at most CHUNK_SIZE; null when there is no memory. */
  static create(store: GuestStore, bytes: number): RingPages | null {
    const pages = new SharedAnon(store, Math.ceil(bytes / PAGE));
    const offset = pages.translate(0, pages.pages, true);
    return offset < 0 ? null : new RingPages(pages, store, offset);
  }

  /** Nothing takes the pages away. */
  invalidate(): void {}

  /** The word at byte `at`, unsigned. Ordered like an acquiring load. */
  load(at: number): number {
    return Atomics.load(this.words, this.base + (at >> 2)) >>> 0;
  }
  /** Ordered like a releasing store. */
  store(at: number, value: number): void {
    Atomics.store(this.words, this.base + (at >> 2), value | 0);
  }
  /** A 64-bit integer within +-2^53. */
  store64(at: number, value: number): void {
    const lo = value >>> 0;
    this.store(at, lo);
    this.store(at + 4, Math.floor((value - lo) / 4294967296));
  }
  orBits(at: number, bits: number): void {
    Atomics.or(this.words, this.base + (at >> 2), bits);
  }
  clearBits(at: number, bits: number): void {
    Atomics.and(this.words, this.base + (at >> 2), ~bits);
  }

  /** Let go of it; it stays while it is mapped. */
  free(): void {
    this.pages.removeObserver(this);
  }
}

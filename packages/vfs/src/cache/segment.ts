import { PAGE_SIZE, type SharedExtent } from '../core/page-store.js';

/** Unit of filling: presence is kept by block. */
export const BLOCK_SIZE = 65536;
export const PAGES_PER_BLOCK = BLOCK_SIZE / PAGE_SIZE;
/**
 * A file's pages lie in segments of this size, each contiguous in the store and reserved when first touched.
 */
export const SEGMENT_SIZE = 16 * 1024 * 1024;
export const BLOCKS_PER_SEGMENT = SEGMENT_SIZE / BLOCK_SIZE;
export const PAGES_PER_SEGMENT = SEGMENT_SIZE / PAGE_SIZE;

/**
 * A stretch of a file in the store: which of its blocks hold content, which of its pages were written by
 * guests.
 */
export class Segment {
  readonly blocks: number;
  private readonly present: Uint8Array;
  private dirty: Uint8Array | null = null;
  private dirtyCount = 0;

  constructor(
    /** In the store. */
    readonly offset: number,
    /** Reserved there: whole pages, at most SEGMENT_SIZE. */
    readonly bytes: number,
    /** Others have it too: they know what is present, and nothing is ever taken out or written. */
    readonly shared: SharedExtent | null = null,
  ) {
    this.blocks = Math.ceil(bytes / BLOCK_SIZE);
    this.present = shared ? shared.present : new Uint8Array(this.blocks);
  }

  has(block: number): boolean {
    return this.present[block] === 1;
  }
  add(block: number): void {
    this.present[block] = 1;
    if (this.shared) this.shared.filled += Math.min(BLOCK_SIZE, this.bytes - block * BLOCK_SIZE);
  }
  /** True when it was present. */
  remove(block: number): boolean {
    const was = this.present[block] === 1;
    this.present[block] = 0;
    return was;
  }

  get hasDirty(): boolean {
    return this.dirtyCount > 0;
  }
  /** Mark pages first..end-1; how many were clean. */
  markDirty(first: number, end: number): number {
    this.dirty ??= new Uint8Array(this.bytes / PAGE_SIZE);
    let fresh = 0;
    for (let i = first; i < end; i++) {
      if (this.dirty[i] === 0) {
        this.dirty[i] = 1;
        fresh++;
      }
    }
    this.dirtyCount += fresh;
    return fresh;
  }
  /** Forget marks of pages first..end-1; how many there were. */
  clearDirty(first: number, end: number): number {
    if (this.dirty === null || this.dirtyCount === 0) return 0;
    let gone = 0;
    const last = Math.min(end, this.dirty.length);
    for (let i = first; i < last; i++) {
      gone += this.dirty[i]!;
      this.dirty[i] = 0;
    }
    this.dirtyCount -= gone;
    return gone;
  }
  /** First dirty page in first..end-1, or -1. */
  nextDirty(first: number, end: number): number {
    if (this.dirty === null || this.dirtyCount === 0) return -1;
    const i = this.dirty.indexOf(1, first);
    return i >= 0 && i < end ? i : -1;
  }
  /** Where the dirty run that starts at `first` stops. */
  dirtyEnd(first: number, end: number): number {
    const last = Math.min(end, this.dirty!.length);
    let i = first;
    while (i < last && this.dirty![i] === 1) i++;
    return i;
  }

  /** Take over what `other`, a shorter segment of the same stretch, knows. */
  adopt(other: Segment): void {
    this.present.set(other.present);
    if (other.dirty === null) return;
    this.dirty = new Uint8Array(this.bytes / PAGE_SIZE);
    this.dirty.set(other.dirty);
    this.dirtyCount = other.dirtyCount;
  }
}

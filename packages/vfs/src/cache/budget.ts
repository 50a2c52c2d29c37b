import type { MemoryUser } from '../core/filesystem.js';

/** A file's cached pages: memory that can be given back. */
export interface Reclaimable {
  lruNext: Reclaimable | null;
  lruPrev: Reclaimable | null;
  readonly inBudget: boolean;
  /** Give everything back, mapped pages too when `mapped`; false when it cannot now. */
  reclaim(mapped: boolean): boolean;
}

/**
 * Looks at most at this many caches when the limit is passed, so that a row of mapped files does not make
 * each fill slow.
 */
const MAX_LOOKS = 64;

/** How many bytes of file content the caches of one file system may hold, least recently used first out. */
export class CacheBudget implements MemoryUser {
  used = 0;
  private head: Reclaimable | null = null;
  private tail: Reclaimable | null = null;
  /** When no room could be made: how far to grow before trying again. */
  private tryAgainAt = 0;

  constructor(readonly limit: number) {}

  /** `item` was used: it is the last to go. Joins the list when new. */
  touch(item: Reclaimable): void {
    if (this.tail === item) return;
    if (item.inBudget) this.unlink(item);
    item.lruPrev = this.tail;
    item.lruNext = null;
    if (this.tail) this.tail.lruNext = item;
    else this.head = item;
    this.tail = item;
  }

  remove(item: Reclaimable): void {
    if (item.inBudget) this.unlink(item);
  }

  private unlink(item: Reclaimable): void {
    if (item.lruPrev) item.lruPrev.lruNext = item.lruNext;
    else this.head = item.lruNext;
    if (item.lruNext) item.lruNext.lruPrev = item.lruPrev;
    else this.tail = item.lruPrev;
    item.lruNext = null;
    item.lruPrev = null;
  }

  /** Count `bytes` more, for `keep`; makes room among unmapped files when the limit is passed. */
  charge(bytes: number, keep: Reclaimable): void {
    this.used += bytes;
    if (this.used <= this.limit || this.used < this.tryAgainAt) return;
    this.shrink(this.limit, keep, false, MAX_LOOKS);
    this.tryAgainAt = this.used <= this.limit ? 0 : this.used + this.limit / 16;
  }

  uncharge(bytes: number): void {
    this.used -= bytes;
  }

  /** Reclaim, sparing `keep`, until at most `target` bytes are held or `looks` caches were looked at. */
  private shrink(target: number, keep: Reclaimable | null, mapped: boolean, looks: number): void {
    let item = this.head;
    const last = this.tail;
    while (item !== null && this.used > target && looks-- > 0) {
      const next: Reclaimable | null = item === last ? null : item.lruNext;
      if (item !== keep && !item.reclaim(mapped)) this.touch(item);
      item = next;
    }
  }

  /** Memory is short: give back what can be, `keep` excepted, unmapped files first. Bytes given back. */
  reclaim(bytes: number, keep: Reclaimable | null = null): number {
    const before = this.used;
    const target = Math.max(0, before - bytes);
    this.shrink(target, keep, false, Number.POSITIVE_INFINITY);
    this.shrink(target, keep, true, Number.POSITIVE_INFINITY);
    return before - this.used;
  }
}

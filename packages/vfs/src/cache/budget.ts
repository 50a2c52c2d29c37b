/** Something whose memory can be given back: a file's clean, unmapped pages. */
export interface Reclaimable {
  lruNext: Reclaimable | null;
  lruPrev: Reclaimable | null;
  readonly inBudget: boolean;
  /** Give everything back; false when it cannot now (mapped, dirty). */
  reclaim(): boolean;
}

/** Looks at most at this many caches in one round, so that a row of mapped files does not make each fill slow. */
const MAX_LOOKS = 64;

/** How many bytes of file content the caches of one file system may hold, least recently used first out. */
export class CacheBudget {
  used = 0;
  private head: Reclaimable | null = null;
  private tail: Reclaimable | null = null;

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

  /** Count `bytes` more, for `keep`; makes room when the limit is passed. */
  charge(bytes: number, keep: Reclaimable): void {
    this.used += bytes;
    if (this.used > this.limit) this.shrink(this.limit, keep);
  }

  uncharge(bytes: number): void {
    this.used -= bytes;
  }

  /** Reclaim until at most `target` bytes are held, sparing `keep`. */
  shrink(target: number, keep: Reclaimable | null): void {
    let item = this.head;
    for (let looks = 0; item !== null && this.used > target && looks < MAX_LOOKS; looks++) {
      const next: Reclaimable | null = item.lruNext;
      if (item !== keep && !item.reclaim()) this.touch(item);
      item = next;
    }
  }
}

/**
 * Which pages of a memory file are free. The file's offset space is vast (sparse), so the allocator prefers
 * quick reuse of small runs and otherwise hands out fresh space.
 */

/** Runs of up to this many pages are recycled by size without going through the free list. */
export const SMALL_RUN = 64;
const CHUNK_PAGES = 2 ** 18;
/**
 * What one entry of a processor's higher tables maps: 2 MiB. Longer runs can be had where that is possible.
 */
const LARGE = 512;

export class PageAllocator {
  /** First page never handed out yet. */
  private top = 0;
  /** Free runs by start page, sorted; neighbours are merged. */
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  /** Dirty small runs by size: their content must be cleared before reuse. */
  private readonly small: number[][] = [];
  private smallPages = 0;

  constructor(private readonly totalPages: number) {
    for (let i = 0; i <= SMALL_RUN; i++) this.small.push([]);
  }

  /** Set by `allocate`: the run came back dirty and must be cleared by the caller. */
  dirty = false;

  /** Pages from here on were never handed out. */
  get used(): number {
    return this.top;
  }

  /** Dirty pages kept for reuse, not yet given back to the host. */
  get cachedPages(): number {
    return this.smallPages;
  }

  /**
   * First page of a run of `pages`, or -1. Runs of at most a chunk do not straddle chunks; larger ones start
   * at a chunk. Those of 512 pages and more, if less than half a chunk, start `phase` pages behind a multiple
   * of 512 when that is not negative.
   */
  allocate(pages: number, phase = -1): number {
    this.dirty = false;
    if (phase >= 0 && pages >= LARGE && pages <= CHUNK_PAGES / 2) return this.inPhase(pages, phase);
    if (pages <= SMALL_RUN) {
      const start = this.fromSmall(pages);
      if (start >= 0) {
        this.smallPages -= pages;
        this.dirty = true;
        return start;
      }
    }
    const found = this.fromFree(pages);
    return found >= 0 ? found : this.fromTop(pages);
  }

  private inPhase(pages: number, phase: number): number {
    const found = this.fromFree(pages, phase);
    if (found >= 0) return found;
    const skip = distance(this.top, phase);
    const room = CHUNK_PAGES - (this.top % CHUNK_PAGES);
    // The next chunk begins at a multiple.
    const gap = skip + pages <= room ? skip : room + phase;
    if (this.top + gap + pages > this.totalPages) return -1;
    const start = this.top + gap;
    this.top = start + pages;
    this.insert(start - gap, Math.min(gap, room));
    if (gap > room) this.insert(start - phase, phase);
    return start;
  }

  /** From the runs kept: one of that size, or the beginning of the next longer one, whose rest stays. */
  private fromSmall(pages: number): number {
    if (this.smallPages < pages) return -1;
    for (let size = pages; size <= SMALL_RUN; size++) {
      const stack = this.small[size]!;
      if (stack.length === 0) continue;
      const start = stack.pop()!;
      if (size > pages) this.small[size - pages]!.push(start + pages);
      return start;
    }
    return -1;
  }

  private fromTop(pages: number): number {
    let start = this.top;
    const room = CHUNK_PAGES - (start % CHUNK_PAGES);
    if (pages > room) {
      this.insert(start, room === CHUNK_PAGES ? 0 : room);
      start += room === CHUNK_PAGES ? 0 : room;
    }
    if (start + pages > this.totalPages) return -1;
    this.top = start + pages;
    return start;
  }

  private fromFree(pages: number, phase = -1): number {
    const n = this.starts.length;
    // Newest (highest) runs first: they are likely the ones just freed.
    for (let i = n - 1, looked = 0; i >= 0 && looked < 64; i--, looked++) {
      const first = this.starts[i]!;
      if (this.lengths[i]! < pages) continue;
      let skip = phase < 0 ? 0 : distance(first, phase);
      const room = CHUNK_PAGES - (first % CHUNK_PAGES);
      // Behind the edge of a chunk it may go on.
      if (skip + pages > room) skip = room + Math.max(0, phase);
      const start = first + skip;
      const length = this.lengths[i]! - skip;
      if (length < pages || pages > CHUNK_PAGES) continue;
      if (skip > 0) {
        this.lengths[i] = skip;
        this.insert(start + pages, length - pages);
      } else if (length === pages) {
        this.starts.splice(i, 1);
        this.lengths.splice(i, 1);
      } else {
        this.starts[i] = start + pages;
        this.lengths[i] = length - pages;
      }
      return start;
    }
    return -1;
  }

  /** Keep a freed small run for reuse; false when it is not small or enough are kept. */
  recycle(start: number, pages: number, maxCached: number): boolean {
    if (pages > SMALL_RUN || this.smallPages + pages > maxCached) return false;
    this.small[pages]!.push(start);
    this.smallPages += pages;
    return true;
  }

  /**
   * The runs kept are many: neighbours are joined, and the longest go, by `giveBack` (which makes them clean
   * and frees them), until about `keep` pages are left. Without it the room would fill with pieces too small
   * for what is asked for.
   */
  sweep(keep: number, giveBack: (start: number, pages: number) => void): void {
    const runs: { start: number; pages: number }[] = [];
    for (let size = 1; size <= SMALL_RUN; size++) {
      for (const start of this.small[size]!) runs.push({ start, pages: size });
      this.small[size]!.length = 0;
    }
    runs.sort((a, b) => a.start - b.start);
    const joined: typeof runs = [];
    for (const run of runs) {
      const last = joined[joined.length - 1];
      const joins =
        last !== undefined && last.start + last.pages === run.start && run.start % CHUNK_PAGES !== 0;
      if (joins) last.pages += run.pages;
      else joined.push(run);
    }
    joined.sort((a, b) => b.pages - a.pages);
    for (const { start, pages } of joined) {
      if (pages > SMALL_RUN || this.smallPages > keep) {
        this.smallPages -= pages;
        giveBack(start, pages);
      } else this.small[pages]!.push(start);
    }
  }

  /** Return a clean run to the free list. */
  free(start: number, pages: number): void {
    this.insert(start, pages);
  }

  private insert(start: number, pages: number): void {
    if (pages === 0) return;
    let lo = 0;
    let hi = this.starts.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.starts[mid]! < start) lo = mid + 1;
      else hi = mid;
    }
    const before = lo - 1;
    const joinsBefore = before >= 0 && this.starts[before]! + this.lengths[before]! === start;
    const joinsAfter = lo < this.starts.length && start + pages === this.starts[lo];
    if (joinsBefore && joinsAfter) {
      this.lengths[before] = this.lengths[before]! + pages + this.lengths[lo]!;
      this.starts.splice(lo, 1);
      this.lengths.splice(lo, 1);
    } else if (joinsBefore) {
      this.lengths[before] = this.lengths[before]! + pages;
    } else if (joinsAfter) {
      this.starts[lo] = start;
      this.lengths[lo] = this.lengths[lo]! + pages;
    } else {
      this.starts.splice(lo, 0, start);
      this.lengths.splice(lo, 0, pages);
    }
  }
}

/** Pages from `page` to the next that is `phase` behind a multiple of 512. */
function distance(page: number, phase: number): number {
  return (phase - (page % LARGE) + LARGE) % LARGE;
}

import { ENOSPC } from '@sandbox/abi';
import { PAGE_SIZE, type PageStore } from '../core/page-store.js';

/** Largest piece of storage taken at once, in pages (16 MiB). */
const MAX_EXTENT = 4096;

/** Pages a file system may use; tells how many are left. */
export interface PageBudget {
  /** Take `pages`; false when the limit is reached. */
  reserve(pages: number): boolean;
  unreserve(pages: number): void;
  /** What a refusal means: ENOSPC, or EDQUOT. */
  readonly refusal: number;
}

/**
 * A run of file pages that lies contiguously in the store. Storage is taken ahead of need so that a growing
 * file stays in few pieces; *present* pages hold data, the others are holes that read as zeros and count
 * nowhere.
 */
export class Extent {
  /** Pages [0, prefix) are present while `bits` is null: the usual case of a file written front to back. */
  prefix = 0;
  /** One bit a page, once presence is no longer a prefix. */
  bits: Uint32Array | null = null;
  /**
   * Present pages that were only reserved (fallocate): they count, read as zeros, and are holes to lseek
   * until written.
   */
  raw: Uint32Array | null = null;

  constructor(
    /** First file page. */
    public start: number,
    public pages: number,
    /** Store offset of the first page. */
    public offset: number,
  ) {}

  get end(): number {
    return this.start + this.pages;
  }

  has(i: number): boolean {
    return this.bits === null ? i < this.prefix : ((this.bits[i >>> 5]! >>> (i & 31)) & 1) === 1;
  }

  /**
   * Note pages [i, i+n) as reserved only, where they are not present yet; as written, with `reserve` false.
   * Before `fill`.
   */
  noteRaw(i: number, n: number, reserve: boolean): void {
    if (!reserve && this.raw === null) return;
    this.raw ??= new Uint32Array((this.pages + 31) >>> 5);
    for (let k = i; k < i + n; k++) {
      if (!reserve) this.raw[k >>> 5] &= ~(1 << (k & 31));
      else if (!this.has(k)) this.raw[k >>> 5] |= 1 << (k & 31);
    }
  }

  /** Page `i` holds data, as lseek(2) sees it. */
  private holdsData(i: number): boolean {
    return this.has(i) && (this.raw === null || ((this.raw[i >>> 5] >>> (i & 31)) & 1) === 0);
  }

  /** First page >= i that holds data (or does not, with `data` false); `pages` when there is none. */
  seek(i: number, data: boolean): number {
    if (this.raw === null) return this.scan(i, data);
    while (i < this.pages && this.holdsData(i) !== data) i++;
    return i;
  }

  /** Mark pages [i, i+n) present; returns how many were not. */
  fill(i: number, n: number): number {
    if (this.bits === null) {
      if (i <= this.prefix) {
        const added = Math.max(0, i + n - this.prefix);
        this.prefix += added;
        return added;
      }
      this.materialize();
    }
    const bits = this.bits!;
    let added = 0;
    for (let k = i; k < i + n; k++) {
      const m = 1 << (k & 31);
      if ((bits[k >>> 5]! & m) === 0) {
        bits[k >>> 5]! |= m;
        added++;
      }
    }
    return added;
  }

  private materialize(): void {
    this.bits = new Uint32Array((this.pages + 31) >>> 5);
    const n = this.prefix;
    this.prefix = 0;
    for (let k = 0; k < n; k++) this.bits[k >>> 5]! |= 1 << (k & 31);
  }

  /** Present pages among [i, i+n). */
  countPresent(i: number, n: number): number {
    if (this.bits === null) return Math.max(0, Math.min(this.prefix, i + n) - i);
    let c = 0;
    for (let k = i; k < i + n; k++) if (this.has(k)) c++;
    return c;
  }

  /** First page >= i that is present (or absent, with `present` false); `pages` when there is none. */
  scan(i: number, present: boolean): number {
    if (this.bits === null) {
      if (present) return i < this.prefix ? i : this.pages;
      return Math.max(i, this.prefix);
    }
    while (i < this.pages && this.has(i) !== present) i++;
    return i;
  }

  /** The part from page `i` on as an extent of its own; this one keeps what is before. */
  split(i: number): Extent {
    const tail = new Extent(this.start + i, this.pages - i, this.offset + i * PAGE_SIZE);
    if (this.bits === null) {
      tail.prefix = Math.max(0, this.prefix - i);
      this.prefix = Math.min(this.prefix, i);
    } else {
      tail.bits = bitsFrom(this.bits, i, this.pages);
      this.bits = bitsBelow(this.bits, i);
    }
    if (this.raw !== null) {
      tail.raw = bitsFrom(this.raw, i, this.pages);
      this.raw = bitsBelow(this.raw, i);
    }
    this.pages = i;
    return tail;
  }
}

/** Bits [i, n) of `bits`, moved down to 0. */
function bitsFrom(bits: Uint32Array, i: number, n: number): Uint32Array {
  const out = new Uint32Array((n - i + 31) >>> 5);
  for (let k = i; k < n; k++) {
    if (((bits[k >>> 5] >>> (k & 31)) & 1) === 1) out[(k - i) >>> 5] |= 1 << ((k - i) & 31);
  }
  return out;
}

/** Bits [0, i) of `bits`. */
function bitsBelow(bits: Uint32Array, i: number): Uint32Array {
  const out = bits.slice(0, (i + 31) >>> 5);
  if ((i & 31) !== 0) out[i >>> 5] &= (1 << (i & 31)) - 1;
  return out;
}

/** The storage of one file: extents sorted by file page, with holes between them. */
export class ExtentMap {
  private extents: Extent[] = [];
  /** Index of the extent used last: the next access is most often there or right behind. */
  private hint = 0;
  /** Pages present. */
  used = 0;

  constructor(
    private readonly store: PageStore,
    private readonly budget: PageBudget,
  ) {}

  /** Index of the last extent that starts at or before `page`; -1 when none does. */
  private indexOf(page: number): number {
    const list = this.extents;
    const h = this.hint;
    const near = list[h];
    if (near !== undefined && near.start <= page && (h + 1 === list.length || list[h + 1]!.start > page))
      return h;
    let lo = 0;
    let hi = list.length - 1;
    while (lo <= hi) {
      const mid = (lo + hi) >>> 1;
      if (list[mid]!.start <= page) lo = mid + 1;
      else hi = mid - 1;
    }
    if (hi >= 0) this.hint = hi;
    return hi;
  }

  /** The extent holding `page` as a present page, or null (a hole). */
  find(page: number): Extent | null {
    const i = this.indexOf(page);
    if (i < 0) return null;
    const e = this.extents[i]!;
    return page < e.end && e.has(page - e.start) ? e : null;
  }

  /**
   * Storage for `page`, taken when there is none; `want` pages from there will be needed. The extent that
   * holds it (presence is not changed), or -ENOSPC. `untouched`: as of `PageStore.allocate`.
   */
  storageFor(page: number, want: number, untouched = false): Extent | number {
    const i = this.indexOf(page);
    if (i >= 0 && page < this.extents[i]!.end) return this.extents[i]!;
    const next = this.extents[i + 1];
    const room = next === undefined ? MAX_EXTENT : next.start - page;
    // As much again as the file has, so that extents double; within a hole aligned blocks, so that random
    // writes join up.
    let pages = Math.min(MAX_EXTENT, Math.max(want, this.used));
    let start = page;
    if (next !== undefined || (i >= 0 && page > this.extents[i]!.end)) {
      const block = powerOfTwo(Math.min(pages, Math.max(want, this.used >>> 2)));
      const floor = i >= 0 ? this.extents[i]!.end : 0;
      start = Math.max(floor, page - (page % block));
      pages = Math.max(want, start + block - page) + (page - start);
      pages = Math.min(pages, room + (page - start), MAX_EXTENT);
    } else pages = Math.min(pages, room);
    let offset = this.store.allocate(pages * PAGE_SIZE, false, untouched);
    if (offset < 0) {
      // No room for reserves: take what is needed only.
      start = page;
      pages = Math.min(want, room, MAX_EXTENT);
      offset = this.store.allocate(pages * PAGE_SIZE);
      while (offset < 0 && pages > 1) {
        pages >>>= 1;
        offset = this.store.allocate(pages * PAGE_SIZE);
      }
      if (offset < 0) return -ENOSPC;
    }
    return this.insert(i, new Extent(start, pages, offset));
  }

  /** Put `e` behind extent `i`, or grow that one when the store happened to continue it. */
  private insert(i: number, e: Extent): Extent {
    const prev = this.extents[i];
    if (
      prev !== undefined &&
      prev.bits === null &&
      prev.raw === null &&
      prev.end === e.start &&
      prev.offset + prev.pages * PAGE_SIZE === e.offset &&
      prev.pages + e.pages <= MAX_EXTENT
    ) {
      prev.pages += e.pages;
      return prev;
    }
    // A literal has room for what is in it only: most files stay with one extent.
    if (this.extents.length === 0) this.extents = [e];
    else this.extents.splice(i + 1, 0, e);
    this.hint = i + 1;
    return e;
  }

  /**
   * Make pages [page, page+n) of `e` present (`reserve`: without data), within the budget: how many of them
   * are now, or -ENOSPC or -EDQUOT when not even the first.
   */
  fill(e: Extent, page: number, n: number, reserve = false): number {
    const i = page - e.start;
    n = Math.min(n, e.pages - i);
    let missing = n - e.countPresent(i, n);
    if (missing > 0 && !this.budget.reserve(missing)) {
      // Down to one page at a time: the last free ones are usable.
      let k = 0;
      missing = 0;
      while (k < n) {
        if (!e.has(i + k)) {
          if (!this.budget.reserve(1)) break;
          missing++;
        }
        k++;
      }
      if (k === 0) return -this.budget.refusal;
      n = k;
    }
    e.noteRaw(i, n, reserve);
    e.fill(i, n);
    this.used += missing;
    return n;
  }

  /** Free pages [first, end) of the file. */
  free(first: number, end: number): void {
    const from = this.splitAt(first);
    const to = end === Number.POSITIVE_INFINITY ? this.extents.length : this.splitAt(end);
    if (to <= from) return;
    for (const e of this.extents.splice(from, to - from)) this.release(e);
    this.hint = 0;
  }

  /** Make `page` begin an extent, if it lies in one: the index of the first extent from `page` on. */
  private splitAt(page: number): number {
    const i = this.indexOf(page);
    if (i < 0) return 0;
    const e = this.extents[i];
    if (e.start === page) return i;
    if (page < e.end) this.extents.splice(i + 1, 0, e.split(page - e.start));
    return i + 1;
  }

  private release(e: Extent): void {
    const present = e.countPresent(0, e.pages);
    this.used -= present;
    this.budget.unreserve(present);
    this.store.decRef(e.offset, e.pages * PAGE_SIZE);
  }

  /** Give back storage taken ahead of need behind the last present page. */
  trim(): void {
    const e = this.extents[this.extents.length - 1];
    if (e === undefined) return;
    let n = e.bits === null ? e.prefix : e.pages;
    while (e.bits !== null && n > 0 && !e.has(n - 1)) n--;
    if (n === e.pages) return;
    if (n === 0) {
      this.release(e);
      this.extents.pop();
    } else {
      const tail = e.split(n);
      this.store.decRef(tail.offset, tail.pages * PAGE_SIZE);
    }
    this.hint = 0;
  }

  /** First present page >= `page`, Infinity when none. */
  nextData(page: number): number {
    let i = Math.max(0, this.indexOf(page));
    for (; i < this.extents.length; i++) {
      const e = this.extents[i]!;
      if (e.end <= page) continue;
      const k = e.scan(Math.max(0, page - e.start), true);
      if (k < e.pages) return e.start + k;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** First page >= `page` that is a hole. */
  nextHole(page: number): number {
    for (;;) {
      const i = this.indexOf(page);
      if (i < 0) return page;
      const e = this.extents[i]!;
      if (page >= e.end) return page;
      const k = e.scan(page - e.start, false);
      if (k < e.pages) return e.start + k;
      page = e.end;
    }
  }

  /** First page >= `page` that holds data for lseek(2), Infinity when none. */
  seekData(page: number): number {
    for (let i = Math.max(0, this.indexOf(page)); i < this.extents.length; i++) {
      const e = this.extents[i];
      if (e.end <= page) continue;
      const k = e.seek(Math.max(0, page - e.start), true);
      if (k < e.pages) return e.start + k;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** First page >= `page` that holds none. */
  seekHole(page: number): number {
    for (let i = this.indexOf(page); i >= 0 && i < this.extents.length; i++) {
      const e = this.extents[i];
      if (page < e.start || page >= e.end) break;
      const k = e.seek(page - e.start, false);
      if (k < e.pages) return e.start + k;
      page = e.end;
    }
    return page;
  }

  /**
   * Present pages [page, page+n) may have been written by somebody who does not say so (a mapping): they hold
   * data now.
   */
  markWritten(page: number, n: number): void {
    for (let i = Math.max(0, this.indexOf(page)); i < this.extents.length; i++) {
      const e = this.extents[i];
      if (e.start >= page + n) return;
      if (e.end <= page) continue;
      const from = Math.max(page, e.start);
      e.noteRaw(from - e.start, Math.min(page + n, e.end) - from, false);
    }
  }

  /** Pages from `page` (present) on that are present and contiguous in the store, at most `max`. */
  run(page: number, max: number): number {
    const i = this.indexOf(page);
    const e = this.extents[i]!;
    let n = e.scan(page - e.start, false) - (page - e.start);
    for (let k = i + 1; n < max && k < this.extents.length; k++) {
      const prev = this.extents[k - 1]!;
      const next = this.extents[k]!;
      if (page + n !== prev.end || next.start !== prev.end) break;
      if (next.offset !== prev.offset + prev.pages * PAGE_SIZE) break;
      n += next.scan(0, false);
    }
    return Math.min(n, max);
  }

  get extentCount(): number {
    return this.extents.length;
  }
}

function powerOfTwo(n: number): number {
  return n <= 1 ? 1 : 2 ** Math.floor(Math.log2(n));
}

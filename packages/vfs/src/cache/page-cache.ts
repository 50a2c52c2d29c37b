import { EFAULT, ENOMEM } from '@sandbox/abi';
import type { IoBuf } from '../core/io.js';
import type { Mappable, MappingObserver } from '../core/mappable.js';
import { CHUNK_SIZE, PAGE_SIZE, type PageStore } from '../core/page-store.js';
import type { CacheBudget, Reclaimable } from './budget.js';
import {
  BLOCK_SIZE,
  BLOCKS_PER_SEGMENT,
  PAGES_PER_BLOCK,
  PAGES_PER_SEGMENT,
  SEGMENT_SIZE,
  Segment,
} from './segment.js';

/** Largest single read from the source. */
const MAX_FILL_BLOCKS = 16;
/** Pages handed out by one writing `translate`: each counts as dirty from then on. */
const WRITE_RUN = 16;

/**
 * The pages of one file whose content lives elsewhere: read by `read(2)`, mapped by `mmap`, kept while the
 * budget allows. What is present is right; `write(2)` goes through to the source at once, and what guests
 * write through shared mappings is written back by `flush`.
 *
 * Present bytes behind the end of the file are zero, unless a guest wrote there through a mapping.
 */
export abstract class PageCache implements Mappable, Reclaimable {
  lruNext: Reclaimable | null = null;
  lruPrev: Reclaimable | null = null;
  inBudget = false;
  runLength = 0;
  dirtyPages = 0;
  private readonly segments: (Segment | undefined)[] = [];
  private readonly observers: MappingObserver[] = [];
  /** Operations under way that hold on to places of pages. */
  private busy = 0;
  /** Bytes counted in the budget. */
  private charged = 0;
  /** Where a sequential reader would go on, and how many blocks to read then. */
  private nextBlock = 0;
  private window = 1;

  constructor(
    protected readonly store: PageStore,
    protected readonly budget: CacheBudget,
    /** The file may grow: leave room behind its end. */
    private readonly growable: boolean,
    /**
     * Names content that never changes, so that its pages can be shared with other stores; null when it may.
     */
    private readonly shareKey: string | null = null,
  ) {}

  /** Present size of the file. */
  protected abstract get fileSize(): number;
  /** Read from the source into the store: bytes read (fewer only at the end of the file), or -errno. */
  protected abstract fillFrom(storeOffset: number, fileOffset: number, length: number): number;
  /** How much may be read from `fileOffset` at once: whole blocks, or to the end of the file. */
  protected fillable(_fileOffset: number): number {
    return Number.POSITIVE_INFINITY;
  }
  /** Write from the store to the source: 0 or -errno. */
  protected abstract writeTo(storeOffset: number, fileOffset: number, length: number): number;
  /** Pages are about to be written through a mapping: 0 or -errno. */
  protected abstract beforeMappedWrite(): number;

  get mapped(): boolean {
    return this.observers.length > 0;
  }
  /** Holds nothing. */
  get empty(): boolean {
    return !this.inBudget;
  }

  addObserver(observer: MappingObserver): void {
    this.observers.push(observer);
  }

  removeObserver(observer: MappingObserver): void {
    const i = this.observers.indexOf(observer);
    if (i < 0) return;
    this.observers.splice(i, 1);
    if (this.observers.length === 0 && this.dirtyPages > 0) this.flush();
  }

  /** Pages of the file that segments may hold. */
  private get pageCount(): number {
    return this.segments.length * PAGES_PER_SEGMENT;
  }

  /** Places of pages (`locate`) stay valid until `leave`, whatever memory is needed meanwhile. */
  enter(): void {
    this.busy++;
  }
  leave(): void {
    this.busy--;
  }

  private invalidateMappings(first: number, end: number): void {
    if (this.observers.length === 0) return;
    // Observers may leave while being told.
    for (const o of this.observers.slice()) o.invalidate(first, end);
  }

  translate(index: number, max: number, write: boolean): number {
    this.runLength = 0;
    const pages = Math.ceil(this.fileSize / PAGE_SIZE);
    if (index >= pages) return -EFAULT;
    const s = Math.floor(index / PAGES_PER_SEGMENT);
    const page = index - s * PAGES_PER_SEGMENT;
    const block = Math.floor(page / PAGES_PER_BLOCK);
    let segment = this.segments[s];
    if (segment === undefined || !segment.has(block)) {
      const r = this.fill(s, block, Math.ceil(max / PAGES_PER_BLOCK));
      if (r < 0) return r;
      segment = this.segments[s]!;
    } else this.budget.touch(this);
    if (write) {
      const r = this.beforeMappedWrite();
      if (r < 0) return r;
    }
    const wanted = write ? Math.min(max, WRITE_RUN) : max;
    const last = Math.min(pages - s * PAGES_PER_SEGMENT, PAGES_PER_SEGMENT, page + wanted);
    const end = presentEnd(segment, block, last);
    this.runLength = end - page;
    if (write) this.dirtyPages += segment.markDirty(page, end);
    return segment.offset + page * PAGE_SIZE;
  }

  peek(index: number, max: number): number {
    const pages = Math.ceil(this.fileSize / PAGE_SIZE);
    const s = Math.floor(index / PAGES_PER_SEGMENT);
    const page = index - s * PAGES_PER_SEGMENT;
    const segment = this.segments[s];
    if (index >= pages || segment === undefined) {
      this.runLength = index >= pages ? max : Math.min(max, PAGES_PER_SEGMENT - page);
      return -1;
    }
    const last = Math.min(pages - s * PAGES_PER_SEGMENT, PAGES_PER_SEGMENT, page + max);
    let block = Math.floor(page / PAGES_PER_BLOCK);
    if (segment.has(block)) {
      this.runLength = presentEnd(segment, block, last) - page;
      return segment.offset + page * PAGE_SIZE;
    }
    while (block * PAGES_PER_BLOCK < last && !segment.has(block)) block++;
    this.runLength = Math.min(last, block * PAGES_PER_BLOCK) - page;
    return -1;
  }

  /**
   * Make blocks of segment `s` from `block` on present: at least one, up to `wanted`, more when reading runs
   * on. 0 or -errno.
   */
  private fill(s: number, block: number, wanted: number): number {
    const segment = this.reserve(s, block);
    if (typeof segment === 'number') return segment;
    // Others have read it.
    if (segment.has(block)) return 0;
    const fileBlock = s * BLOCKS_PER_SEGMENT + block;
    this.window = fileBlock === this.nextBlock ? Math.min(MAX_FILL_BLOCKS, this.window * 2) : 2;
    const count = Math.min(MAX_FILL_BLOCKS, Math.max(wanted, this.window));
    const limit = Math.min(block + count, segment.blocks);
    let end = block + 1;
    while (end < limit && !segment.has(end)) end++;
    const from = fileBlock * BLOCK_SIZE;
    const length = Math.min((end - block) * BLOCK_SIZE, this.fileSize - from, this.fillable(from));
    const storeOffset = segment.offset + block * BLOCK_SIZE;
    const n = this.fillFrom(storeOffset, from, length);
    if (n < 0) return n;
    // A source that came out shorter than it said: what is missing reads as zeros.
    if (n < length) this.zero(storeOffset + n, length - n);
    end = block + Math.ceil(length / BLOCK_SIZE);
    for (let b = block; b < end; b++) segment.add(b);
    this.nextBlock = s * BLOCKS_PER_SEGMENT + end;
    if (segment.shared === null) this.charge(Math.ceil(length / PAGE_SIZE) * PAGE_SIZE);
    return 0;
  }

  /** Segment `s`, with room for `block`. */
  private reserve(s: number, block: number): Segment | number {
    const known = this.segments[s];
    if (known !== undefined && block < known.blocks) return known;
    const size = Math.min(SEGMENT_SIZE, this.fileSize - s * SEGMENT_SIZE);
    const unit = this.growable ? BLOCK_SIZE : PAGE_SIZE;
    let bytes = Math.ceil(size / unit) * unit;
    if (known !== undefined) bytes = Math.min(SEGMENT_SIZE, Math.max(bytes, known.bytes * 2));
    const shared = this.takeShared(s, bytes);
    if (shared) return shared;
    const offset = this.allocate(bytes);
    if (offset < 0) return offset;
    const made = new Segment(offset, bytes);
    if (known !== undefined) this.move(s, known, made);
    this.segments[s] = made;
    return made;
  }

  /**
   * Segment `s` with what others have of it, if it is shared at all. All of it counts in the budget at once.
   */
  private takeShared(s: number, bytes: number): Segment | null {
    if (this.shareKey === null || this.store.takeShared === undefined) return null;
    const extent = this.store.takeShared(`${this.shareKey}:${s}`, bytes, Math.ceil(bytes / BLOCK_SIZE));
    if (extent === null) return null;
    const made = new Segment(extent.offset, extent.bytes, extent);
    this.segments[s] = made;
    this.charge(extent.bytes);
    return made;
  }

  private charge(bytes: number): void {
    this.budget.touch(this);
    this.inBudget = true;
    this.charged += bytes;
    this.budget.charge(bytes, this);
  }

  private allocate(bytes: number): number {
    const offset = this.store.allocate(bytes, true);
    if (offset >= 0) return offset;
    this.budget.reclaim(Number.MAX_SAFE_INTEGER, this);
    const again = this.store.allocate(bytes, true);
    return again < 0 ? -ENOMEM : again;
  }

  /** A segment outgrew its place: first nobody may look at the old one any more. */
  private move(s: number, from: Segment, to: Segment): void {
    const first = s * PAGES_PER_SEGMENT;
    this.invalidateMappings(first, first + from.bytes / PAGE_SIZE);
    for (let b = 0; b < from.blocks; b++) {
      if (from.has(b)) this.copy(from.offset + b * BLOCK_SIZE, to.offset + b * BLOCK_SIZE);
    }
    to.adopt(from);
    this.store.decRef(from.offset, from.bytes);
  }

  private copy(from: number, to: number): void {
    // A segment never straddles chunks: it is smaller than one.
    const at = from % CHUNK_SIZE;
    this.store.chunk(to).set(this.store.chunk(from).subarray(at, at + BLOCK_SIZE), to % CHUNK_SIZE);
  }

  private zero(offset: number, length: number): void {
    const at = offset % CHUNK_SIZE;
    this.store.chunk(offset).fill(0, at, at + length);
  }

  /**
   * Serve `length` bytes (within the file) from `offset`, filling what is missing. Bytes given, or -errno
   * when none were.
   */
  read(io: IoBuf, offset: number, length: number): number {
    if (this.inBudget) this.budget.touch(this);
    // Storing to the caller may need memory, and so reclaim caches: not this one.
    this.enter();
    const n = this.readPresent(io, offset, length);
    this.leave();
    return n;
  }

  private readPresent(io: IoBuf, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const at = offset + done;
      const s = Math.floor(at / SEGMENT_SIZE);
      const inSegment = at - s * SEGMENT_SIZE;
      const block = Math.floor(inSegment / BLOCK_SIZE);
      let segment = this.segments[s];
      if (segment === undefined || !segment.has(block)) {
        const blocks = Math.ceil((length - done + (inSegment % BLOCK_SIZE)) / BLOCK_SIZE);
        const r = this.fill(s, block, blocks);
        if (r < 0) return done > 0 ? done : r;
        segment = this.segments[s]!;
      }
      const last = Math.min(SEGMENT_SIZE, inSegment + length - done);
      let end = (block + 1) * BLOCK_SIZE;
      while (end < last && segment.has(end / BLOCK_SIZE)) end += BLOCK_SIZE;
      const n = Math.min(end, last) - inSegment;
      const from = segment.offset + inSegment;
      const put = io.put(this.store.chunk(from), from % CHUNK_SIZE, n);
      done += put;
      if (put < n) return done > 0 ? done : -EFAULT;
    }
    return done;
  }

  /** Store offset of the byte at `offset` when its block is present, else -1. */
  locate(offset: number): number {
    const s = Math.floor(offset / SEGMENT_SIZE);
    const segment = this.segments[s];
    if (segment === undefined) return -1;
    const inSegment = offset - s * SEGMENT_SIZE;
    return segment.has(Math.floor(inSegment / BLOCK_SIZE)) ? segment.offset + inSegment : -1;
  }

  /**
   * The file is about to grow from `size`: what a guest left behind its end becomes content, so it must be
   * zeros.
   */
  beforeGrowth(size: number): void {
    const rest = size % PAGE_SIZE;
    if (rest === 0) return;
    const tail = this.locate(size - 1);
    if (tail >= 0) this.zero(tail + 1, PAGE_SIZE - rest);
  }

  /** The file shrank to `size`: forget what lies behind. */
  afterShrink(size: number): void {
    this.invalidateMappings(Math.ceil(size / PAGE_SIZE), Number.MAX_SAFE_INTEGER);
    for (let s = Math.floor(size / SEGMENT_SIZE); s < this.segments.length; s++) {
      const segment = this.segments[s];
      if (segment === undefined) continue;
      const from = Math.max(0, size - s * SEGMENT_SIZE);
      this.dirtyPages -= segment.clearDirty(Math.ceil(from / PAGE_SIZE), PAGES_PER_SEGMENT);
      const block = Math.ceil(from / BLOCK_SIZE);
      this.forget(segment, block, segment.blocks);
      if (from % BLOCK_SIZE !== 0 && from < segment.bytes && segment.has(block - 1)) {
        this.zero(segment.offset + from, Math.min(block * BLOCK_SIZE, segment.bytes) - from);
      }
    }
  }

  /** Blocks first..end-1 are no longer present; they read as zeros until filled. */
  private forget(segment: Segment, first: number, end: number): void {
    let gone = 0;
    for (let b = first; b < end; b++) if (segment.remove(b)) gone++;
    if (gone === 0) return;
    const from = first * BLOCK_SIZE;
    this.store.discard(segment.offset + from, Math.min(segment.bytes, end * BLOCK_SIZE) - from);
    const bytes = Math.min(this.charged, gone * BLOCK_SIZE);
    this.charged -= bytes;
    this.budget.uncharge(bytes);
  }

  /**
   * The source changed behind us between `from` and `end` (bytes): drop the clean blocks there, after telling
   * mappings.
   */
  invalidate(from: number, end: number): void {
    if (end <= from) return;
    this.invalidateMappings(
      Math.floor(from / BLOCK_SIZE) * PAGES_PER_BLOCK,
      Math.ceil(end / BLOCK_SIZE) * PAGES_PER_BLOCK,
    );
    const lastSegment = Math.min(this.segments.length - 1, Math.floor((end - 1) / SEGMENT_SIZE));
    for (let s = Math.floor(from / SEGMENT_SIZE); s <= lastSegment; s++) {
      const segment = this.segments[s];
      if (segment === undefined) continue;
      const base = s * SEGMENT_SIZE;
      const first = Math.max(0, Math.floor((from - base) / BLOCK_SIZE));
      const last = Math.min(segment.blocks, Math.ceil((end - base) / BLOCK_SIZE));
      let run = first;
      for (let b = first; b < last; b++) {
        if (segment.nextDirty(b * PAGES_PER_BLOCK, (b + 1) * PAGES_PER_BLOCK) < 0) continue;
        this.forget(segment, run, b);
        run = b + 1;
      }
      this.forget(segment, run, last);
    }
  }

  /** Write pages first..end-1 back where guests wrote them through mappings; 0 or the first -errno. */
  syncPages(first: number, end: number): number {
    let result = 0;
    if (this.dirtyPages === 0) return 0;
    const lastSegment = Math.min(this.segments.length - 1, Math.floor((end - 1) / PAGES_PER_SEGMENT));
    for (let s = Math.floor(first / PAGES_PER_SEGMENT); s <= lastSegment; s++) {
      const segment = this.segments[s];
      if (segment === undefined || !segment.hasDirty) continue;
      const base = s * PAGES_PER_SEGMENT;
      const r = this.syncSegment(
        segment,
        base,
        Math.max(0, first - base),
        Math.min(PAGES_PER_SEGMENT, end - base),
      );
      if (r < 0 && result === 0) result = r;
    }
    return result;
  }

  private syncSegment(segment: Segment, base: number, first: number, end: number): number {
    let result = 0;
    for (let p = segment.nextDirty(first, end); p >= 0; p = segment.nextDirty(p, end)) {
      const stop = segment.dirtyEnd(p, end);
      // From here on a write faults again and marks its page anew.
      this.invalidateMappings(base + p, base + stop);
      this.dirtyPages -= segment.clearDirty(p, stop);
      const from = (base + p) * PAGE_SIZE;
      const length = Math.min((stop - p) * PAGE_SIZE, this.fileSize - from);
      const r = length > 0 ? this.writeTo(segment.offset + p * PAGE_SIZE, from, length) : 0;
      if (r < 0 && result === 0) result = r;
      p = stop;
    }
    return result;
  }

  /** Write everything back. */
  flush(): number {
    return this.syncPages(0, Number.MAX_SAFE_INTEGER);
  }

  /**
   * Give all memory back to the store. Mapped pages only when `mapped`: those who look at them will fault
   * again.
   */
  reclaim(mapped: boolean): boolean {
    if (this.busy > 0 || (this.observers.length > 0 && !mapped)) return false;
    if (this.dirtyPages > 0 && (!mapped || this.flush() < 0)) return false;
    this.invalidateMappings(0, this.pageCount);
    this.release();
    return true;
  }

  /** The same without a question: the file is gone. */
  release(): void {
    for (const segment of this.segments)
      if (segment !== undefined) this.store.decRef(segment.offset, segment.bytes);
    this.segments.length = 0;
    this.dirtyPages = 0;
    this.budget.remove(this);
    this.inBudget = false;
    this.budget.uncharge(this.charged);
    this.charged = 0;
  }
}

/** Page behind the present run that begins in `block`, at most `last`. */
function presentEnd(segment: Segment, block: number, last: number): number {
  let end = Math.min(last, (block + 1) * PAGES_PER_BLOCK);
  while (end < last && segment.has(end / PAGES_PER_BLOCK)) end = Math.min(last, end + PAGES_PER_BLOCK);
  return end;
}

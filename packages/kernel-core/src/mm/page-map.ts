import { ENOMEM, PROT_WRITE } from '@sandbox/abi';
import type { AddressSpace } from '@sandbox/platform';
import type { GuestStore } from './guest-store.js';
import { PMA_ANON, PMA_FILE, PMA_SHARED, Pma, type PmaKind } from './pma.js';
import { SegmentSet } from './segment-set.js';
import { MARK_ALL, MARK_WP, Marks } from './userfault-marks.js';

const PAGE = 4096;
/**
 * A write to shared private memory copies this much around it: the neighbours are usually written next. More
 * where writes have been running through memory (a library being relocated), and where an address space is in
 * many pieces already: each piece is a mapping of the host, whose number is limited.
 */
const COW_BLOCK = 64 * 1024;
const COW_BLOCK_MAX = 256 * 1024;
const COW_BLOCK_MAX_FILE = 1024 * 1024;
const COW_BLOCK_FRAGMENTED = 1024 * 1024;
const FRAGMENTED = 8192;

/**
 * The pages present in one address space, and the host's mappings kept equal to them.
 *
 * References to pages are dropped in `settle`, which every operation of the memory manager ends with: a page
 * may go to somebody else only after no running thread can still reach it.
 */
export class PageMap {
  readonly pmas = new SegmentSet<Pma>();
  /** Bytes present, by kind. */
  readonly bytes: [number, number, number] = [0, 0, 0];
  /** Counts changes of the host's mappings: tells a stale fault from one that will repeat. */
  generation = 0;
  /** Set while another process works on this one's memory: its contexts may be running then. */
  foreign = false;
  /**
   * What userfaultfd(2) keeps of single pages; null: nothing yet. Where writes are asked about everything
   * present is `wp`.
   */
  marks: Marks | null = null;
  /** Pairs of offset and length to be released. */
  private freed: number[] = [];

  constructor(
    readonly store: GuestStore,
    public space: AddressSpace,
  ) {}

  get residentBytes(): number {
    return this.bytes[PMA_ANON] + this.bytes[PMA_FILE] + this.bytes[PMA_SHARED];
  }

  /**
   * Make `length` bytes of the store present at `start`, where nothing is. The caller's reference on the
   * pages passes to the map. `prot`: of the mapping around it.
   */
  install(start: number, length: number, offset: number, kind: PmaKind, wp: boolean, prot: number): void {
    if (!wp && this.marks?.overlaps(start, start + length) === true)
      this.installMarked(start, start + length, offset, kind, prot);
    else this.installRun(start, length, offset, kind, wp, prot);
  }

  private installMarked(start: number, end: number, offset: number, kind: PmaKind, prot: number): void {
    const marks = this.marks!;
    for (let at = start; at < end; ) {
      const to = marks.runEnd(at, end);
      this.installRun(at, to - at, offset + (at - start), kind, marks.at(at) === MARK_WP, prot);
      at = to;
    }
  }

  /** The marks, to be added to. */
  takeMarks(): Marks {
    return (this.marks ??= new Marks());
  }

  private installRun(
    start: number,
    length: number,
    offset: number,
    kind: PmaKind,
    wp: boolean,
    prot: number,
  ): void {
    this.generation++;
    this.space.map(start, length, wp ? prot & ~PROT_WRITE : prot, offset);
    this.insert(new Pma(start, start + length, offset, kind, wp));
  }

  private insert(pma: Pma): void {
    this.bytes[pma.kind] += pma.end - pma.start;
    this.pmas.insert(pma);
    this.mergeAround(pma);
  }

  /**
   * Join `pma` with its neighbours where they continue each other. Returns the segment that now covers it.
   */
  private mergeAround(pma: Pma): Pma {
    const next = pma.next;
    if (next !== null && pma.mergesWith(next)) {
      this.pmas.remove(next);
      pma.end = next.end;
    }
    const prev = pma.prev;
    if (prev?.mergesWith(pma)) {
      this.pmas.remove(pma);
      prev.end = pma.end;
      return prev;
    }
    return pma;
  }

  /** Have a boundary between pmas at `addr`. */
  private splitAt(addr: number): void {
    const pma = this.pmas.find(addr);
    if (pma === null || pma.start === addr) return;
    const tail = new Pma(addr, pma.end, pma.offset + (addr - pma.start), pma.kind, pma.wp);
    pma.end = addr;
    this.pmas.insert(tail);
  }

  /**
   * Forget what is present in the range. `unmap`: tell the host (not needed when it is mapped over at once).
   */
  clear(start: number, end: number, unmap: boolean): void {
    let pma = this.pmas.lowerBound(start);
    if (pma === null || pma.start >= end) return;
    this.generation++;
    this.splitAt(start);
    this.splitAt(end);
    pma = this.pmas.lowerBound(start);
    let runStart = -1;
    let runEnd = -1;
    while (pma !== null && pma.start < end) {
      const next: Pma | null = pma.next;
      if (unmap && pma.start !== runEnd) {
        if (runEnd >= 0) this.space.unmap(runStart, runEnd - runStart);
        runStart = pma.start;
      }
      runEnd = pma.end;
      this.drop(pma);
      pma = next;
    }
    if (unmap && runEnd >= 0) this.space.unmap(runStart, runEnd - runStart);
  }

  /** As `clear`, leaving private copies where they are. */
  clearFilePages(start: number, end: number): void {
    let pma = this.pmas.lowerBound(start);
    while (pma !== null && pma.start < end) {
      const next: Pma | null = pma.next;
      if (pma.kind !== PMA_ANON) this.clear(Math.max(pma.start, start), Math.min(pma.end, end), true);
      pma = next;
    }
  }

  private drop(pma: Pma): void {
    const length = pma.end - pma.start;
    this.bytes[pma.kind] -= length;
    this.pmas.remove(pma);
    this.freed.push(pma.offset, length);
  }

  /** Nothing of ours is in the range, but the host may still map something. */
  unmapHost(start: number, end: number): void {
    this.generation++;
    this.space.unmap(start, end - start);
  }

  /** The mapping over the range changed from `oldProt` to `prot`. */
  protect(start: number, end: number, oldProt: number, prot: number): void {
    let runStart = 0;
    let runEnd = -1;
    let runProt = 0;
    for (let pma = this.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
      const want = pma.wp ? prot & ~PROT_WRITE : prot;
      if (want === (pma.wp ? oldProt & ~PROT_WRITE : oldProt)) continue;
      const from = Math.max(pma.start, start);
      if (from !== runEnd || want !== runProt) {
        if (runEnd >= 0) this.protectHost(runStart, runEnd, runProt);
        runStart = from;
        runProt = want;
      }
      runEnd = Math.min(pma.end, end);
    }
    if (runEnd >= 0) this.protectHost(runStart, runEnd, runProt);
  }

  private protectHost(start: number, end: number, prot: number): void {
    this.generation++;
    this.space.protect(start, end - start, prot);
  }

  /**
   * Private pages of the range are about to be shared with a child: writes to them must be resolved from now
   * on.
   */
  shareForFork(start: number, end: number, prot: number): void {
    this.withhold(start, end, prot, true);
  }

  /** What is present in the range is not to be written to until that is resolved. */
  withholdWrites(start: number, end: number, prot: number): void {
    this.withhold(start, end, prot, false);
  }

  private withhold(start: number, end: number, prot: number, privateOnly: boolean): void {
    this.splitWritable(start, privateOnly);
    this.splitWritable(end, privateOnly);
    let runStart = 0;
    let runEnd = -1;
    for (let pma = this.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
      if ((privateOnly && pma.kind !== PMA_ANON) || pma.wp) continue;
      pma.wp = true;
      if ((prot & PROT_WRITE) === 0) continue;
      if (pma.start !== runEnd) {
        if (runEnd >= 0) this.protectHost(runStart, runEnd, prot & ~PROT_WRITE);
        runStart = pma.start;
      }
      runEnd = pma.end;
    }
    if (runEnd >= 0) this.protectHost(runStart, runEnd, prot & ~PROT_WRITE);
  }

  private splitWritable(addr: number, privateOnly: boolean): void {
    const pma = this.pmas.find(addr);
    if (pma !== null && (!privateOnly || pma.kind === PMA_ANON) && !pma.wp) this.splitAt(addr);
  }

  /** Give `other` the same pages in the range (fork): one more user each, no host call. */
  copyTo(other: PageMap, start: number, end: number): void {
    for (let pma = this.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
      const from = Math.max(pma.start, start);
      const to = Math.min(pma.end, end);
      const offset = pma.offset + (from - pma.start);
      this.store.incRef(offset, to - from);
      other.insert(new Pma(from, to, offset, pma.kind, pma.wp));
    }
  }

  /**
   * Resolve a write to private memory at `addr` in `pma`, of which [low, high) may be changed with it: take
   * pages nobody else uses any more as they are, copy a block otherwise. 0 or -ENOMEM.
   */
  breakCow(pma: Pma, addr: number, low: number, high: number, prot: number): number {
    const page = addr - (addr % PAGE);
    let from = Math.max(low, pma.start);
    let to = Math.min(high, pma.end);
    if (this.marks !== null) {
      from = this.marks.gapStart(page, from);
      to = this.marks.gapEnd(page, to);
    }
    if (pma.kind === PMA_ANON && this.refsAt(pma, page) === 1) {
      this.takeSole(pma, page, from, to, prot);
      return 0;
    }
    return this.copyBlock(pma, page, from, to, prot);
  }

  private refsAt(pma: Pma, addr: number): number {
    return this.store.refCount(pma.offset + (addr - pma.start));
  }

  private takeSole(pma: Pma, page: number, low: number, high: number, prot: number): void {
    let from = page;
    while (from > low && this.refsAt(pma, from - PAGE) === 1) from -= PAGE;
    let to = page + PAGE;
    while (to < high && this.refsAt(pma, to) === 1) to += PAGE;
    this.splitAt(from);
    this.splitAt(to);
    const piece = this.pmas.find(page)!;
    piece.wp = false;
    this.mergeAround(piece);
    this.protectHost(from, to, prot);
  }

  private copyBlock(pma: Pma, page: number, low: number, high: number, prot: number): number {
    let from = Math.max(low, page - (page % COW_BLOCK));
    let to = Math.min(high, from - (from % COW_BLOCK) + this.cowBlock(pma, from));
    if (pma.kind === PMA_ANON) {
      let at = page;
      while (at > from && this.refsAt(pma, at - PAGE) !== 1) at -= PAGE;
      from = at;
      at = page + PAGE;
      while (at < to && this.refsAt(pma, at) !== 1) at += PAGE;
      to = at;
    }
    const length = to - from;
    let copy = this.store.allocateDirty(length);
    if (copy < 0 && length > PAGE) {
      from = page;
      to = page + PAGE;
      copy = this.store.allocateDirty(PAGE);
    }
    if (copy < 0) return -ENOMEM;
    this.store.copy(pma.offset + (from - pma.start), copy, to - from);
    this.clear(from, to, false);
    this.install(from, to - from, copy, PMA_ANON, false, prot);
    return 0;
  }

  /** How much to copy from `start` on: twice as much as has been copied right before it. */
  private cowBlock(pma: Pma, start: number): number {
    if (this.pmas.size >= FRAGMENTED) return COW_BLOCK_FRAGMENTED;
    const before = pma.start === start ? pma.prev : null;
    if (before === null || before.end !== start || before.kind !== PMA_ANON || before.wp) return COW_BLOCK;
    const max = pma.kind === PMA_FILE ? COW_BLOCK_MAX_FILE : COW_BLOCK_MAX;
    let size = COW_BLOCK;
    while (size < max && size <= before.end - before.start) size *= 2;
    return size;
  }

  /** The file allowed writing to [start, end), present in place: lift the write protection. */
  unprotectShared(start: number, end: number, prot: number): void {
    this.splitAt(start);
    this.splitAt(end);
    for (let pma = this.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next)
      pma.wp = false;
    const piece = this.pmas.find(start);
    if (piece !== null) this.mergeAround(piece);
    this.protectHost(start, end, prot);
  }

  /** Move what is present in [start, end) to `to`, where nothing is. */
  move(start: number, end: number, to: number, prot: number): void {
    let pma = this.pmas.lowerBound(start);
    if (pma === null || pma.start >= end) return;
    this.splitAt(start);
    this.splitAt(end);
    pma = this.pmas.lowerBound(start);
    const moved: Pma[] = [];
    while (pma !== null && pma.start < end) {
      const next: Pma | null = pma.next;
      this.space.unmap(pma.start, pma.end - pma.start);
      this.bytes[pma.kind] -= pma.end - pma.start;
      this.pmas.remove(pma);
      moved.push(pma);
      pma = next;
    }
    for (const p of moved)
      this.install(to + (p.start - start), p.end - p.start, p.offset, p.kind, p.wp, prot);
  }

  /** What is present in [start, end), and its marks, are gone. */
  forget(start: number, end: number, unmap: boolean): void {
    this.clear(start, end, unmap);
    this.marks?.clear(start, end, MARK_ALL);
  }

  /**
   * Calls `visit` for the parts of [start, end) with nothing present, in order, until it returns non-zero,
   * which is returned.
   */
  forEachGap(start: number, end: number, visit: (from: number, to: number) => number): number {
    let at = start;
    while (at < end) {
      const pma = this.pmas.lowerBound(at);
      const to = pma === null ? end : Math.min(pma.start, end);
      if (to > at) {
        const r = visit(at, to);
        if (r !== 0) return r;
      }
      if (pma === null) break;
      at = pma.end;
    }
    return 0;
  }

  /** Drop the references of removed pages. */
  settle(): void {
    const freed = this.freed;
    if (freed.length === 0) return;
    // Another thread of this address space may be running on the old mappings.
    if (this.foreign || this.space.contexts > 1) this.space.flush();
    for (let i = 0; i < freed.length; i += 2) this.store.decRef(freed[i]!, freed[i + 1]!);
    freed.length = 0;
  }

  /** The address space is gone: drop everything without telling the host. */
  release(): void {
    for (let pma = this.pmas.first; pma !== null; pma = this.pmas.first) this.drop(pma);
    const freed = this.freed;
    for (let i = 0; i < freed.length; i += 2) this.store.decRef(freed[i]!, freed[i + 1]!);
    freed.length = 0;
  }
}

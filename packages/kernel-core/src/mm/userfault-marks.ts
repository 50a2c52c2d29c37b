import { Segment, SegmentSet } from './segment-set.js';

/** Whoever serves the mapping is asked about writes. */
export const MARK_WP = 1;
/** Every access fails, as to memory that is broken. Nothing is present there. */
export const MARK_POISON = 2;
export const MARK_ALL = MARK_WP | MARK_POISON;

class Mark extends Segment<Mark> {
  constructor(
    start: number,
    end: number,
    readonly kind: number,
  ) {
    super(start, end);
  }
}

/**
 * What userfaultfd(2) keeps of single pages, present or not (Linux: the uffd-wp bit of an entry, and entries
 * that are markers). A page has one mark at most.
 */
export class Marks {
  private readonly marks = new SegmentSet<Mark>();

  get size(): number {
    return this.marks.size;
  }

  /** MARK_* of the page at `addr`, 0: none. */
  at(addr: number): number {
    return this.marks.find(addr)?.kind ?? 0;
  }

  overlaps(start: number, end: number): boolean {
    const mark = this.marks.lowerBound(start);
    return mark !== null && mark.start < end;
  }

  /** From `addr` on, which has no mark: where the next one begins, at most `end`. */
  gapEnd(addr: number, end: number): number {
    const mark = this.marks.lowerBound(addr);
    return mark === null ? end : Math.min(mark.start, end);
  }

  /** Up to `addr`, which has no mark: where the last one before it ends, at least `start`. */
  gapStart(addr: number, start: number): number {
    const mark = this.marks.floor(addr);
    return mark === null || mark.end > addr ? start : Math.max(mark.end, start);
  }

  /** How far what is said of `addr` holds, at most to `end`. */
  runEnd(addr: number, end: number): number {
    const mark = this.marks.find(addr);
    return mark === null ? this.gapEnd(addr, end) : Math.min(mark.end, end);
  }

  /** Mark what has no mark yet of [start, end). */
  add(start: number, end: number, kind: number): void {
    for (let at = start; at < end; ) {
      const mark = this.marks.lowerBound(at);
      const to = mark === null ? end : Math.min(mark.start, end);
      const next = mark === null ? end : mark.end;
      if (to > at) this.insert(at, to, kind);
      at = next;
    }
  }

  private insert(start: number, end: number, kind: number): void {
    const mark = new Mark(start, end, kind);
    this.marks.insert(mark);
    const { next, prev } = mark;
    if (next !== null && next.start === end && next.kind === kind) {
      this.marks.remove(next);
      mark.end = next.end;
    }
    if (prev !== null && prev.end === start && prev.kind === kind) {
      this.marks.remove(mark);
      prev.end = mark.end;
    }
  }

  /** Take marks of these kinds off [start, end). */
  clear(start: number, end: number, kinds: number): void {
    let mark = this.marks.lowerBound(start);
    while (mark !== null && mark.start < end) {
      const next: Mark | null = mark.next;
      if ((mark.kind & kinds) !== 0) this.cut(mark, start, end);
      mark = next;
    }
  }

  private cut(mark: Mark, start: number, end: number): void {
    const { end: last } = mark;
    if (mark.start < start) {
      mark.end = start;
      if (last > end) this.marks.insert(new Mark(end, last, mark.kind));
    } else if (last > end) mark.start = end;
    else this.marks.remove(mark);
  }

  /** Put marks of these kinds in [start, end) on `other` as well, `by` bytes further on. */
  copyTo(other: Marks, start: number, end: number, by: number, kinds: number): void {
    for (let mark = this.marks.lowerBound(start); mark !== null && mark.start < end; mark = mark.next) {
      if ((mark.kind & kinds) === 0) continue;
      other.add(Math.max(mark.start, start) + by, Math.min(mark.end, end) + by, mark.kind);
    }
  }
}

/** A half-open address range that is an element of a `SegmentSet`. */
export abstract class Segment<T> {
  /** Neighbours in address order; kept by the set. */
  next: T | null = null;
  prev: T | null = null;

  constructor(
    public start: number,
    public end: number,
  ) {}
}

/** Elements a leaf holds before it is split. */
const LEAF_MAX = 128;

/**
 * Disjoint segments in address order: a linked list for walking, and an index of sorted leaves for finding,
 * so that neither many mappings nor many fragments make an operation slow.
 *
 * `start` and `end` of an element may be changed in place as long as the order is kept and nothing overlaps.
 */
export class SegmentSet<T extends Segment<T>> {
  first: T | null = null;
  last: T | null = null;
  size = 0;
  private readonly leaves: T[][] = [];
  /** The last element found: accesses cluster. */
  private hot: T | null = null;

  /** The segment that holds `addr`, or null. */
  find(addr: number): T | null {
    const found = this.lowerBound(addr);
    return found !== null && found.start <= addr ? found : null;
  }

  /**
   * The first segment that ends above `addr`: the one holding it, or the next one; null when there is none.
   */
  lowerBound(addr: number): T | null {
    const hot = this.hot;
    if (hot !== null && hot.start <= addr && addr < hot.end) return hot;
    const before = this.floor(addr);
    if (before === null) return this.first;
    if (addr < before.end) {
      this.hot = before;
      return before;
    }
    return before.next;
  }

  /** The last segment that starts at or below `addr`. */
  floor(addr: number): T | null {
    const l = this.leafIndex(addr);
    if (l < 0) return null;
    const leaf = this.leaves[l]!;
    return leaf[indexIn(leaf, addr)]!;
  }

  insert(segment: T): void {
    const l = this.leafIndex(segment.start);
    if (l < 0) {
      this.insertFirst(segment);
      return;
    }
    const leaf = this.leaves[l]!;
    const i = indexIn(leaf, segment.start);
    this.linkAfter(leaf[i]!, segment);
    leaf.splice(i + 1, 0, segment);
    if (leaf.length > LEAF_MAX) this.leaves.splice(l + 1, 0, leaf.splice(LEAF_MAX / 2));
  }

  remove(segment: T): void {
    const l = this.leafIndex(segment.start);
    const leaf = this.leaves[l]!;
    leaf.splice(indexIn(leaf, segment.start), 1);
    if (leaf.length === 0) this.leaves.splice(l, 1);
    if (segment.prev) segment.prev.next = segment.next;
    else this.first = segment.next;
    if (segment.next) segment.next.prev = segment.prev;
    else this.last = segment.prev;
    segment.next = null;
    segment.prev = null;
    if (this.hot === segment) this.hot = null;
    this.size--;
  }

  private insertFirst(segment: T): void {
    const leaf = this.leaves[0];
    if (leaf) {
      leaf.unshift(segment);
      if (leaf.length > LEAF_MAX) this.leaves.splice(1, 0, leaf.splice(LEAF_MAX / 2));
    } else {
      this.leaves.push([segment]);
    }
    segment.next = this.first;
    segment.prev = null;
    if (this.first) this.first.prev = segment;
    else this.last = segment;
    this.first = segment;
    this.size++;
  }

  private linkAfter(before: T, segment: T): void {
    segment.prev = before;
    segment.next = before.next;
    if (before.next) before.next.prev = segment;
    else this.last = segment;
    before.next = segment;
    this.size++;
  }

  /** The last leaf whose first element starts at or below `addr`; -1 when there is none. */
  private leafIndex(addr: number): number {
    const leaves = this.leaves;
    let lo = 0;
    let hi = leaves.length;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (leaves[mid]![0]!.start <= addr) lo = mid + 1;
      else hi = mid;
    }
    return lo - 1;
  }
}

/** The last element of `leaf` that starts at or below `addr`; the first one is known to. */
function indexIn<T extends Segment<T>>(leaf: readonly T[], addr: number): number {
  let lo = 0;
  let hi = leaf.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (leaf[mid]!.start <= addr) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}

import type { BufferPool } from './buffer-pool.js';
import { ByteRing } from './byte-ring.js';
import { seqGe, seqGt, seqLe, seqLt } from './seq.js';

/** Ranges kept apart; a segment that would make one more is dropped (its sender sends it again). */
const MAX_RANGES = 1024;
/** Blocks remembered for SACK, as many as an option holds (RFC 2018 section 3). */
const MAX_BLOCKS = 4;

const NO_RANGES: Int32Array = new Int32Array(0);

/**
 * What a receiver holds: bytes in order, not yet read, and beyond them ranges that came out of order, which
 * stand in the same ring at their place. Sequence numbers are signed 32-bit.
 */
export class ReceiveQueue {
  /** Sequence number of the next byte expected in order. */
  next = 0;
  /** The FIN was received in order: `next` counts it. */
  fin = false;
  readonly ring: ByteRing;
  /** Ranges out of order, apart from each other and in order: `[start[i], end[i])`. */
  private start: Int32Array = NO_RANGES;
  private end: Int32Array = NO_RANGES;
  /** How many ranges there are. */
  ranges = 0;
  /** Blocks to report, the most recent one first: RFC 2018 section 4. */
  blocks: Int32Array = NO_RANGES;
  blockCount = 0;
  /** Segments that came out of order, for TCP_INFO. */
  outOfOrder = 0;

  constructor(pool: BufferPool) {
    this.ring = new ByteRing(pool);
  }

  /** Bytes in order and not read. */
  get length(): number {
    return this.ring.length;
  }

  /** Sequence number of the first byte not read. */
  get first(): number {
    return (this.next - this.ring.length - (this.fin ? 1 : 0)) | 0;
  }

  /** Adds bytes at `next`. false: there is no memory for them. */
  append(src: Uint8Array, from: number, to: number): boolean {
    const { ring } = this;
    const length = to - from;
    if (!ring.reserve(ring.length + length, this.extent())) return false;
    ring.writeAt(ring.length, src, from, to);
    ring.length = (ring.length + length) | 0;
    this.next = (this.next + length) | 0;
    if (this.ranges > 0) this.absorb();
    return true;
  }

  /** Bytes from the first unread one to the last one held. */
  private extent(): number {
    return this.ranges === 0
      ? this.ring.length
      : this.ring.length + ((this.end[this.ranges - 1] - this.next) | 0);
  }

  /** After `next` moved: ranges it reached become readable, and blocks it covers are no longer reported. */
  private absorb(): void {
    let gone = 0;
    while (gone < this.ranges && seqLe(this.start[gone], this.next)) {
      const more = (this.end[gone] - this.next) | 0;
      if (more > 0) {
        this.ring.length = (this.ring.length + more) | 0;
        this.next = this.end[gone];
      }
      gone++;
    }
    if (gone > 0) {
      this.start.copyWithin(0, gone, this.ranges);
      this.end.copyWithin(0, gone, this.ranges);
      this.ranges -= gone;
    }
    let kept = 0;
    for (let i = 0; i < this.blockCount; i++) {
      if (seqLe(this.blocks[2 * i + 1], this.next)) continue;
      this.blocks[2 * kept] = this.blocks[2 * i];
      this.blocks[2 * kept + 1] = this.blocks[2 * i + 1];
      kept++;
    }
    this.blockCount = kept;
  }

  /**
   * Adds bytes beyond `next`: `seq` is the number of `src[from]`.
   *
   * @returns DROPPED, NEW, or DUPLICATE when every byte was there already
   */
  insert(seq: number, src: Uint8Array, from: number, to: number): number {
    const length = to - from;
    const end = (seq + length) | 0;
    let low = 0;
    let high = this.ranges;
    // The first range that ends at or behind `seq`.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (seqLt(this.end[middle], seq)) low = middle + 1;
      else high = middle;
    }
    let past = low;
    while (past < this.ranges && seqLe(this.start[past], end)) past++;
    if (past - low === 1 && seqLe(this.start[low], seq) && seqGe(this.end[low], end)) {
      this.report(this.start[low], this.end[low]);
      return DUPLICATE;
    }
    if (past === low && this.ranges >= MAX_RANGES) return DROPPED;
    const offset = this.ring.length + ((seq - this.next) | 0);
    if (!this.ring.reserve(offset + length, this.extent())) return DROPPED;
    this.ring.writeAt(offset, src, from, to);
    this.outOfOrder++;
    if (past === low) {
      this.openRange(low, seq, end);
    } else {
      if (seqGt(this.start[low], seq)) this.start[low] = seq;
      const last = this.end[past - 1];
      this.end[low] = seqGt(last, end) ? last : end;
      if (past - low > 1) {
        this.start.copyWithin(low + 1, past, this.ranges);
        this.end.copyWithin(low + 1, past, this.ranges);
        this.ranges -= past - low - 1;
      }
    }
    this.report(this.start[low], this.end[low]);
    return NEW;
  }

  private openRange(at: number, start: number, end: number): void {
    if (this.ranges === this.start.length) {
      const size = Math.max(8, this.ranges * 2);
      const starts = new Int32Array(size);
      const ends = new Int32Array(size);
      starts.set(this.start);
      ends.set(this.end);
      this.start = starts;
      this.end = ends;
    }
    this.start.copyWithin(at + 1, at, this.ranges);
    this.end.copyWithin(at + 1, at, this.ranges);
    this.start[at] = start;
    this.end[at] = end;
    this.ranges++;
  }

  /** Puts a range first among the blocks to report; those it swallowed go. */
  private report(start: number, end: number): void {
    if (this.blocks.length === 0) this.blocks = new Int32Array(2 * MAX_BLOCKS);
    const { blocks } = this;
    let kept = 0;
    let carryStart = start;
    let carryEnd = end;
    for (let i = 0; i < this.blockCount; i++) {
      const s = blocks[2 * i];
      const e = blocks[2 * i + 1];
      if (seqGe(s, start) && seqLe(e, end)) continue;
      // The block that stood here moves one down.
      blocks[2 * kept] = carryStart;
      blocks[2 * kept + 1] = carryEnd;
      carryStart = s;
      carryEnd = e;
      kept++;
    }
    if (kept < MAX_BLOCKS) {
      blocks[2 * kept] = carryStart;
      blocks[2 * kept + 1] = carryEnd;
      kept++;
    }
    this.blockCount = kept;
  }

  /** Is all of `[seq, end)` held out of order? */
  holds(seq: number, end: number): boolean {
    for (let i = 0; i < this.ranges; i++) {
      if (seqLe(this.start[i], seq) && seqGe(this.end[i], end)) return true;
    }
    return false;
  }

  /** Forgets what came out of order (its sender may have been told of it: RFC 2018 section 8 allows it). */
  dropRanges(): void {
    this.ranges = 0;
    this.blockCount = 0;
  }

  /** Drops `count` bytes that were read. */
  consume(count: number): void {
    this.ring.consume(count);
    if (this.ring.length === 0 && this.ranges === 0) this.ring.clear();
  }

  /** Gives all memory back. */
  clear(): void {
    this.ring.clear();
    this.ranges = 0;
    this.blockCount = 0;
    this.start = NO_RANGES;
    this.end = NO_RANGES;
  }
}

export const DROPPED = 0;
export const NEW = 1;
export const DUPLICATE = 2;

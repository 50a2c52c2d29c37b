import type { IoBuf } from '@sandbox/vfs';
import type { Ancillary } from './socket.js';

const INITIAL = 4096;
/** A larger ring is given back as soon as it is empty. */
const KEPT = 16384;
/** Rings given back that wait for the next queue in need of one, by size; bytes of each size. */
const SPARE = 1 << 20;
const spares = new Map<number, Uint8Array[]>();

function takeRing(size: number): Uint8Array {
  return spares.get(size)?.pop() ?? new Uint8Array(size);
}

function giveRing(ring: Uint8Array): void {
  if (ring.length <= KEPT) return;
  const list = spares.get(ring.length);
  if (list === undefined) spares.set(ring.length, [ring]);
  else if ((list.length + 1) * ring.length <= SPARE) list.push(ring);
}

/**
 * Bytes on their way to one socket: a ring, cut into segments as they were sent. A segment remembers its
 * share of the sender's buffer, and what came along with it.
 */
export class StreamQueue {
  private ring: Uint8Array | null = null;
  /** Ever written and read; positions in the ring are these modulo its (power of two) size. */
  private written = 0;
  private taken = 0;
  // Segments: parallel rings of a power of two of places.
  private lengths: number[] = new Array(8).fill(0);
  private charges: number[] = new Array(8).fill(0);
  private extras: (Ancillary | null)[] = new Array(8).fill(null);
  private head = 0;
  private tail = 0;
  /** The segment with the urgent byte (MSG_OOB), which nobody has taken; -1: none. */
  private urgent = -1;
  /**
   * Segments whose urgent byte was taken: empty ones that show where it was, until what was before it is
   * read.
   */
  private marks = 0;

  get bytes(): number {
    return this.written - this.taken;
  }
  get empty(): boolean {
    return this.head === this.tail;
  }

  /** Take `size` bytes from `io` as a new segment. False: the caller's memory faulted, nothing was added. */
  append(io: IoBuf, size: number, charge: number, extra: Ancillary | null): boolean {
    const ring = this.reserve(size);
    const at = this.written & (ring.length - 1);
    const first = Math.min(size, ring.length - at);
    if (io.get(ring, at, first) < first) return false;
    if (first < size && io.get(ring, 0, size - first) < size - first) return false;
    if (this.tail - this.head === this.lengths.length) this.growSegments();
    const i = this.tail & (this.lengths.length - 1);
    this.lengths[i] = size;
    this.charges[i] = charge;
    this.extras[i] = extra;
    this.tail++;
    this.written += size;
    return true;
  }

  private reserve(size: number): Uint8Array {
    const need = this.bytes + size;
    const ring = this.ring;
    if (ring !== null && ring.length >= need) return ring;
    let capacity = ring === null ? INITIAL : ring.length;
    while (capacity < need) capacity *= 2;
    const larger = takeRing(capacity);
    if (ring !== null && this.bytes > 0) {
      const at = this.taken & (ring.length - 1);
      const first = Math.min(this.bytes, ring.length - at);
      larger.set(ring.subarray(at, at + first), 0);
      larger.set(ring.subarray(0, this.bytes - first), first);
    }
    this.written = this.bytes;
    this.taken = 0;
    if (ring !== null) giveRing(ring);
    this.ring = larger;
    return larger;
  }

  private growSegments(): void {
    const size = this.lengths.length;
    const order = Array.from({ length: size }, (_, k) => (this.head + k) & (size - 1));
    const spread = <T>(list: T[], fill: T): T[] =>
      order.map((i) => list[i]).concat(new Array<T>(size).fill(fill));
    this.lengths = spread(this.lengths, 0);
    this.charges = spread(this.charges, 0);
    this.extras = spread(this.extras, null);
    if (this.urgent >= 0) this.urgent -= this.head;
    this.head = 0;
    this.tail = size;
  }

  // Urgent data ---------------------------------------------------------------------------------------------

  get hasUrgent(): boolean {
    return this.urgent >= 0;
  }
  /** Reading goes on segment by segment: there may be something between them. */
  get marked(): boolean {
    return this.urgent >= 0 || this.marks > 0;
  }

  /** The segment added last is the urgent byte; one before it that nobody took is data like others now. */
  markUrgent(): void {
    this.urgent = this.tail - 1;
  }

  /** It is at the front: whoever reads on gets past it. */
  forgetUrgent(): void {
    this.urgent = -1;
  }

  /** What comes `skip` bytes on. */
  isUrgent(skip: number): boolean {
    if (this.urgent < 0) return false;
    let left = skip;
    for (let s = this.head; s < this.urgent; s++) left -= this.lengths[s & (this.lengths.length - 1)];
    return left === 0;
  }

  /** The place of an urgent byte that was taken is `skip` bytes on. */
  isMark(skip: number): boolean {
    let left = skip;
    for (let s = this.head; s < this.tail; s++) {
      const length = this.lengths[s & (this.lengths.length - 1)];
      if (length === 0 && left === 0) return true;
      if (left < length) return false;
      left -= length;
    }
    return false;
  }

  /** SIOCATMARK */
  get atUrgentMark(): boolean {
    if (this.empty) return false;
    if (this.head === this.urgent) return true;
    return this.isMark(0) && (this.urgent < 0 || this.urgent === this.head + 1);
  }

  /** Get past a mark at the front. The charge of it. */
  dropMark(): number {
    const i = this.head & (this.lengths.length - 1);
    this.head++;
    this.marks--;
    this.extras[i] = null;
    this.rewind();
    return this.charges[i];
  }

  /** Copy the urgent byte to `io`: false on a fault. `take`: its place stays as a mark. */
  readUrgent(io: IoBuf, take: boolean): boolean {
    let before = 0;
    for (let s = this.head; s < this.urgent; s++) before += this.lengths[s & (this.lengths.length - 1)];
    if (this.copy(io, before, 1) < 1) return false;
    if (!take) return true;
    // What was sent before it moves up.
    const ring = this.ring!;
    const mask = ring.length - 1;
    for (let k = this.taken + before; k > this.taken; k--) ring[k & mask] = ring[(k - 1) & mask];
    this.taken++;
    this.lengths[this.urgent & (this.lengths.length - 1)] = 0;
    this.urgent = -1;
    this.marks++;
    return true;
  }

  /** What came along with the first segment. */
  get firstExtra(): Ancillary | null {
    return this.extras[this.head & (this.extras.length - 1)];
  }
  /** What came with it has been handed out. */
  clearFirstExtra(): void {
    this.extras[this.head & (this.extras.length - 1)] = null;
  }

  /**
   * Bytes that may be handed out together, `skip` bytes on: up to files that come along, and (unless `mixed`)
   * of one segment only. Looks no further than `max`.
   */
  run(skip: number, max: number, mixed: boolean): number {
    let n = 0;
    let left = skip;
    for (let s = this.head; s < this.tail && n < max; s++) {
      const i = s & (this.lengths.length - 1);
      if (s === this.urgent && n > 0) break;
      if (left >= this.lengths[i]) {
        if (n > 0) break;
        left -= this.lengths[i];
        continue;
      }
      const files = this.extras[i] !== null && this.extras[i].parcel !== null;
      if (n > 0 && files) break;
      n += this.lengths[i] - left;
      left = 0;
      if (files || !mixed) break;
    }
    return Math.min(n, max);
  }

  /** What came with the segment `skip` bytes on. */
  extraAt(skip: number): Ancillary | null {
    let left = skip;
    for (let s = this.head; s < this.tail; s++) {
      const i = s & (this.lengths.length - 1);
      if (left < this.lengths[i]) return this.extras[i];
      left -= this.lengths[i];
    }
    return null;
  }

  /** Copy `count` bytes, `skip` bytes on, to `io`; bytes copied. They stay. */
  copy(io: IoBuf, skip: number, count: number): number {
    const ring = this.ring!;
    const at = (this.taken + skip) & (ring.length - 1);
    const first = Math.min(count, ring.length - at);
    const n = io.put(ring, at, first);
    if (n < first || first === count) return n;
    return n + io.put(ring, 0, count - first);
  }

  /**
   * Drop `count` bytes; only whole segments when `whole` is set. Returns the charge of segments that are
   * gone; bytes in `dropped`.
   */
  consume(count: number, whole: boolean): number {
    let charge = 0;
    let left = count;
    while (left > 0) {
      const i = this.head & (this.lengths.length - 1);
      const length = this.lengths[i];
      if (left < length) {
        if (whole) break;
        this.lengths[i] = length - left;
        left = 0;
        break;
      }
      left -= length;
      charge += this.charges[i];
      this.extras[i] = null;
      if (length === 0) this.marks--;
      if (this.head === this.urgent) this.urgent = -1;
      this.head++;
    }
    this.dropped = count - left;
    this.taken += this.dropped;
    this.rewind();
    return charge;
  }

  /** With nothing left, positions begin anew. */
  private rewind(): void {
    if (this.head === this.tail) {
      this.head = this.tail = 0;
      this.written = this.taken = 0;
      if (this.ring !== null && this.ring.length > KEPT) this.dropRing();
    }
  }
  dropped = 0;

  /** All that came along with any segment. */
  eachExtra(visit: (extra: Ancillary) => void): void {
    for (let s = this.head; s < this.tail; s++) {
      const extra = this.extras[s & (this.extras.length - 1)];
      if (extra !== null) visit(extra);
    }
  }

  /** Forget everything; the charge of it. */
  clear(): number {
    let charge = this.consume(this.bytes, false);
    while (!this.empty) charge += this.dropMark();
    this.urgent = -1;
    this.dropRing();
    return charge;
  }

  private dropRing(): void {
    if (this.ring !== null) giveRing(this.ring);
    this.ring = null;
  }
}

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
 * Bytes on their way to one socket: a ring, cut into segments as they were sent. A segment remembers its share of the sender's buffer, and what came
 * along with it.
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
    this.head = 0;
    this.tail = size;
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
   * Bytes that may be handed out together, `skip` bytes on: up to files that come along, and (unless `mixed`) of one segment only.
   * Looks no further than `max`.
   */
  run(skip: number, max: number, mixed: boolean): number {
    let n = 0;
    let left = skip;
    for (let s = this.head; s < this.tail && n < max; s++) {
      const i = s & (this.lengths.length - 1);
      if (left >= this.lengths[i]) {
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

  /** Drop `count` bytes; only whole segments when `whole` is set. Returns the charge of segments that are gone; bytes in `dropped`. */
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
      this.head++;
    }
    this.dropped = count - left;
    this.taken += this.dropped;
    if (this.head === this.tail) {
      this.head = this.tail = 0;
      this.written = this.taken = 0;
      if (this.ring !== null && this.ring.length > KEPT) this.dropRing();
    }
    return charge;
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
    const charge = this.consume(this.bytes, false);
    this.dropRing();
    return charge;
  }

  private dropRing(): void {
    if (this.ring !== null) giveRing(this.ring);
    this.ring = null;
  }
}

/** The receiver has it (SACK, or a counted duplicate acknowledgement without SACK never sets this). */
export const SACKED = 1;
/** Taken for lost, to be sent again. */
export const LOST = 2;
/** Sent again, and that copy is taken to be under way. */
export const RETRANSMITTED = 4;
/** Was sent again at some time: no RTT can be taken from it (Karn's algorithm). */
export const EVER_RETRANSMITTED = 8;

/**
 * A segment that was sent and is not acknowledged: sequence numbers `[seq, end)`; SYN and FIN count one each.
 */
export class SentSegment {
  seq = 0;
  end = 0;
  /** SYN, FIN, PSH bits of its header. */
  flags = 0;
  /** SACKED, LOST, RETRANSMITTED, EVER_RETRANSMITTED. */
  marks = 0;
  /** When it was last sent, ms. */
  sentAt = 0;
  /** Counts transmissions: which of two was sent later, also within one reading of the clock. */
  order = 0;
  // For delivery rate samples: what was delivered when it was sent, when that was, and when that flight
  // began.
  delivered = 0;
  deliveredAt = 0;
  flightStart = 0;
  appLimited = false;
  // The list by time of transmission.
  before: SentSegment | null = null;
  after: SentSegment | null = null;
  inTimeOrder = false;
}

/**
 * Free segments, shared by all connections: records are plain data, and no reference to them outlives their
 * use.
 */
const spare: SentSegment[] = [];
const KEEP_SPARE = 4096;

/**
 * The segments sent and not acknowledged, in the order of their sequence numbers; also a list of those under
 * way in the order they were last sent (RFC 8985 section 6.2 wants it), and counts of their marks.
 */
export class TransmitQueue {
  /** A ring of records; `head` is the oldest one's place. */
  private ring: (SentSegment | null)[] = [];
  private head = 0;
  /** Segments in the queue. */
  length = 0;
  sacked = 0;
  lost = 0;
  retransmitted = 0;
  /** Lost ones not sent again yet. */
  waiting = 0;
  /** The segment under way sent longest ago. */
  oldest: SentSegment | null = null;
  private newest: SentSegment | null = null;
  private sends = 0;

  /** The segment `i` places behind the oldest in sequence. */
  at(i: number): SentSegment {
    return this.ring[(this.head + i) & (this.ring.length - 1)]!;
  }

  /** The one sent first, in sequence. */
  get first(): SentSegment | null {
    return this.length === 0 ? null : this.ring[this.head];
  }

  get last(): SentSegment | null {
    return this.length === 0 ? null : this.at(this.length - 1);
  }

  /** Adds a segment at the end. */
  push(seq: number, end: number, flags: number, now: number): SentSegment {
    const segment = spare.pop() ?? new SentSegment();
    segment.seq = seq;
    segment.end = end;
    segment.flags = flags;
    segment.marks = 0;
    if (this.length === this.ring.length) this.grow();
    this.ring[(this.head + this.length) & (this.ring.length - 1)] = segment;
    this.length++;
    this.sent(segment, now);
    return segment;
  }

  private grow(): void {
    const old = this.ring;
    const ring: (SentSegment | null)[] = new Array(Math.max(4, old.length * 2)).fill(null);
    for (let i = 0; i < this.length; i++) ring[i] = old[(this.head + i) & (old.length - 1)];
    this.ring = ring;
    this.head = 0;
  }

  /** A segment was (again) sent: it goes to the end of the order of time. */
  sent(segment: SentSegment, now: number): void {
    segment.sentAt = now;
    segment.order = ++this.sends;
    if (segment.inTimeOrder) {
      if (this.newest === segment) return;
      this.unlink(segment);
    }
    segment.before = this.newest;
    segment.after = null;
    segment.inTimeOrder = true;
    if (this.newest === null) this.oldest = segment;
    else this.newest.after = segment;
    this.newest = segment;
  }

  /** Takes a segment out of the order of time: it is no longer under way. */
  unlink(segment: SentSegment): void {
    if (!segment.inTimeOrder) return;
    const { before, after } = segment;
    if (before === null) this.oldest = after;
    else before.after = after;
    if (after === null) this.newest = before;
    else after.before = before;
    segment.before = null;
    segment.after = null;
    segment.inTimeOrder = false;
  }

  /** Puts a segment back into the order of time, where its last transmission belongs. */
  relink(segment: SentSegment): void {
    let before = this.newest;
    while (before !== null && before.order > segment.order) before = before.before;
    const after: SentSegment | null = before === null ? this.oldest : before.after;
    segment.before = before;
    segment.after = after;
    segment.inTimeOrder = true;
    if (before === null) this.oldest = segment;
    else before.after = segment;
    if (after === null) this.newest = segment;
    else after.before = segment;
  }

  /** Takes the first segment off; its record may be used again as soon as another one is pushed. */
  shift(): SentSegment {
    const segment = this.ring[this.head]!;
    this.unlink(segment);
    if (segment.marks !== 0) this.unmark(segment, SACKED | LOST | RETRANSMITTED);
    this.ring[this.head] = null;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.length--;
    if (spare.length < KEEP_SPARE) spare.push(segment);
    return segment;
  }

  /** Sets marks it does not have yet, and counts them. */
  mark(segment: SentSegment, marks: number): void {
    this.count(segment.marks, -1);
    segment.marks |= marks;
    this.count(segment.marks, 1);
  }

  unmark(segment: SentSegment, marks: number): void {
    this.count(segment.marks, -1);
    segment.marks &= ~marks;
    this.count(segment.marks, 1);
  }

  private count(marks: number, by: number): void {
    if ((marks & SACKED) !== 0) this.sacked += by;
    if ((marks & LOST) !== 0) this.lost += by;
    if ((marks & RETRANSMITTED) !== 0) this.retransmitted += by;
    if ((marks & (LOST | RETRANSMITTED)) === LOST) this.waiting += by;
  }

  /** Place of the first segment that ends after `seq`; `length` when there is none. */
  find(seq: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.at(middle).end - seq) | 0) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Splits segment `i` at `seq`, inside it: both parts have its marks, the second has what stood at its end
   * (FIN, PSH).
   */
  split(i: number, seq: number, endFlags: number): void {
    const first = this.at(i);
    if (this.length === this.ring.length) this.grow();
    const second = spare.pop() ?? new SentSegment();
    second.seq = seq;
    second.end = first.end;
    second.flags = first.flags & endFlags;
    second.marks = 0;
    second.sentAt = first.sentAt;
    second.order = first.order;
    second.delivered = first.delivered;
    second.deliveredAt = first.deliveredAt;
    second.flightStart = first.flightStart;
    second.appLimited = first.appLimited;
    first.end = seq;
    first.flags &= ~endFlags;
    const mask = this.ring.length - 1;
    for (let k = this.length; k > i + 1; k--)
      this.ring[(this.head + k) & mask] = this.ring[(this.head + k - 1) & mask];
    this.ring[(this.head + i + 1) & mask] = second;
    this.length++;
    second.marks = first.marks;
    this.count(second.marks, 1);
    if (!first.inTimeOrder) return;
    second.inTimeOrder = true;
    second.before = first;
    second.after = first.after;
    if (first.after === null) this.newest = second;
    else first.after.before = second;
    first.after = second;
  }

  clear(): void {
    while (this.length > 0) this.shift();
    this.ring = [];
    this.head = 0;
  }
}

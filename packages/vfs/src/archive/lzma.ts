/**
 * LZMA ("lzma-specification" of the LZMA SDK) into a buffer that is its dictionary too, so that what comes
 * out can never be more than was expected. Everything throws a RangeError where the data leads out of itself.
 */

const POS_STATES = 16;
const STATES = 12;
/** Where the probabilities of each decision begin. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * POS_STATES;
const IS_REP_G0 = IS_REP + STATES;
const IS_REP_G1 = IS_REP_G0 + STATES;
const IS_REP_G2 = IS_REP_G1 + STATES;
const IS_REP0_LONG = IS_REP_G2 + STATES;
const POS_SLOT = IS_REP0_LONG + STATES * POS_STATES;
const POS_SPECIAL = POS_SLOT + 4 * 64;
const ALIGN = POS_SPECIAL + 128;
const LENGTHS = ALIGN + 16;
/** Of a length: two choices, short and middle ones by position, long ones. */
const LEN_LOW = 2;
const LEN_MID = LEN_LOW + POS_STATES * 8;
const LEN_HIGH = LEN_MID + POS_STATES * 8;
const LEN_SIZE = LEN_HIGH + 256;
const LITERALS = LENGTHS + 2 * LEN_SIZE;

export class Lzma {
  readonly out: Uint8Array;
  /** Bytes that have come out. */
  done = 0;
  /** Matches reach back to here. */
  private dictionary = 0;
  private data: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private range = 0;
  private code = 0;
  private probs = new Uint16Array(0);
  private lc = 0;
  private lpMask = 0;
  private pbMask = 0;
  private state = 0;
  private readonly reps = [0, 0, 0, 0];

  /** @param partial it ends where it is told to, in the middle of a match if need be. */
  constructor(
    limit: number,
    private readonly partial = false,
  ) {
    this.out = new Uint8Array(limit);
  }

  /** The byte that tells how contexts are made: (pb * 5 + lp) * 9 + lc. */
  setProperties(byte: number): void {
    if (byte >= 225) throw new RangeError('lzma: properties');
    const lp = Math.floor(byte / 9) % 5;
    this.lc = byte % 9;
    this.lpMask = (1 << lp) - 1;
    this.pbMask = (1 << Math.floor(byte / 45)) - 1;
    this.probs = new Uint16Array(LITERALS + (0x300 << (this.lc + lp)));
  }

  resetState(): void {
    this.probs.fill(1024);
    this.state = 0;
    this.reps.fill(0);
  }

  resetDictionary(): void {
    this.dictionary = this.done;
  }

  /** Take bytes as they are. */
  store(bytes: Uint8Array): void {
    if (this.done + bytes.length > this.out.length) throw new RangeError('lzma: too much');
    this.out.set(bytes, this.done);
    this.done += bytes.length;
  }

  /**
   * Unpack `data` until `size` bytes have come out of it, or (where `size` is unknown, Infinity) to its end
   * mark.
   */
  decode(data: Uint8Array, size: number): void {
    if (this.probs.length === 0) throw new RangeError('lzma: no properties');
    this.data = data;
    this.at = 1;
    this.end = data.length;
    this.range = 0xffffffff;
    this.code = 0;
    for (let i = 0; i < 4; i++) this.code = ((this.code << 8) | this.next()) >>> 0;
    const to = Math.min(this.done + size, this.out.length);
    const sized = size !== Number.POSITIVE_INFINITY;
    if (sized && this.done + size > this.out.length) throw new RangeError('lzma: too much');
    while (!sized || this.done < to) if (!this.step(to)) return;
  }

  private next(): number {
    if (this.at >= this.end) throw new RangeError('lzma: cut off');
    return this.data[this.at++]!;
  }

  /** One literal or match; false: the end mark. */
  private step(to: number): boolean {
    const posState = this.done & this.pbMask;
    const { state } = this;
    if (this.bit(IS_MATCH + state * POS_STATES + posState) === 0) {
      this.literal(to);
      return true;
    }
    let length: number;
    const reps = this.reps as [number, number, number, number];
    if (this.bit(IS_REP + state) === 0) {
      length = this.length(LENGTHS, posState);
      this.state = state < 7 ? 7 : 10;
      const distance = this.distance(length);
      if (distance === 0xffffffff) return false;
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      reps[0] = distance;
    } else if (this.bit(IS_REP_G0 + state) === 0) {
      if (this.bit(IS_REP0_LONG + state * POS_STATES + posState) === 0) {
        this.state = state < 7 ? 9 : 11;
        this.copy(1, to);
        return true;
      }
      length = this.repeated(posState);
    } else {
      let distance = reps[1];
      if (this.bit(IS_REP_G1 + state) === 1) {
        distance = reps[2];
        if (this.bit(IS_REP_G2 + state) === 1) {
          distance = reps[3];
          reps[3] = reps[2];
        }
        reps[2] = reps[1];
      }
      reps[1] = reps[0];
      reps[0] = distance;
      length = this.repeated(posState);
    }
    this.copy(this.partial ? Math.min(length + 2, to - this.done) : length + 2, to);
    return true;
  }

  private repeated(posState: number): number {
    const length = this.length(LENGTHS + LEN_SIZE, posState);
    this.state = this.state < 7 ? 8 : 11;
    return length;
  }

  private literal(to: number): void {
    if (this.done >= to) throw new RangeError('lzma: too much');
    const before = this.done > this.dictionary ? this.out[this.done - 1]! : 0;
    const context = ((this.done & this.lpMask) << this.lc) + (before >> (8 - this.lc));
    const base = LITERALS + 0x300 * context;
    let symbol = 1;
    if (this.state >= 7) {
      let match = this.out[this.source()]!;
      let same = true;
      while (same && symbol < 0x100) {
        const expected = (match >> 7) & 1;
        match <<= 1;
        const bit = this.bit(base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        same = bit === expected;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.bit(base + symbol);
    this.out[this.done++] = symbol & 0xff;
    const { state } = this;
    this.state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }

  /** Where the byte lies that the last distance leads to. */
  private source(): number {
    const from = this.done - this.reps[0]! - 1;
    if (from < this.dictionary) throw new RangeError('lzma: match');
    return from;
  }

  private copy(length: number, to: number): void {
    if (this.done + length > to) throw new RangeError('lzma: too much');
    // It may overlap what it writes.
    for (let from = this.source(), i = 0; i < length; i++) this.out[this.done++] = this.out[from++]!;
  }

  private length(base: number, posState: number): number {
    if (this.bit(base) === 0) return this.tree(base + LEN_LOW + posState * 8, 3);
    if (this.bit(base + 1) === 0) return 8 + this.tree(base + LEN_MID + posState * 8, 3);
    return 16 + this.tree(base + LEN_HIGH, 8);
  }

  private distance(length: number): number {
    const slot = this.tree(POS_SLOT + Math.min(length, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    let distance = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < 14) return distance + this.reverse(POS_SPECIAL + distance - slot, bits);
    let direct = 0;
    for (let i = 4; i < bits; i++) {
      this.range = this.range >>> 1;
      const one = this.code >= this.range ? 1 : 0;
      if (one === 1) this.code -= this.range;
      direct = direct * 2 + one;
      this.normalize();
    }
    distance += direct * 16 + this.reverse(ALIGN, 4);
    return distance;
  }

  private tree(base: number, bits: number): number {
    let m = 1;
    for (let i = 0; i < bits; i++) m = (m << 1) | this.bit(base + m);
    return m - (1 << bits);
  }

  private reverse(base: number, bits: number): number {
    let m = 1;
    let symbol = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + m);
      m = (m << 1) | bit;
      symbol |= bit << i;
    }
    return symbol;
  }

  private bit(index: number): number {
    const p = this.probs[index]!;
    const bound = (this.range >>> 11) * p;
    let bit = 0;
    if (this.code < bound) {
      this.range = bound;
      this.probs[index] = p + ((2048 - p) >> 5);
    } else {
      this.range -= bound;
      this.code -= bound;
      this.probs[index] = p - (p >> 5);
      bit = 1;
    }
    this.normalize();
    return bit;
  }

  private normalize(): void {
    if (this.range >= 0x1000000) return;
    this.range = (this.range << 8) >>> 0;
    this.code = ((this.code << 8) | this.next()) >>> 0;
  }
}

/** A file of the old format (.lzma): properties, size of the dictionary, size (all ones: unknown), data. */
export function unlzma(data: Uint8Array, limit: number): Uint8Array {
  if (data.length < 18) throw new RangeError('lzma: cut off');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const low = view.getUint32(5, true);
  const high = view.getUint32(9, true);
  const unknown = low === 0xffffffff && high === 0xffffffff;
  const lzma = new Lzma(limit);
  lzma.setProperties(data[0]!);
  lzma.resetState();
  lzma.decode(data.subarray(13), unknown ? Number.POSITIVE_INFINITY : low + high * 4294967296);
  return lzma.out.subarray(0, lzma.done);
}

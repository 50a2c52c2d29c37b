/** "BZh", then the size of blocks: '1' to '9', times 100,000 bytes. */
const MAGIC = [0x42, 0x5a, 0x68];
const UNIT = 100_000;
/** First 24 of the 48 bits before a block (of pi), or the end (of its square root), and the others. */
const BLOCK = [0x314159, 0x265359] as const;
const END = [0x177245, 0x385090] as const;
const MAX_BITS = 20;
/** Codes up to this length are found by one look. */
const SHORT = 10;
/** Symbols coded with one table before the next selector. */
const GROUP = 50;
/** As many equal bytes are followed by a number of more. */
const RUN = 4;
const PIECE = 1 << 20;

/** CRC-32 of bits from the highest down. */
const CRC_TABLE = new Uint32Array(256).map((_, n) => {
  let c = n << 24;
  for (let i = 0; i < 8; i++) c = c < 0 ? (c << 1) ^ 0x04c11db7 : c << 1;
  return c;
});

/** Do the first bytes of a file say that it is one? */
export function isBzip2(head: Uint8Array): boolean {
  return MAGIC.every((b, i) => head[i] === b);
}

class Bits {
  private at = 0;
  private held = 0;
  private count = 0;
  constructor(private readonly data: Uint8Array) {}

  /** The next `n` bits, 24 at most. */
  take(n: number): number {
    while (this.count < n) {
      if (this.at >= this.data.length) throw new RangeError('bzip2: cut off');
      this.held = ((this.held & 0xffffff) << 8) | this.data[this.at++]!;
      this.count += 8;
    }
    this.count -= n;
    return (this.held >>> this.count) & ((1 << n) - 1);
  }

  /** The next `n` bits, 24 at most, which stay; behind the end there are zeros. */
  peek(n: number): number {
    while (this.count < n && this.at < this.data.length) {
      this.held = ((this.held & 0xffffff) << 8) | this.data[this.at++]!;
      this.count += 8;
    }
    const spare = this.count - n;
    return (spare >= 0 ? this.held >>> spare : this.held << -spare) & ((1 << n) - 1);
  }

  u32(): number {
    return this.take(16) * 65536 + this.take(16);
  }

  /** Go on with the next whole byte; false: there is none. */
  align(): boolean {
    this.count -= this.count % 8;
    return this.at - this.count / 8 < this.data.length;
  }
}

/** A canonical Huffman code. */
class Code {
  /** Of each length, the distance of its codes to their places in `symbols`. */
  private readonly base = new Int32Array(MAX_BITS + 1);
  /**
   * Of each length, what the next MAX_BITS bits are below if a code of that length, or a shorter one, comes.
   */
  private readonly below = new Int32Array(MAX_BITS + 1);
  private readonly symbols: Uint16Array;
  /**
   * By the next SHORT bits: symbol and length (in the lowest 5 bits) of a code that is no longer; 0: it is.
   */
  private readonly short = new Uint16Array(1 << SHORT);

  constructor(lengths: Uint8Array) {
    this.symbols = new Uint16Array(lengths.length);
    let place = 0;
    let code = 0;
    for (let length = 1; length <= MAX_BITS; length++, code <<= 1) {
      this.base[length] = place - code;
      for (let s = 0; s < lengths.length; s++) {
        if (lengths[s] !== length) continue;
        this.symbols[place++] = s;
        if (length <= SHORT) {
          const from = code << (SHORT - length);
          this.short.fill((s << 5) | length, from, from + (1 << (SHORT - length)));
        }
        code++;
      }
      this.below[length] = code << (MAX_BITS - length);
    }
  }

  next(bits: Bits): number {
    const ahead = bits.peek(MAX_BITS);
    const known = this.short[ahead >>> (MAX_BITS - SHORT)]!;
    if (known !== 0) {
      bits.take(known & 31);
      return known >>> 5;
    }
    for (let length = SHORT + 1; length <= MAX_BITS; length++) {
      if (ahead < this.below[length]!) return this.symbols[bits.take(length) + this.base[length]!] ?? 0;
    }
    throw new RangeError('bzip2: no such code');
  }
}

/**
 * A file of bzip2, of one stream or several, in pieces of a mebibyte.
 *
 * @throws RangeError when it is damaged, or made by a version before 0.9.5 that "randomised" blocks.
 */
export function* unbzip2(data: Uint8Array): Generator<Uint8Array> {
  const bits = new Bits(data);
  do {
    if (MAGIC.some((b) => bits.take(8) !== b)) throw new RangeError('bzip2: no such stream');
    const level = bits.take(8) - 0x30;
    if (level < 1 || level > 9) throw new RangeError('bzip2: a block size that is none');
    let sum = 0;
    const block = new Block(bits, level * UNIT);
    while (block.read()) {
      yield* block.pieces();
      sum = ((sum << 1) | (sum >>> 31)) ^ block.sum;
    }
    if (bits.u32() !== sum >>> 0) throw new RangeError('bzip2: wrong check sum');
  } while (bits.align());
}

class Block {
  /** What its bytes add up to, as it says. */
  sum = 0;
  /**
   * Each byte in its lowest 8 bits; above it where the byte that follows lies (Burrows-Wheeler transform).
   */
  private readonly chain: Uint32Array;
  private length = 0;
  private first = 0;

  constructor(
    private readonly bits: Bits,
    size: number,
  ) {
    this.chain = new Uint32Array(size);
  }

  /** Decode the next; false: there is none. */
  read(): boolean {
    const { bits } = this;
    const [high, low] = [bits.take(24), bits.take(24)];
    if (high === END[0] && low === END[1]) return false;
    if (high !== BLOCK[0] || low !== BLOCK[1]) throw new RangeError('bzip2: no block');
    this.sum = bits.u32();
    if (bits.take(1) !== 0) throw new RangeError('bzip2: a randomised block');
    this.first = bits.take(24);
    this.symbols(this.bytesUsed());
    if (this.first >= this.length) throw new RangeError('bzip2: no beginning');
    this.link();
    return true;
  }

  private bytesUsed(): Uint8Array {
    const { bits } = this;
    const used: number[] = [];
    const rows = bits.take(16);
    for (let row = 0; row < 16; row++) {
      if ((rows & (0x8000 >> row)) === 0) continue;
      const columns = bits.take(16);
      for (let c = 0; c < 16; c++) if ((columns & (0x8000 >> c)) !== 0) used.push(row * 16 + c);
    }
    if (used.length === 0) throw new RangeError('bzip2: no bytes');
    return Uint8Array.from(used);
  }

  /** Which table each group of symbols is coded with: places in a list, whose used ones move to its front. */
  private selectors(tables: number): number[] {
    const { bits } = this;
    const order = Array.from({ length: tables }, (_, i) => i);
    const count = bits.take(15);
    if (count === 0) throw new RangeError('bzip2: no tables');
    return Array.from({ length: count }, () => {
      let place = 0;
      while (bits.take(1) === 1) if (++place >= tables) throw new RangeError('bzip2: no such table');
      const [table] = order.splice(place, 1);
      order.unshift(table!);
      return table!;
    });
  }

  private code(alphabet: number): Code {
    const { bits } = this;
    const lengths = new Uint8Array(alphabet);
    let length = bits.take(5);
    for (let s = 0; s < alphabet; s++) {
      while (bits.take(1) === 1) length += bits.take(1) === 0 ? 1 : -1;
      if (length < 1 || length > MAX_BITS) throw new RangeError('bzip2: code lengths');
      lengths[s] = length;
    }
    return new Code(lengths);
  }

  /**
   * Places in a list of the bytes used, whose used ones move to its front; runs of its first as numbers of
   * the digits 1 and 2.
   */
  private symbols(list: Uint8Array): void {
    const { bits, chain } = this;
    const tables = bits.take(3);
    if (tables < 2 || tables > 6) throw new RangeError('bzip2: number of tables');
    const selectors = this.selectors(tables);
    const end = list.length + 1;
    const codes = Array.from({ length: tables }, () => this.code(end + 1));
    let at = 0;
    let run = 0;
    let digit = 1;
    for (let n = 0; ; n++) {
      const code = codes[selectors[Math.floor(n / GROUP)] ?? -1];
      if (code === undefined) throw new RangeError('bzip2: too few tables');
      const symbol = code.next(bits);
      if (symbol <= 1) {
        run += digit << symbol;
        digit *= 2;
        if (run > chain.length) throw new RangeError('bzip2: too much');
        continue;
      }
      if (at + run + (symbol === end ? 0 : 1) > chain.length) throw new RangeError('bzip2: too much');
      chain.fill(list[0]!, at, at + run);
      at += run;
      run = 0;
      digit = 1;
      if (symbol === end) break;
      const byte = list[symbol - 1]!;
      list.copyWithin(1, 0, symbol - 1);
      list[0] = byte;
      chain[at++] = byte;
    }
    this.length = at;
  }

  /**
   * The transform turned round: the n-th of equal bytes is followed by what follows the n-th in sorted order.
   */
  private link(): void {
    const { chain, length } = this;
    const next = new Uint32Array(256);
    for (let i = 0; i < length; i++) next[chain[i]! & 255]!++;
    for (let b = 0, sum = 0; b < 256; b++) {
      const count = next[b]!;
      next[b] = sum;
      sum += count;
    }
    for (let i = 0; i < length; i++) {
      const to = next[chain[i]! & 255]!++;
      chain[to] = (chain[to]! & 255) | (i << 8);
    }
  }

  /** The content, runs expanded. */
  *pieces(): Generator<Uint8Array> {
    const { chain } = this;
    let out = new Uint8Array(PIECE);
    let done = 0;
    let crc = -1;
    let same = 0;
    let before = -1;
    let at = chain[this.first]! >>> 8;
    for (let left = this.length; left > 0; left--) {
      const entry = chain[at]!;
      at = entry >>> 8;
      let byte = entry & 255;
      let times = 1;
      if (same === RUN) {
        times = byte;
        byte = before;
        same = 0;
        before = -1;
      } else {
        same = byte === before ? same + 1 : 1;
        before = byte;
      }
      for (; times > 0; times--) {
        out[done++] = byte;
        crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte]!;
        if (done < PIECE) continue;
        yield out;
        out = new Uint8Array(PIECE);
        done = 0;
      }
    }
    if (~crc >>> 0 !== this.sum) throw new RangeError('bzip2: wrong check sum');
    yield out.subarray(0, done);
  }
}

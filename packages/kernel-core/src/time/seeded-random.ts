import type { Random } from './source.js';

/**
 * Reproducible randomness: xoshiro128** (Blackman and Vigna), seeded through splitmix32. For tests and
 * replay: a guest that knows the seed, or enough output, can predict it.
 */
export class SeededRandom implements Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** Of `seed` the low 32 bits count. Throws RangeError where it is no whole number. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError('a seed is a whole number');
    let state = seed | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next();
  }

  uint32(): number {
    const x = Math.imul(this.b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  fill(bytes: Uint8Array, offset: number, length: number): void {
    let word = 0;
    for (let i = 0; i < length; i++) {
      if (i % 4 === 0) word = this.uint32();
      bytes[offset + i] = word & 0xff;
      word >>>= 8;
    }
  }
}

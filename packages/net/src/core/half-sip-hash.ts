/**
 * HalfSipHash-2-4: a keyed hash of 32-bit words, for numbers others must not be able to guess (initial
 * sequence numbers, SYN cookies). J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", with
 * 32-bit words.
 */
export class HalfSipHash {
  private readonly k0: number;
  private readonly k1: number;

  constructor(random32: () => number) {
    this.k0 = random32() | 0;
    this.k1 = random32() | 0;
  }

  /** Hash of up to ten words, signed 32-bit. */
  hash(a: number, b: number, c: number, d: number, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0): number {
    state[0] = this.k0;
    state[1] = this.k1;
    state[2] = 0x6c796765 ^ this.k0;
    state[3] = 0x74656462 ^ this.k1;
    absorb(a);
    absorb(b);
    absorb(c);
    absorb(d);
    absorb(e);
    absorb(f);
    absorb(g);
    absorb(h);
    absorb(i);
    absorb(j);
    absorb(40 << 24);
    state[2] ^= 0xff;
    for (let n = 0; n < 4; n++) round();
    return state[1] ^ state[3];
  }
}

const state = new Int32Array(4);

function absorb(word: number): void {
  state[3] ^= word;
  round();
  round();
  state[0] ^= word;
}

function round(): void {
  let [v0, v1, v2, v3] = [state[0], state[1], state[2], state[3]];
  v0 = (v0 + v1) | 0;
  v1 = rotate(v1, 5) ^ v0;
  v0 = rotate(v0, 16);
  v2 = (v2 + v3) | 0;
  v3 = rotate(v3, 8) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = rotate(v3, 7) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = rotate(v1, 13) ^ v2;
  v2 = rotate(v2, 16);
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

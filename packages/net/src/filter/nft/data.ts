/** Expressions that work on registers alone. */
import {
  NFT_BREAK,
  NFT_CMP_EQ,
  NFT_CMP_GT,
  NFT_CMP_GTE,
  NFT_CMP_LT,
  NFT_CMP_LTE,
  NFT_CMP_NEQ,
} from '@sandbox/abi';
import type { Chain } from './chain.js';
import type { Expression, Registers } from './registers.js';

/** Bytes into registers. */
export class Immediate implements Expression {
  constructor(
    private readonly register: number,
    private readonly data: Uint8Array,
  ) {}

  evaluate({ bytes }: Registers): void {
    bytes.fill(0, this.register, this.register + ((this.data.length + 3) & ~3));
    bytes.set(this.data, this.register);
  }
}

/** A decision: DROP, ACCEPT, NFT_RETURN...; with a chain to go to. */
export class Verdict implements Expression {
  constructor(
    readonly code: number,
    readonly chain: Chain | null,
  ) {}

  evaluate(registers: Registers): void {
    registers.verdict = this.code;
    registers.chain = this.chain;
  }
}

/** As memcmp(3). */
function compare(registers: Uint8Array, at: number, data: Uint8Array): number {
  for (let i = 0; i < data.length; i++) {
    const difference = registers[at + i] - data[i];
    if (difference !== 0) return difference;
  }
  return 0;
}

export class Compare implements Expression {
  constructor(
    private readonly register: number,
    private readonly operation: number,
    private readonly data: Uint8Array,
  ) {}

  evaluate(registers: Registers): void {
    if (!this.holds(compare(registers.bytes, this.register, this.data))) registers.verdict = NFT_BREAK;
  }

  private holds(order: number): boolean {
    switch (this.operation) {
      case NFT_CMP_EQ:
        return order === 0;
      case NFT_CMP_NEQ:
        return order !== 0;
      case NFT_CMP_LT:
        return order < 0;
      case NFT_CMP_LTE:
        return order <= 0;
      case NFT_CMP_GT:
        return order > 0;
      case NFT_CMP_GTE:
        return order >= 0;
      default:
        return false;
    }
  }
}

export class Range implements Expression {
  constructor(
    private readonly register: number,
    private readonly invert: boolean,
    private readonly from: Uint8Array,
    private readonly to: Uint8Array,
  ) {}

  evaluate(registers: Registers): void {
    const { bytes } = registers;
    const within =
      compare(bytes, this.register, this.from) >= 0 && compare(bytes, this.register, this.to) <= 0;
    if (within === this.invert) registers.verdict = NFT_BREAK;
  }
}

/** `(source & mask) ^ xor`, byte by byte. */
export class MaskXor implements Expression {
  constructor(
    private readonly source: number,
    private readonly target: number,
    private readonly mask: Uint8Array,
    private readonly xor: Uint8Array,
  ) {}

  evaluate({ bytes }: Registers): void {
    const { source, target, mask, xor } = this;
    for (let i = 0; i < mask.length; i++) bytes[target + i] = (bytes[source + i] & mask[i]) ^ xor[i];
  }
}

/** Words shifted as one number, the first of them the highest. */
export class Shift implements Expression {
  constructor(
    private readonly source: number,
    private readonly target: number,
    private readonly words: number,
    private readonly left: boolean,
    /** 1 to 31. */
    private readonly bits: number,
  ) {}

  evaluate({ view }: Registers): void {
    const { source, target, words, bits } = this;
    let carry = 0;
    for (let n = 0; n < words; n++) {
      const i = 4 * (this.left ? words - 1 - n : n);
      const word = view.getUint32(source + i, true);
      if (this.left) {
        view.setUint32(target + i, (word << bits) | carry, true);
        carry = word >>> (32 - bits);
      } else {
        view.setUint32(target + i, (word >>> bits) | carry, true);
        carry = word << (32 - bits);
      }
    }
  }
}

/** Numbers of `size` bytes from one byte order into the other. */
export class ByteOrder implements Expression {
  constructor(
    private readonly source: number,
    private readonly target: number,
    private readonly length: number,
    private readonly size: number,
  ) {}

  evaluate({ bytes }: Registers): void {
    const { source, target, length, size } = this;
    for (let at = 0; at + size <= length; at += size) {
      for (let low = 0, high = size - 1; low <= high; low++, high--) {
        const first = bytes[source + at + low];
        bytes[target + at + low] = bytes[source + at + high];
        bytes[target + at + high] = first;
      }
    }
  }
}

/** Numbers in turn, or by chance: `offset` up to `offset + modulus - 1`. */
export class NumberGenerator implements Expression {
  private last: number;

  constructor(
    private readonly target: number,
    private readonly modulus: number,
    private readonly offset: number,
    private readonly random: (() => number) | null,
  ) {
    this.last = modulus - 1;
  }

  evaluate(registers: Registers): void {
    if (this.random !== null) this.last = this.random() % this.modulus;
    else this.last = (this.last + 1) % this.modulus;
    registers.store(this.target, this.last + this.offset);
  }
}

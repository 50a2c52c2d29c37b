/** Expressions that look into sets and maps, and change them. */
import { NFT_BREAK, NFT_CONTINUE } from '@sandbox/abi';
import type { Visit } from '../rules.js';
import type { Expression, Registers } from './registers.js';
import type { NftSet, SetElement } from './set.js';

/** What a register number stands for that is the verdict. */
export const VERDICT_REGISTER = -1;

/** Is it in the set? What a map has for it goes into a register, or is the verdict. */
export class Lookup implements Expression {
  constructor(
    private readonly set: NftSet,
    private readonly source: number,
    /** VERDICT_REGISTER; null: nothing is taken from the set. */
    private readonly target: number | null,
    private readonly invert: boolean,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const found = this.set.lookup(registers.bytes, this.source);
    if ((found !== undefined) === this.invert) {
      registers.verdict = NFT_BREAK;
      return;
    }
    if (found === undefined) return;
    for (const expression of found.expressions) expression.evaluate(registers, visit);
    if (registers.verdict !== NFT_CONTINUE || this.target === null) return;
    if (this.target === VERDICT_REGISTER) {
      registers.verdict = found.verdict?.code ?? NFT_BREAK;
      registers.chain = found.verdict?.chain ?? null;
    } else if (found.data !== null) {
      const { data } = found;
      registers.bytes.fill(0, this.target, this.target + ((data.length + 3) & ~3));
      registers.bytes.set(data, this.target);
    }
  }
}

/** The object a map has for the key. */
export class ObjectLookup implements Expression {
  constructor(
    private readonly set: NftSet,
    private readonly source: number,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const object = this.set.lookup(registers.bytes, this.source)?.object;
    if (object === undefined || object === null) registers.verdict = NFT_BREAK;
    else object.evaluate(registers, visit);
  }
}

/** add, update and delete of nft(8): rules that change a set. */
export class SetUpdate implements Expression {
  constructor(
    private readonly set: NftSet,
    private readonly operation: 'add' | 'update' | 'delete',
    private readonly key: number,
    private readonly data: { readonly register: number; readonly length: number } | null,
    private readonly invert: boolean,
    /** Ms; 0: elements stay. */
    private readonly timeout: number,
    private readonly now: () => number,
    /** Makes an element for a key. */
    private readonly make: (key: Uint8Array, data: Uint8Array | null, expires: number) => SetElement,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const { set, key, now } = this;
    const expires = this.timeout === 0 ? Number.POSITIVE_INFINITY : now() + this.timeout;
    const wanted = registers.bytes.slice(key, key + set.keyLength);
    const element = this.make(wanted, this.taken(registers), expires);
    let found = set.same(element);
    if (this.operation === 'delete') {
      if (found !== undefined) set.delete(found);
      if ((found !== undefined) === this.invert) registers.verdict = NFT_BREAK;
      return;
    }
    if (found === undefined || found.expires <= now()) {
      found = set.add(element) === 0 ? element : undefined;
    } else if (this.operation === 'update' && this.timeout !== 0) found.expires = expires;
    if (found === undefined) {
      if (!this.invert) registers.verdict = NFT_BREAK;
      return;
    }
    for (const expression of found.expressions) expression.evaluate(registers, visit);
    if (this.invert) registers.verdict = NFT_BREAK;
  }

  private taken({ bytes }: Registers): Uint8Array | null {
    const { data } = this;
    return data === null ? null : bytes.slice(data.register, data.register + data.length);
  }
}

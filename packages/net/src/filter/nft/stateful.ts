/**
 * Expressions that count: counter, limit, quota, connection limits. They are also named objects, and parts of
 * set elements.
 */
import { NFT_BREAK } from '@sandbox/abi';
import type { Visit } from '../rules.js';
import type { Expression, Registers } from './registers.js';

export class Counter implements Expression {
  constructor(
    public packets = 0,
    public bytes = 0,
  ) {}

  evaluate(_registers: Registers, { flow }: Visit): void {
    this.packets++;
    this.bytes += flow.end - flow.network;
  }
}

/** A token bucket, full to begin with (nft_limit). Times are ms. */
export class Limit implements Expression {
  private tokens: number;
  private last: number;
  private readonly most: number;

  constructor(
    /** Packets, or bytes, in each `unit`. */
    readonly rate: number,
    /** Seconds. */
    readonly unit: number,
    readonly burst: number,
    readonly ofBytes: boolean,
    /** What is over the limit goes on, not what is within. */
    readonly invert: boolean,
    private readonly now: () => number,
  ) {
    const time = unit * 1000;
    this.most = ofBytes ? (time * (rate + burst)) / rate : (time / rate) * burst;
    this.tokens = this.most;
    this.last = now();
  }

  evaluate(registers: Registers, { flow }: Visit): void {
    const size = this.ofBytes ? flow.end - flow.network : 1;
    if (this.within((this.unit * 1000 * size) / this.rate) === this.invert) registers.verdict = NFT_BREAK;
  }

  private within(cost: number): boolean {
    const now = this.now();
    this.tokens = Math.min(this.tokens + now - this.last, this.most);
    this.last = now;
    if (this.tokens < cost) return false;
    this.tokens -= cost;
    return true;
  }
}

/** A number of bytes that is used up. */
export class Quota implements Expression {
  constructor(
    readonly limit: number,
    readonly invert: boolean,
    public consumed = 0,
  ) {}

  get depleted(): boolean {
    return this.consumed >= this.limit;
  }

  evaluate(registers: Registers, { flow }: Visit): void {
    this.consumed += flow.end - flow.network;
    if (this.consumed > this.limit !== this.invert) registers.verdict = NFT_BREAK;
  }
}

/** When a rule was last reached. */
export class Last implements Expression {
  constructor(
    private readonly now: () => number,
    /** Monotonic ms; null: never. */
    public at: number | null = null,
  ) {}

  evaluate(): void {
    this.at = this.now();
  }

  /** Ms since then. */
  get ago(): number {
    return this.at === null ? 0 : Math.max(0, Math.round(this.now() - this.at));
  }
}

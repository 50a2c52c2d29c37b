import { NSIG, SIGKILL, SIGSTOP } from '@sandbox/abi';

/** A set of the signals 1..64, as two words (sigset_t). Mutable. */
export class SigSet {
  constructor(
    public lo = 0,
    public hi = 0,
  ) {}

  /** A set of the given signals. */
  static of(...signals: number[]): SigSet {
    const s = new SigSet();
    for (const sig of signals) s.add(sig);
    return s;
  }

  has(sig: number): boolean {
    return sig <= 32 ? ((this.lo >>> (sig - 1)) & 1) === 1 : ((this.hi >>> (sig - 33)) & 1) === 1;
  }
  add(sig: number): void {
    if (sig <= 32) this.lo = (this.lo | (1 << (sig - 1))) >>> 0;
    else this.hi = (this.hi | (1 << (sig - 33))) >>> 0;
  }
  delete(sig: number): void {
    if (sig <= 32) this.lo = (this.lo & ~(1 << (sig - 1))) >>> 0;
    else this.hi = (this.hi & ~(1 << (sig - 33))) >>> 0;
  }
  set(lo: number, hi: number): void {
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
  }
  copyFrom(other: SigSet): void {
    this.lo = other.lo;
    this.hi = other.hi;
  }
  /** Add all of `other`. */
  union(other: SigSet): void {
    this.lo = (this.lo | other.lo) >>> 0;
    this.hi = (this.hi | other.hi) >>> 0;
  }
  /** Remove all of `other`. */
  subtract(other: SigSet): void {
    this.lo = (this.lo & ~other.lo) >>> 0;
    this.hi = (this.hi & ~other.hi) >>> 0;
  }
  /** True when the two have a signal in common. */
  meets(other: SigSet): boolean {
    return ((this.lo & other.lo) | (this.hi & other.hi)) !== 0;
  }
  clear(): void {
    this.lo = 0;
    this.hi = 0;
  }
  get empty(): boolean {
    return (this.lo | this.hi) === 0;
  }
}

/** Bit of `sig` (1..32) in the low word of a set. */
export function sigbit(sig: number): number {
  return (1 << (sig - 1)) >>> 0;
}

/** Low word of SIGKILL and SIGSTOP, which no mask may hold. */
export const UNBLOCKABLE_LO = (sigbit(SIGKILL) | sigbit(SIGSTOP)) >>> 0;

/** Number of the lowest signal in the set of two words, 0 when it is empty. */
export function lowestSignal(lo: number, hi: number): number {
  if (lo !== 0) return 32 - Math.clz32(lo & -lo);
  if (hi !== 0) return 64 - Math.clz32(hi & -hi);
  return 0;
}

/** True for 1..64. */
export function isValidSignal(sig: number): boolean {
  return sig >= 1 && sig <= NSIG;
}

/** A set of the signals 1..64, as two words (sigset_t). Mutable. */
export class SigSet {
  constructor(
    public lo = 0,
    public hi = 0,
  ) {}

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
  get empty(): boolean {
    return (this.lo | this.hi) === 0;
  }
}

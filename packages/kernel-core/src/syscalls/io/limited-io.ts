import type { IoBuf } from '@sandbox/vfs';

/** The first `limit` bytes of another cursor. */
export class LimitedIo implements IoBuf {
  private left: number;

  constructor(
    private readonly inner: IoBuf,
    limit: number,
  ) {
    this.left = Math.min(limit, inner.remaining);
  }

  get remaining(): number {
    return this.left;
  }
  get bytes(): Uint8Array {
    return this.inner.bytes;
  }
  get start(): number {
    return this.inner.start;
  }
  get hostAddress(): number {
    return this.inner.hostAddress;
  }
  put(src: Uint8Array, offset: number, length: number): number {
    const n = this.inner.put(src, offset, Math.min(length, this.left));
    this.left -= n;
    return n;
  }
  get(dst: Uint8Array, offset: number, length: number): number {
    const n = this.inner.get(dst, offset, Math.min(length, this.left));
    this.left -= n;
    return n;
  }
  putZeros(length: number): number {
    const n = this.inner.putZeros(Math.min(length, this.left));
    this.left -= n;
    return n;
  }
  window(max: number, forPut: boolean): number {
    return this.inner.window(Math.min(max, this.left), forPut);
  }
  advance(count: number): void {
    this.inner.advance(count);
    this.left -= count;
  }
}

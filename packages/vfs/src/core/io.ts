/**
 * IoBuf: the caller's side of a read or write. The bytes may lie scattered in guest memory that can fault, so
 * a file copies through this instead of holding a Uint8Array. An IoBuf is a cursor: each operation consumes.
 */
export interface IoBuf {
  /** Bytes not yet consumed. */
  readonly remaining: number;
  /**
   * Copy `length` bytes from `src` at `offset` to the caller (for read calls). Returns bytes copied; fewer =
   * the caller's memory faulted.
   */
  put(src: Uint8Array, offset: number, length: number): number;
  /** Copy `length` bytes from the caller to `dst` (for write calls). Returns bytes copied; fewer = fault. */
  get(dst: Uint8Array, offset: number, length: number): number;
  /** Write `length` zero bytes to the caller. */
  putZeros(length: number): number;
  /**
   * Direct access without a copy: makes `bytes`/`start` name the next contiguous run of at most `max` bytes
   * and returns its length (0 = fault or end). `forPut`: the file will write to it. Follow with `advance`.
   */
  window(max: number, forPut: boolean): number;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Host address of the window for direct host I/O; 0 when it has none. */
  readonly hostAddress: number;
  advance(count: number): void;
}

const NO_BYTES = new Uint8Array(0);

/** An IoBuf over one Uint8Array: kernel-internal and embedder reads and writes. */
export class BytesIo implements IoBuf {
  bytes: Uint8Array;
  start: number;
  remaining: number;
  readonly hostAddress = 0;

  constructor(bytes: Uint8Array = NO_BYTES, start = 0, length = bytes.length - start) {
    this.bytes = bytes;
    this.start = start;
    this.remaining = length;
  }

  reset(bytes: Uint8Array, start = 0, length = bytes.length - start): this {
    this.bytes = bytes;
    this.start = start;
    this.remaining = length;
    return this;
  }

  put(src: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.remaining);
    this.bytes.set(offset === 0 && n === src.length ? src : src.subarray(offset, offset + n), this.start);
    this.advance(n);
    return n;
  }

  get(dst: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.remaining);
    dst.set(this.bytes.subarray(this.start, this.start + n), offset);
    this.advance(n);
    return n;
  }

  putZeros(length: number): number {
    const n = Math.min(length, this.remaining);
    this.bytes.fill(0, this.start, this.start + n);
    this.advance(n);
    return n;
  }

  window(max: number, _forPut: boolean): number {
    return Math.min(max, this.remaining);
  }

  advance(count: number): void {
    this.start += count;
    this.remaining -= count;
  }
}

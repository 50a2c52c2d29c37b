/**
 * Bytes to send, consumed as they are copied out. A caller's scattered buffers, or one Uint8Array
 * (`BytesSource`).
 */
export interface ByteSource {
  /** Bytes not yet consumed. */
  readonly remaining: number;
  /**
   * Copy `length` bytes to `dst` at `offset`. Bytes copied; fewer: the memory behind it could not be read.
   */
  get(dst: Uint8Array, offset: number, length: number): number;
}

/** Room for bytes received, consumed as it is filled. */
export interface ByteSink {
  /** Room left. */
  readonly remaining: number;
  /**
   * Copy `length` bytes from `src` at `offset`. Bytes copied; fewer: the memory behind it could not be
   * written.
   */
  put(src: Uint8Array, offset: number, length: number): number;
}

/** A source over one array. */
export class BytesSource implements ByteSource {
  constructor(
    private bytes: Uint8Array,
    private start = 0,
    private end = bytes.length,
  ) {}

  get remaining(): number {
    return this.end - this.start;
  }

  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return this;
  }

  get(dst: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.end - this.start);
    copyBytes(this.bytes, this.start, dst, offset, n);
    this.start += n;
    return n;
  }
}

/** A sink over one array. */
export class BytesSink implements ByteSink {
  constructor(
    private bytes: Uint8Array,
    private start = 0,
    private end = bytes.length,
  ) {}

  get remaining(): number {
    return this.end - this.start;
  }

  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return this;
  }

  put(src: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.end - this.start);
    copyBytes(src, offset, this.bytes, this.start, n);
    this.start += n;
    return n;
  }
}

/**
 * `length` bytes from `src` to `dst`. Short copies go byte by byte: making a subarray costs more than they
 * do.
 */
export function copyBytes(src: Uint8Array, from: number, dst: Uint8Array, to: number, length: number): void {
  if (length <= 32) {
    for (let i = 0; i < length; i++) dst[to + i] = src[from + i];
    return;
  }
  dst.set(src.subarray(from, from + length), to);
}

export function getU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function getU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

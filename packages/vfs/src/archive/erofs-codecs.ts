import { inflateRawSync } from 'node:zlib';
import type { ImageBytes } from './image-reader.js';
import { unlz4 } from './lz4.js';
import { Lzma } from './lzma.js';
import { unzstd } from './zstd.js';

/** Bytes one extent may become (Linux: Z_EROFS_PCLUSTER_MAX_DSIZE). */
export const EXTENT_MAX = 12 * 1024 * 1024;

/**
 * A stream of LZMA whose first byte, always 0, gave way to the complement of the properties ("MicroLZMA").
 */
function microlzma(data: Uint8Array, length: number): Uint8Array {
  const lzma = new Lzma(length, true);
  lzma.setProperties(~data[0]! & 0xff);
  lzma.resetState();
  // The decoder looks a little ahead.
  const stream = new Uint8Array(data.length + 8);
  stream.set(data);
  stream[0] = 0;
  lzma.decode(stream, length);
  return lzma.out;
}

/** Bytes that may come out of data of which only the beginning was wanted, in one image. */
const MOST_WASTE = 2 ** 31;

/** The algorithms of an image. */
export class ErofsCodecs {
  private wasted = 0;

  constructor(private readonly image: ImageBytes) {}

  /** The first `length` bytes of an extent; `partial`: more comes out. Zeros before the data are padding. */
  decode(algorithm: number, data: Uint8Array, length: number, partial: boolean): Uint8Array {
    const { image } = this;
    let start = 0;
    while (start < data.length && data[start] === 0) start++;
    let out: Uint8Array;
    try {
      out = this.unpack(algorithm, data.subarray(start), length, partial);
    } catch (error) {
      throw image.bad(`an extent that cannot be decompressed (${(error as Error).message})`);
    }
    if (out.length !== length) throw image.bad('an extent that is too short');
    return out;
  }

  private unpack(algorithm: number, data: Uint8Array, length: number, partial: boolean): Uint8Array {
    switch (algorithm) {
      case 0:
        return unlz4(data, length, true);
      case 1:
        return microlzma(data, length);
      case 2:
        return this.inflate(data, length, partial);
      case 3:
        return unzstd(data, length, true);
      default:
        throw new RangeError(`number ${algorithm} is not known`);
    }
  }

  private inflate(data: Uint8Array, length: number, partial: boolean): Uint8Array {
    if (!partial) return inflateRawSync(data, { maxOutputLength: length });
    // Zlib stops at no given length: of what is shared all comes out.
    const out = inflateRawSync(data, { maxOutputLength: EXTENT_MAX });
    this.wasted += out.length;
    if (this.wasted > MOST_WASTE) throw new RangeError('too much that is shared');
    return out.subarray(0, length);
  }
}

import { inflateSync } from 'node:zlib';
import type { ImageBytes } from './image-reader.js';
import { unlz4 } from './lz4.js';
import { unlzma } from './lzma.js';
import { unlzo } from './lzo.js';
import { unxz } from './xz.js';
import { unzstd } from './zstd.js';

/** Unpacks a block to at most `limit` bytes. Throws when it is damaged. */
export type Decompress = (data: Uint8Array, limit: number) => Uint8Array;

/** The compressor of a SquashFS image by its number. */
export function codecOf(id: number, image: ImageBytes): Decompress {
  const codecs: Record<number, Decompress> = {
    1: (data, limit) => inflateSync(data, { maxOutputLength: limit }),
    2: unlzma,
    3: unlzo,
    4: unxz,
    5: unlz4,
    6: unzstd,
  };
  const codec = codecs[id];
  if (codec === undefined) throw image.bad(`compressed in a way (number ${id}) that is not known`);
  return (data, limit) => {
    let out: Uint8Array;
    try {
      out = codec(data, limit);
    } catch (error) {
      throw image.bad(`a block that cannot be decompressed (${(error as Error).message})`);
    }
    if (out.length > limit) throw image.bad('a block larger than blocks are');
    return out;
  };
}

import { ImageBytes } from './image-reader.js';
import type { Decompress } from './squashfs-codecs.js';

/**
 * Where something lies in a metadata table: a block, from the table's start, and a place in it once
 * decompressed.
 */
export interface MetaPlace {
  readonly block: number;
  readonly offset: number;
}

const META_SIZE = 8192;
const PLAIN = 0x8000;
/** References in the image: the block above, the place in its low 16 bits. */
export function placeOf(reference: number): MetaPlace {
  return { block: Math.floor(reference / 65536), offset: reference % 65536 };
}

interface MetaBlock {
  readonly data: Uint8Array;
  /** Where the next one begins in the image. */
  readonly next: number;
}

/** Metadata blocks: up to 8 KiB each, compressed one by one, read as one stream. */
export class MetaTable {
  private readonly blocks = new Map<number, MetaBlock>();

  constructor(
    private readonly image: ImageBytes,
    private readonly start: number,
    private readonly unpack: Decompress,
  ) {}

  private block(at: number): MetaBlock {
    let block = this.blocks.get(at);
    if (block === undefined) {
      const header = this.image.u16(at);
      const size = header & (PLAIN - 1);
      const stored = this.image.slice(at + 2, size);
      const data = (header & PLAIN) !== 0 ? stored : this.unpack(stored, META_SIZE);
      block = { data, next: at + 2 + size };
      this.blocks.set(at, block);
    }
    return block;
  }

  cursor(place: MetaPlace): MetaCursor {
    return new MetaCursor(this.image, (at) => this.block(at), this.start + place.block, place.offset);
  }
}

/** Reads on from a place, over the borders of blocks. */
export class MetaCursor {
  constructor(
    private readonly image: ImageBytes,
    private readonly block: (at: number) => MetaBlock,
    private at: number,
    private offset: number,
  ) {}

  take(length: number): ImageBytes {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { data, next } = this.block(this.at);
      if (this.offset < data.length) {
        const part = data.subarray(this.offset, this.offset + length - done);
        out.set(part, done);
        done += part.length;
        this.offset += part.length;
      } else if (this.offset > data.length || data.length === 0) {
        throw this.image.bad('a place outside of its block');
      } else {
        this.at = next;
        this.offset = 0;
      }
    }
    return new ImageBytes(out, this.image.kind);
  }
}

/** A table of `count` records of `size` bytes, whose metadata blocks a list of pointers at `at` names. */
export function indexedTable(
  image: ImageBytes,
  at: number,
  size: number,
  unpack: Decompress,
): (index: number) => ImageBytes {
  const perBlock = META_SIZE / size;
  const table = new MetaTable(image, 0, unpack);
  return (index) => {
    const block = image.u64(at + 8 * Math.floor(index / perBlock));
    return table.cursor({ block, offset: (index % perBlock) * size }).take(size);
  };
}

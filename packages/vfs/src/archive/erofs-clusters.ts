import type { ImageBytes } from './image-reader.js';

/** How a logical cluster is told: `PLAIN` and the two `HEAD`s begin an extent, `NONHEAD` goes on with one. */
export const PLAIN = 0;
const HEAD1 = 1;
const NONHEAD = 2;
export const HEAD2 = 3;
/** On the first that goes on: how many blocks the extent takes, instead of a distance. */
const BLOCK_COUNT = 0x800;

const COMPACTED_2B = 1;
const BIG_CLUSTER_1 = 2;
const BIG_CLUSTER_2 = 4;
const INLINE = 8;
const INTERLACED = 16;
const FRAGMENT = 32;
const PARTIAL = 0x8000;

/** A stretch of a file that was compressed as one. */
interface Extent {
  readonly kind: typeof PLAIN | typeof HEAD1 | typeof HEAD2;
  /** Where in the file it begins. */
  readonly from: number;
  readonly block: number;
  /** Blocks it takes in the image. */
  readonly blocks: number;
  /** More comes out than belongs here. */
  readonly partial: boolean;
}

/** What precedes the clusters of a compressed file (struct z_erofs_map_header), and what follows from it. */
interface ClusterMap {
  /** The last extent lies in the metadata (`at`, `length`), or in the file of fragments (`at`). */
  readonly tail: {
    readonly kind: 'inline' | 'fragment';
    readonly at: number;
    readonly length: number;
  } | null;
  /** All of the file is a fragment: there are no extents. */
  readonly whole: boolean;
  readonly interlaced: boolean;
  /** Numbers of the algorithms of the two kinds of heads. */
  readonly algorithms: readonly [number, number];
  readonly extents: readonly Extent[];
}

interface Cluster {
  readonly type: number;
  /** Where in the cluster the extent begins. */
  readonly offset: number;
  readonly block: number;
  /** Told by one that goes on; 0: not told. */
  readonly count: number;
  readonly partial: boolean;
}

/** The clusters of a file of `size` bytes, whose header lies at the next multiple of eight from `end` on. */
export function readClusters(
  image: ImageBytes,
  end: number,
  size: number,
  blockBits: number,
  compact: boolean,
): ClusterMap {
  const header = Math.ceil(end / 8) * 8;
  const shape = image.u8(header + 7);
  if ((shape & 0x80) !== 0) {
    const high = image.u32(header + 4) & 0x7fffffff;
    if (high >= 2 ** 21) throw image.bad('a number out of all bounds');
    const at = high * 2 ** 32 + image.u32(header);
    return {
      tail: { kind: 'fragment', at, length: size },
      whole: true,
      interlaced: false,
      algorithms: [0, 0],
      extents: [],
    };
  }
  const advise = image.u16(header + 4);
  const bits = blockBits + (shape & 15);
  if (bits > 14 || (!compact && (advise & 1) !== 0)) throw image.bad('clusters that are not known');
  const big = [(advise & BIG_CLUSTER_1) !== 0, (advise & BIG_CLUSTER_2) !== 0];
  const table = compact
    ? new CompactTable(
        image,
        header + 8,
        Math.ceil(size / 2 ** blockBits),
        bits,
        (advise & COMPACTED_2B) !== 0,
        big[0]!,
      )
    : new FullTable(image, header + 16);
  const count = Math.ceil(size / 2 ** bits);
  const extents: Extent[] = [];
  let high = 0;
  for (let i = 0; i < count; i++) {
    const c = table.cluster(i);
    const from = i * 2 ** bits + c.offset;
    if (c.type === NONHEAD || from >= size) continue;
    const next = big[c.type === HEAD1 ? 0 : 1]! && i + 1 < count ? table.cluster(i + 1) : null;
    const blocks = next !== null && next.type === NONHEAD && next.count > 0 ? next.count : 1;
    extents.push({ kind: c.type as Extent['kind'], from, block: c.block, blocks, partial: c.partial });
    high = c.block;
  }
  const algorithms: [number, number] = [image.u8(header + 6) & 15, image.u8(header + 6) >> 4];
  const common = { whole: false, interlaced: (advise & INTERLACED) !== 0, algorithms, extents };
  if ((advise & FRAGMENT) !== 0) {
    const at = image.u32(header) + (compact ? 0 : high * 2 ** 32);
    return { ...common, tail: { kind: 'fragment', at, length: 0 } };
  }
  const length = (advise & INLINE) !== 0 ? image.u16(header + 2) : 0;
  if (length === 0) return { ...common, tail: null };
  return { ...common, tail: { kind: 'inline', at: table.after(count - 1), length } };
}

interface Table {
  cluster(i: number): Cluster;
  /** Where what comes behind the entry of cluster `i` begins. */
  after(i: number): number;
}

/** Eight bytes for each cluster. */
class FullTable implements Table {
  constructor(
    private readonly image: ImageBytes,
    private readonly start: number,
  ) {}

  cluster(i: number): Cluster {
    const { image } = this;
    const at = this.start + i * 8;
    const advise = image.u16(at);
    const type = advise & 3;
    if (type !== NONHEAD)
      return {
        type,
        offset: image.u16(at + 2),
        block: image.u32(at + 4),
        count: 0,
        partial: (advise & PARTIAL) !== 0,
      };
    const distance = image.u16(at + 4);
    const count = (distance & BLOCK_COUNT) !== 0 ? distance & ~BLOCK_COUNT : 0;
    return { type, offset: 0, block: 0, count, partial: false };
  }

  after(i: number): number {
    return this.start + (i + 1) * 8;
  }
}

/**
 * Packs of two clusters in eight bytes or sixteen in thirty-two: their types and offsets (or distances) side
 * by side, bit by bit, then the block before that of the first extent which begins in the pack; each further
 * one follows the one before.
 */
class CompactTable implements Table {
  /** Clusters in wide packs up to where narrow ones can begin, and in narrow ones. */
  private readonly wideFirst: number;
  private readonly narrow: number;
  private readonly offsetBits: number;

  constructor(
    private readonly image: ImageBytes,
    private readonly start: number,
    blocks: number,
    private readonly clusterBits: number,
    mayNarrow: boolean,
    private readonly big: boolean,
  ) {
    this.wideFirst = ((32 - (start % 32)) / 4) & 7;
    this.narrow = mayNarrow && this.wideFirst < blocks ? Math.floor((blocks - this.wideFirst) / 16) * 16 : 0;
    this.offsetBits = Math.max(clusterBits, 12);
    if (this.narrow > 0 && clusterBits > 12) throw image.bad('clusters that are not known');
  }

  private place(i: number): { at: number; width: number } {
    if (i < this.wideFirst) return { at: this.start + i * 4, width: 4 };
    const base = this.start + this.wideFirst * 4;
    const n = i - this.wideFirst;
    if (n < this.narrow) return { at: base + n * 2, width: 2 };
    return { at: base + this.narrow * 2 + (n - this.narrow) * 4, width: 4 };
  }

  /** Bits `type` and `low` of entry `i` of the pack at `pack`. */
  private entry(pack: number, bits: number, i: number): { type: number; low: number } {
    const { image, offsetBits } = this;
    const bit = i * bits;
    const at = pack + (bit >>> 3);
    // Three bytes hold any entry: it has sixteen bits at most, and begins within the first.
    const v = (image.u8(at) | (image.u8(at + 1) << 8) | (image.u8(at + 2) << 16)) >>> (bit & 7);
    return { low: v & ((1 << offsetBits) - 1), type: (v >> offsetBits) & 3 };
  }

  cluster(i: number): Cluster {
    const { image } = this;
    const { at, width } = this.place(i);
    const size = width === 4 ? 8 : 32;
    const count = size / width;
    const pack = at - (at % size);
    const bits = ((size - 4) * 8) / count;
    let n = (at - pack) / width;
    const { type, low } = this.entry(pack, bits, n);
    if (type === NONHEAD) {
      const blocks = (low & BLOCK_COUNT) !== 0 ? low & ~BLOCK_COUNT : 0;
      return { type, offset: 0, block: 0, count: blocks, partial: false };
    }
    if (low >= 2 ** this.clusterBits) throw image.bad('an extent that begins behind its cluster');
    // Blocks of the extents of this pack up to this one.
    let before = this.big ? 0 : 1;
    while (n > 0) {
      n--;
      const e = this.entry(pack, bits, n);
      if (e.type !== NONHEAD) before++;
      else if (!this.big) {
        n -= e.low;
        if (n >= 0) before++;
      } else if ((e.low & BLOCK_COUNT) !== 0) {
        n--;
        before += e.low & ~BLOCK_COUNT;
      } else if (e.low <= 1) throw image.bad('clusters without a beginning');
      else n -= e.low - 2;
    }
    const block = (image.u32(pack + size - 4) + before) >>> 0;
    return { type, offset: low, block, count: 0, partial: false };
  }

  after(i: number): number {
    const { at, width } = this.place(i);
    const size = width === 4 ? 8 : 32;
    return at - (at % size) + size;
  }
}

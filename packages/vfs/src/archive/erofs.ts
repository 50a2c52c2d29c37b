import { makedev, S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@sandbox/abi';
import { ArchiveDirectory, type ArchiveFile, type ArchiveTree } from './entries.js';
import { HEAD2, PLAIN, readClusters } from './erofs-clusters.js';
import { ErofsCodecs, EXTENT_MAX } from './erofs-codecs.js';
import { checkName, deviceOf, ImageBytes } from './image-reader.js';

export const EROFS_MAGIC = 0xe0f5e1e2;
/** Where the superblock lies. */
export const EROFS_START = 1024;

/** Inodes begin at multiples of this. */
const SLOT = 32;
const FLAT_PLAIN = 0;
const COMPRESSED_FULL = 1;
const FLAT_INLINE = 2;
const COMPRESSED_COMPACT = 3;
const CHUNK_BASED = 4;
const HOLE = 0xffffffff;
const PREFIXES: Readonly<Record<number, string>> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
};

interface ErofsInode {
  readonly nid: number;
  readonly layout: number;
  readonly mode: number;
  readonly size: number;
  /** Its first block, its device, or how chunks are told. */
  readonly union: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Where its attributes lie, and what comes after them. */
  readonly xattrAt: number;
  readonly xattrBytes: number;
}

/** Reads an image of an EROFS (kernel documentation, filesystems/erofs.rst) into a tree. */
export class ErofsReader {
  private readonly image: ImageBytes;
  private readonly blockSize: number;
  private readonly metaAt: number;
  private readonly sharedAt: number;
  private readonly buildTime: number;
  private readonly buildNsec: number;
  private readonly files = new Map<number, ArchiveFile>();
  private readonly visited = new Set<number>();
  private readonly packedNid: number;
  /** Ends of files, together in one. */
  private packed: Uint8Array | null = null;
  private readonly codecs: ErofsCodecs;
  private readonly pending: [ArchiveDirectory, ErofsInode][] = [];

  constructor(
    bytes: Uint8Array,
    private readonly tree: ArchiveTree,
  ) {
    const image = new ImageBytes(bytes, 'erofs');
    this.image = image;
    const bits = image.u8(EROFS_START + 12);
    if (image.u32(EROFS_START) !== EROFS_MAGIC || bits < 9 || bits > 16) throw image.bad('no such image');
    this.blockSize = 2 ** bits;
    this.buildTime = image.u64(EROFS_START + 24);
    this.buildNsec = image.u32(EROFS_START + 32);
    this.metaAt = image.u32(EROFS_START + 40) * this.blockSize;
    this.sharedAt = image.u32(EROFS_START + 44) * this.blockSize;
    this.packedNid = image.u64(EROFS_START + 96);
    this.codecs = new ErofsCodecs(image);
  }

  read(): void {
    const root = this.inode(this.image.u16(EROFS_START + 14));
    if ((root.mode & S_IFMT) !== S_IFDIR) throw this.image.bad('a root that is no directory');
    this.tree.root.self = this.describe(root, new Uint8Array(0));
    this.visited.add(root.nid);
    this.pending.push([this.tree.root, root]);
    for (let at = this.pending.pop(); at !== undefined; at = this.pending.pop()) this.list(at[0], at[1]);
  }

  private inode(nid: number): ErofsInode {
    const { image } = this;
    const at = this.metaAt + nid * SLOT;
    const format = image.u16(at);
    const extended = (format & 1) !== 0;
    const count = image.u16(at + 2);
    const xattrAt = at + (extended ? 64 : 32);
    return {
      nid,
      layout: (format >> 1) & 7,
      mode: image.u16(at + 4),
      size: extended ? image.u64(at + 8) : image.u32(at + 8),
      union: image.u32(at + 16),
      uid: extended ? image.u32(at + 24) : image.u16(at + 24),
      gid: extended ? image.u32(at + 28) : image.u16(at + 26),
      mtimeSec: extended ? image.u64(at + 32) : this.buildTime,
      mtimeNsec: extended ? image.u32(at + 40) : this.buildNsec,
      xattrAt,
      xattrBytes: count === 0 ? 0 : 12 + (count - 1) * 4,
    };
  }

  private list(dir: ArchiveDirectory, inode: ErofsInode): void {
    const content = new ImageBytes(this.content(inode), 'erofs');
    for (let block = 0; block < inode.size; block += this.blockSize) {
      const end = Math.min(inode.size, block + this.blockSize);
      const count = content.u16(block + 8) / 12;
      for (let i = 0; i < count; i++) {
        const at = block + i * 12;
        const from = block + content.u16(at + 8);
        const to = i + 1 < count ? block + content.u16(at + 20) : end;
        if (to < from || to > end) throw this.image.bad('a directory that is none');
        // The last name of a block is padded with NULs.
        const name = content.text(from, to - from).replace(/\0.*$/s, '');
        if (name === '.' || name === '..') continue;
        dir.entries.set(checkName(name, this.image), this.entry(content.u64(at)));
      }
    }
  }

  private entry(nid: number): ArchiveDirectory | ArchiveFile {
    const known = this.files.get(nid);
    if (known !== undefined) {
      this.tree.charge(0);
      return known;
    }
    const inode = this.inode(nid);
    const type = inode.mode & S_IFMT;
    if (type === S_IFDIR) {
      // Each has one place in the tree: an image could make a circle of them.
      if (this.visited.has(nid)) throw this.image.bad('a directory with two names');
      this.visited.add(nid);
      this.tree.charge(0);
      const dir = new ArchiveDirectory(this.describe(inode, new Uint8Array(0)));
      this.pending.push([dir, inode]);
      return dir;
    }
    const holds = type === S_IFREG || type === S_IFLNK;
    const file = this.describe(inode, holds ? this.content(inode) : new Uint8Array(0));
    this.tree.charge(file.content.length);
    this.files.set(nid, file);
    return file;
  }

  private describe(inode: ErofsInode, content: Uint8Array): ArchiveFile {
    const type = inode.mode & S_IFMT;
    const device = type === S_IFBLK || type === S_IFCHR;
    const [major, minor] = device ? deviceOf(inode.union) : [0, 0];
    const { uid, gid, mtimeSec, mtimeNsec } = inode;
    const mode = type === S_IFLNK ? S_IFLNK | 0o777 : inode.mode;
    return {
      mode,
      uid,
      gid,
      mtimeSec,
      mtimeNsec,
      content,
      rdev: makedev(major, minor),
      xattrs: this.xattrs(inode),
    };
  }

  private content(inode: ErofsInode): Uint8Array {
    const { image, blockSize } = this;
    const { size, union } = inode;
    this.tree.mayHold(size);
    if (inode.layout === FLAT_PLAIN) return image.slice(size === 0 ? 0 : union * blockSize, size);
    if (inode.layout === FLAT_INLINE) {
      // All but the last, broken block lies apart; that one behind the inode.
      const whole = Math.floor(size / blockSize) * blockSize;
      const out = new Uint8Array(size);
      if (whole > 0) out.set(image.slice(union * blockSize, whole));
      out.set(image.slice(inode.xattrAt + inode.xattrBytes, size - whole), whole);
      return out;
    }
    if (inode.layout === CHUNK_BASED) return this.chunks(inode);
    if (inode.layout === COMPRESSED_FULL || inode.layout === COMPRESSED_COMPACT)
      return this.compressed(inode);
    throw image.bad('content laid out in a way that is not known');
  }

  private compressed(inode: ErofsInode): Uint8Array {
    const { image, blockSize } = this;
    const { size } = inode;
    const out = new Uint8Array(size);
    if (size === 0) return out;
    const end = inode.xattrAt + inode.xattrBytes;
    const compact = inode.layout === COMPRESSED_COMPACT;
    const map = readClusters(image, end, size, Math.log2(blockSize), compact);
    const { tail, extents } = map;
    if (map.whole) return this.fragment(inode, tail!.at, size);
    if (extents[0]?.from !== 0) throw image.bad('content without a beginning');
    extents.forEach((extent, i) => {
      const { from, kind } = extent;
      const last = i + 1 === extents.length;
      const length = (last ? size : extents[i + 1]!.from) - from;
      if (length > EXTENT_MAX) throw image.bad('an extent larger than extents are');
      if (last && tail?.kind === 'fragment') {
        out.set(this.fragment(inode, tail.at, length), from);
        return;
      }
      const inline = last && tail !== null;
      const data = inline
        ? image.slice(tail.at, tail.length)
        : image.slice(extent.block * blockSize, extent.blocks * blockSize);
      if (kind === PLAIN) {
        if (length > data.length) throw image.bad('an extent that is too short');
        // What comes before the end of a block of the file lies at the end
        // (Z_EROFS_ADVISE_INTERLACED_PCLUSTER).
        const front = map.interlaced && !inline ? Math.min(length, blockSize - (from % blockSize)) : 0;
        if (front > 0) {
          const at = data.length - (blockSize - (from % blockSize));
          out.set(data.subarray(at, at + front), from);
        }
        out.set(data.subarray(0, length - front), from + front);
        return;
      }
      const algorithm = map.algorithms[kind === HEAD2 ? 1 : 0]!;
      out.set(this.codecs.decode(algorithm, data, length, extent.partial), from);
    });
    return out;
  }

  /** A piece of the file that holds pieces of others. */
  private fragment(inode: ErofsInode, at: number, length: number): Uint8Array {
    const { image } = this;
    if (inode.nid === this.packedNid || this.packedNid === 0)
      throw image.bad('content that is part of itself');
    if (this.packed === null) {
      const packed = this.inode(this.packedNid);
      if ((packed.mode & S_IFMT) !== S_IFREG) throw image.bad('fragments that are in no file');
      this.packed = this.content(packed);
    }
    if (at + length > this.packed.length) throw image.bad('it is cut off, or leads out of itself');
    return this.packed.subarray(at, at + length);
  }

  /** Content in chunks, told one by one: in a word each, or in an index of eight bytes. */
  private chunks(inode: ErofsInode): Uint8Array {
    const { image, blockSize } = this;
    const chunk = blockSize * 2 ** (inode.union & 31);
    const indexed = (inode.union & 32) !== 0;
    const width = indexed ? 8 : 4;
    const out = new Uint8Array(inode.size);
    const table = Math.ceil((inode.xattrAt + inode.xattrBytes) / width) * width;
    for (let i = 0; i * chunk < inode.size; i++) {
      const at = table + i * width;
      if (indexed && image.u16(at + 2) !== 0) throw image.bad('content on another device');
      const block = image.u32(indexed ? at + 4 : at);
      const length = Math.min(chunk, inode.size - i * chunk);
      if (block !== HOLE) out.set(image.slice(block * blockSize, length), i * chunk);
    }
    return out;
  }

  private xattrs(inode: ErofsInode): ArchiveFile['xattrs'] {
    const { image } = this;
    if (inode.xattrBytes === 0) return [];
    const found: [string, Uint8Array][] = [];
    const end = inode.xattrAt + inode.xattrBytes;
    const shared = image.u8(inode.xattrAt + 4);
    let at = inode.xattrAt + 12;
    for (let i = 0; i < shared; i++, at += 4) this.xattr(this.sharedAt + image.u32(at) * 4, found);
    while (at + 4 <= end && image.u32(at) !== 0) at = this.xattr(at, found);
    return found;
  }

  /** One attribute; where the next may begin. */
  private xattr(at: number, found: [string, Uint8Array][]): number {
    const { image } = this;
    const nameLength = image.u8(at);
    const valueLength = image.u16(at + 2);
    const prefix = PREFIXES[image.u8(at + 1)];
    const name = image.text(at + 4, nameLength);
    const value = image.slice(at + 4 + nameLength, valueLength);
    if (prefix !== undefined) found.push([prefix + name, value]);
    return Math.ceil((at + 4 + nameLength + valueLength) / 4) * 4;
  }
}

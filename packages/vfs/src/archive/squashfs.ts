import { makedev, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '@sandbox/abi';
import { ArchiveDirectory, type ArchiveFile, type ArchiveTree } from './entries.js';
import { checkName, deviceOf, ImageBytes } from './image-reader.js';
import { codecOf, type Decompress } from './squashfs-codecs.js';
import { indexedTable, type MetaCursor, type MetaPlace, MetaTable, placeOf } from './squashfs-tables.js';

export const SQUASHFS_MAGIC = 0x73717368;
const NONE = 0xffffffff;
/** In a block's size: it is stored as it is. */
const PLAIN = 1 << 24;
const MAX_BLOCK = 1 << 20;
/** Basic types; extended ones are 7 more. */
const TYPES = [0, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK] as const;
const DIR = 1;
const FILE = 2;
const LINK = 3;
const EXTENDED = 7;
const PREFIXES = ['user.', 'trusted.', 'security.'] as const;
const OUT_OF_LINE = 0x100;

type Xattrs = ArchiveFile['xattrs'];

/** A directory on its way: what it lists is read later. */
interface Listing {
  readonly dir: ArchiveDirectory;
  readonly place: MetaPlace;
  readonly bytes: number;
}

/** Reads an image of SquashFS 4.0 (kernel documentation, filesystems/squashfs.rst) into a tree. */
export class SquashfsReader {
  private readonly image: ImageBytes;
  private readonly blockSize: number;
  private readonly unpack: Decompress;
  private readonly inodes: MetaTable;
  private readonly directories: MetaTable;
  private readonly ids: (index: number) => ImageBytes;
  private readonly fragments: (index: number) => ImageBytes;
  private readonly fragmentBlocks = new Map<number, Uint8Array>();
  /** Files by inode number: one with several names is read once. */
  private readonly files = new Map<number, ArchiveFile>();
  private readonly visited = new Set<number>();
  private readonly pending: Listing[] = [];

  constructor(
    bytes: Uint8Array,
    private readonly tree: ArchiveTree,
  ) {
    const image = new ImageBytes(bytes, 'squashfs');
    this.image = image;
    if (image.u32(0) !== SQUASHFS_MAGIC) throw image.bad('no such image');
    if (image.u16(28) !== 4 || image.u16(30) !== 0) throw image.bad('a version other than 4.0');
    this.blockSize = image.u32(12);
    if (this.blockSize > MAX_BLOCK || this.blockSize !== 2 ** image.u16(22))
      throw image.bad('a block size that is none');
    this.unpack = codecOf(image.u16(20), image);
    this.inodes = new MetaTable(image, image.u64(64), this.unpack);
    this.directories = new MetaTable(image, image.u64(72), this.unpack);
    this.ids = indexedTable(image, image.u64(48), 4, this.unpack);
    // Where there are none the table's place is all ones, which only counts when it is asked for.
    this.fragments = (index) => indexedTable(image, image.u64(80), 16, this.unpack)(index);
  }

  read(): void {
    const root = this.inode(placeOf(this.image.u64(32)));
    if (!(root instanceof ArchiveDirectory)) throw this.image.bad('a root that is no directory');
    this.tree.root.self = root.self;
    // What was noted for `root` belongs to the tree's own.
    const first = this.pending.pop()!;
    this.pending.push({ ...first, dir: this.tree.root });
    for (let at = this.pending.pop(); at !== undefined; at = this.pending.pop()) this.list(at);
  }

  private list({ dir, place, bytes }: Listing): void {
    // An empty directory counts three bytes, for '.' and '..'.
    let left = bytes - 3;
    if (left <= 0) return;
    const cursor = this.directories.cursor(place);
    while (left > 0) {
      const header = cursor.take(12);
      const count = header.u32(0) + 1;
      const block = header.u32(4);
      if (count > 256) throw this.image.bad('a directory that is none');
      left -= 12;
      for (let i = 0; i < count; i++) {
        const entry = cursor.take(8);
        const length = entry.u16(6) + 1;
        const name = checkName(cursor.take(length).text(0, length), this.image);
        left -= 8 + length;
        dir.entries.set(name, this.inode({ block, offset: entry.u16(0) }));
      }
    }
  }

  private inode(place: MetaPlace): ArchiveDirectory | ArchiveFile {
    const cursor = this.inodes.cursor(place);
    const head = cursor.take(16);
    const number = head.u32(12);
    const known = this.files.get(number);
    if (known !== undefined) {
      this.tree.charge(0);
      return known;
    }
    const extended = head.u16(0) > EXTENDED;
    const type = extended ? head.u16(0) - EXTENDED : head.u16(0);
    const format = TYPES[type];
    if (format === undefined || format === 0) throw this.image.bad('a file of no known type');
    const self = {
      mode: format | (head.u16(2) & 0o7777),
      uid: this.ids(head.u16(4)).u32(0),
      gid: this.ids(head.u16(6)).u32(0),
      mtimeSec: head.u32(8),
      mtimeNsec: 0,
      content: new Uint8Array(0),
      rdev: 0,
      xattrs: [] as Xattrs,
    };
    if (type === DIR) return this.directory(cursor, self, extended, number);
    let file: ArchiveFile;
    if (type === FILE) file = this.file(cursor, self, extended);
    else if (type === LINK) {
      const link = cursor.take(8);
      if (link.u32(4) > 65535) throw this.image.bad('a link without end');
      const content = cursor.take(link.u32(4)).bytes;
      file = {
        ...self,
        mode: S_IFLNK | 0o777,
        content,
        xattrs: this.xattrs(extended ? cursor.take(4).u32(0) : NONE),
      };
    } else {
      const device = format === S_IFBLK || format === S_IFCHR;
      const rest = cursor.take((device ? 8 : 4) + (extended ? 4 : 0));
      const [major, minor] = device ? deviceOf(rest.u32(4)) : [0, 0];
      const xattrs = this.xattrs(extended ? rest.u32(device ? 8 : 4) : NONE);
      file = { ...self, rdev: makedev(major, minor), xattrs };
    }
    this.tree.charge(file.content.length);
    this.files.set(number, file);
    return file;
  }

  private directory(
    cursor: MetaCursor,
    self: ArchiveFile,
    extended: boolean,
    number: number,
  ): ArchiveDirectory {
    // Each has one place in the tree: an image could make a circle of them.
    if (this.visited.has(number)) throw this.image.bad('a directory with two names');
    this.visited.add(number);
    this.tree.charge(0);
    const d = cursor.take(extended ? 24 : 16);
    const xattrs = this.xattrs(extended ? d.u32(20) : NONE);
    const dir = new ArchiveDirectory({ ...self, xattrs });
    this.pending.push({
      dir,
      place: extended ? { block: d.u32(8), offset: d.u16(18) } : { block: d.u32(0), offset: d.u16(10) },
      bytes: extended ? d.u32(4) : d.u16(8),
    });
    return dir;
  }

  private file(cursor: MetaCursor, self: ArchiveFile, extended: boolean): ArchiveFile {
    const f = cursor.take(extended ? 40 : 16);
    const start = extended ? f.u64(0) : f.u32(0);
    const size = extended ? f.u64(8) : f.u32(12);
    const fragment = f.u32(extended ? 28 : 4);
    const fragmentAt = f.u32(extended ? 32 : 8);
    const xattrs = this.xattrs(extended ? f.u32(36) : NONE);
    this.tree.mayHold(size);
    const blocks = fragment === NONE ? Math.ceil(size / this.blockSize) : Math.floor(size / this.blockSize);
    const content = new Uint8Array(size);
    const sizes = cursor.take(blocks * 4);
    let at = start;
    for (let i = 0; i < blocks; i++) {
      const word = sizes.u32(i * 4);
      const stored = word & (PLAIN - 1);
      // No bytes at all: a hole.
      if (stored !== 0) content.set(this.block(at, word, size - i * this.blockSize), i * this.blockSize);
      at += stored;
    }
    if (fragment !== NONE && blocks * this.blockSize < size) {
      const tail = size - blocks * this.blockSize;
      const piece = this.fragment(fragment).subarray(fragmentAt, fragmentAt + tail);
      if (piece.length < tail) throw this.image.bad('a file that is cut off');
      content.set(piece, blocks * this.blockSize);
    }
    return { ...self, content, xattrs };
  }

  private block(at: number, word: number, left: number): Uint8Array {
    const stored = this.image.slice(at, word & (PLAIN - 1));
    const data = (word & PLAIN) !== 0 ? stored : this.unpack(stored, this.blockSize);
    if (data.length > left || data.length > this.blockSize)
      throw this.image.bad('a block larger than its file');
    return data;
  }

  private fragment(index: number): Uint8Array {
    let data = this.fragmentBlocks.get(index);
    if (data === undefined) {
      const entry = this.fragments(index);
      data = this.block(entry.u64(0), entry.u32(8), this.blockSize);
      // Files lie in the order of their fragments, or nearly so.
      if (this.fragmentBlocks.size > 64) this.fragmentBlocks.clear();
      this.fragmentBlocks.set(index, data);
    }
    return data;
  }

  private xattrs(index: number): Xattrs {
    if (index === NONE) return [];
    const at = this.image.u64(56);
    const start = this.image.u64(at);
    if (index >= this.image.u32(at + 8)) throw this.image.bad('attributes that are not there');
    const id = indexedTable(this.image, at + 16, 16, this.unpack)(index);
    const table = new MetaTable(this.image, start, this.unpack);
    const cursor = table.cursor(placeOf(id.u64(0)));
    const found: [string, Uint8Array][] = [];
    for (let left = id.u32(8); left > 0; left--) {
      const key = cursor.take(4);
      const name = cursor.take(key.u16(2)).text(0, key.u16(2));
      const prefix = PREFIXES[key.u16(0) & 0xff];
      let value = this.value(cursor);
      if ((key.u16(0) & OUT_OF_LINE) !== 0) {
        value = this.value(table.cursor(placeOf(new ImageBytes(value, 'squashfs').u64(0))));
      }
      if (prefix !== undefined) found.push([prefix + name, value]);
    }
    return found;
  }

  private value(cursor: MetaCursor): Uint8Array {
    const length = cursor.take(4).u32(0);
    if (length > 65536) throw this.image.bad('an attribute without end');
    return cursor.take(length).bytes;
  }
}

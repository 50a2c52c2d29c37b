import { ENOSPC, ENOTDIR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, TMPFS_MAGIC } from '@sandbox/abi';
import { CacheBudget } from '../cache/budget.js';
import { VfsError } from '../core/errors.js';
import { FileSystem, type FileSystemSpec, type FsStats, type MountEnvironment } from '../core/filesystem.js';
import { checkOptionNames } from '../core/option-names.js';
import { MemfsDirectory } from './directory.js';
import { type MemfsInode, MemfsOther, MemfsSymlink, sourceName } from './inode.js';
import { MemfsRegular } from './regular.js';
import { type NodeFs, PIECE, REQUIRED_CALLS, Source } from './source.js';

export interface MemfsOptions {
  /** The directory of the source that guests see. Default `/`. */
  readonly root?: string;
  /** Refuse every change with EROFS. */
  readonly readOnly?: boolean;
  /** Bytes guests may add to the source. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Files guests may add to the source. Default 100000. */
  readonly maxFiles?: number;
}

const GIB = 1024 ** 3;
const FIRST_SWEEP = 4096;
const MAPPED_LIMIT = 256 * 1024 * 1024;

/** A node:fs-shaped object as a file system. See `memfs`. */
export class MemfsFileSystem extends FileSystem {
  readonly typeName: string = 'memfs';
  readonly root: MemfsDirectory;
  readonly budget = new CacheBudget(MAPPED_LIMIT);
  /** Files with pages written through mappings. */
  readonly unsynced = new Set<MemfsRegular>();
  readonly maxFileSize: number;
  /** The source numbers its files: hard links can be told. */
  private readonly numbered: boolean;
  private readonly inodes = new Map<number, WeakRef<MemfsInode>>();
  /** Those with attributes of their own. */
  private readonly remembered = new Set<MemfsInode>();
  private nextIno = 1;
  private sweepAt = FIRST_SWEEP;
  private addedBytes = 0;
  private addedFiles = 0;
  /**
   * Buffers for calls of the source, a stack: what it calls may lead back here. Never the guest's memory: a
   * source may keep them.
   */
  private readonly pieces: Uint8Array[] = [];
  private piecesInUse = 0;

  constructor(
    env: MountEnvironment,
    readonly calls: Source,
    readonly rootPath: string,
    private readonly limits: { readonly maxBytes: number; readonly maxFiles: number },
    readOnly: boolean,
  ) {
    super(env);
    this.source = 'memfs';
    this.readOnly = readOnly;
    env.memoryUsers?.add(this.budget);
    this.maxFileSize = limits.maxBytes;
    // The caller made the source describe the root.
    this.numbered = calls.stat.ino > 0;
    this.root = new MemfsDirectory(this, calls.stat.ino || this.nextIno++);
    this.root.fill();
    this.inodes.set(this.root.ino, new WeakRef<MemfsInode>(this.root));
  }

  takePiece(): Uint8Array {
    const piece = this.pieces[this.piecesInUse] ?? (this.pieces[this.piecesInUse] = Buffer.alloc(PIECE));
    this.piecesInUse++;
    return piece;
  }
  givePiece(): void {
    this.piecesInUse--;
  }

  /** The inode of the file the source's last `lstat` described, found in `dir` as `name`. */
  fromStat(dir: MemfsDirectory, name: string): MemfsInode | number {
    const { stat } = this.calls;
    const text = sourceName(name);
    if (typeof text === 'number') return text;
    const known = this.numbered ? this.inodes.get(stat.ino)?.deref() : dir.child(text);
    if (known !== undefined && !known.gone && known.isSource()) {
      this.place(known, dir, text);
      known.fill();
      return known;
    }
    const made = this.make(stat.mode & S_IFMT, this.numbered && stat.ino > 0 ? stat.ino : this.nextIno++);
    this.place(made, dir, text);
    made.fill();
    if (this.numbered) {
      this.inodes.set(made.ino, new WeakRef(made));
      if (this.inodes.size > this.sweepAt) this.sweep();
    }
    return made;
  }

  private make(type: number, ino: number): MemfsInode {
    switch (type) {
      case S_IFDIR:
        return new MemfsDirectory(this, ino);
      case S_IFREG:
        return new MemfsRegular(this, ino);
      case S_IFLNK:
        return new MemfsSymlink(this, ino);
      default:
        return new MemfsOther(this, ino);
    }
  }

  /** `inode` is now called `text` (the source's spelling) in `dir`. */
  place(inode: MemfsInode, dir: MemfsDirectory, text: string): void {
    if (inode === this.root) return;
    if (!this.numbered) {
      inode.parent?.setChild(inode.sourceName, null);
      dir.setChild(text, inode);
    }
    inode.parent = dir;
    inode.sourceName = text;
  }

  /** One of its names was removed. */
  lostName(inode: MemfsInode): void {
    if (!this.numbered) inode.parent?.setChild(inode.sourceName, null);
    inode.nlink = inode.isDirectory ? 0 : Math.max(0, inode.nlink - 1);
    inode.parent = null;
    inode.touched(false);
    if (inode.nlink > 0) return;
    inode.gone = true;
    this.inodes.delete(inode.ino);
    this.remembered.delete(inode);
    this.addedFiles = Math.max(0, this.addedFiles - 1);
  }

  /** Keep it: its attributes are nowhere else. */
  remember(inode: MemfsInode): void {
    if (!inode.gone) this.remembered.add(inode);
  }

  private sweep(): void {
    for (const [ino, ref] of this.inodes) if (ref.deref() === undefined) this.inodes.delete(ino);
    this.sweepAt = Math.max(FIRST_SWEEP, this.inodes.size * 2);
  }

  /** A file is to grow from `size` to `end`: 0 or -ENOSPC. */
  chargeGrowth(size: number, end: number): number {
    const more = end - size;
    if (more <= 0) return 0;
    if (this.addedBytes + more > this.limits.maxBytes) return -ENOSPC;
    this.addedBytes += more;
    return 0;
  }
  uncharge(bytes: number): void {
    this.addedBytes = Math.max(0, this.addedBytes - bytes);
  }
  chargeFile(): number {
    if (this.addedFiles >= this.limits.maxFiles) return -ENOSPC;
    this.addedFiles++;
    return 0;
  }

  override statfs(): FsStats {
    const blocks = Math.ceil(this.limits.maxBytes / 4096);
    const free = Math.max(0, blocks - Math.ceil(this.addedBytes / 4096));
    return {
      type: TMPFS_MAGIC,
      bsize: 4096,
      blocks,
      bfree: free,
      bavail: free,
      files: this.limits.maxFiles,
      ffree: this.limits.maxFiles - this.addedFiles,
      namelen: 255,
    };
  }

  override sync(): number {
    let result = 0;
    for (const inode of [...this.unsynced]) {
      const r = inode.flushPages();
      if (r < 0) result = r;
    }
    return result;
  }

  override dispose(): void {
    this.sync();
    for (const ref of this.inodes.values()) ref.deref()?.evict();
    this.inodes.clear();
    this.remembered.clear();
    this.budget.reclaim(Number.MAX_SAFE_INTEGER);
    this.env.memoryUsers?.delete(this.budget);
  }
}

const NAMES: Record<keyof MemfsOptions, true> = {
  root: true,
  readOnly: true,
  maxBytes: true,
  maxFiles: true,
};

/**
 * A memfs Volume, or any object shaped like node:fs, as a file system: what guests write is in it at once
 * (`volume.toJSON()` shows it), what the embedder changes guests see.
 *
 * @throws VfsError ERR_VFS_INVALID_OPTION for an object that lacks required calls; ERR_VFS_SOURCE when it is
 * mounted and `root` is not a directory of the source.
 */
export function memfs(source: NodeFs, options: MemfsOptions = {}): FileSystemSpec {
  const {
    root = '/',
    readOnly = false,
    maxBytes = GIB,
    maxFiles = 100_000,
  } = checkOptionNames('memfs', options, NAMES);
  if (typeof readOnly !== 'boolean')
    throw new VfsError('ERR_VFS_INVALID_OPTION', 'memfs: readOnly must be true or false');
  for (const call of REQUIRED_CALLS) {
    if (typeof (source as Partial<NodeFs> | null)?.[call] !== 'function') {
      throw new VfsError('ERR_VFS_INVALID_OPTION', `memfs: the source has no ${call}`);
    }
  }
  if (typeof root !== 'string' || !root.startsWith('/')) {
    throw new VfsError('ERR_VFS_INVALID_OPTION', 'memfs: root must be an absolute path');
  }
  if (!(Number.isSafeInteger(maxBytes) && maxBytes >= 0 && Number.isSafeInteger(maxFiles) && maxFiles >= 0)) {
    throw new VfsError(
      'ERR_VFS_INVALID_OPTION',
      'memfs: maxBytes and maxFiles must be integers, not negative',
    );
  }
  return {
    kind: 'memfs',
    create: (env) => {
      const calls = new Source(source);
      const r = calls.lstat(root);
      if (r < 0 || (calls.stat.mode & S_IFMT) !== S_IFDIR) {
        throw new VfsError(
          'ERR_VFS_SOURCE',
          `memfs: ${root} is not a directory of the source`,
          r < 0 ? -r : ENOTDIR,
        );
      }
      return new MemfsFileSystem(env, calls, root, { maxBytes, maxFiles }, readOnly);
    },
  };
}

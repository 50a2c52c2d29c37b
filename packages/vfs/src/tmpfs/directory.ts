import {
  EINVAL,
  EMLINK,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENOTEMPTY,
  PATH_MAX,
  RENAME_EXCHANGE,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  SEEK_END,
} from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { DirectoryFile } from '../core/directory-file.js';
import type { File, IoctlCaller } from '../core/file.js';
import type { DirEmitter, Inode, NewInode } from '../core/inode.js';
import { ioctlFlags } from './flags.js';
import { heapWeight, TmpfsInode, TmpfsNode, TmpfsSymlink } from './inode.js';
import { TmpfsRegular } from './regular.js';
import type { TmpfsFileSystem } from './tmpfs.js';

/** What one entry adds to the size of its directory, as on Linux's tmpfs. */
const DIRENT_SIZE = 20;
/** Positions 0 and 1 are '.' and '..'. */
const FIRST_POS = 2;

/**
 * A name in a directory. `pos` is its place in listings for as long as it exists; null inode: removed, still
 * in the list.
 */
interface Entry {
  readonly name: string;
  inode: TmpfsInode | null;
  readonly pos: number;
}

/**
 * A tmpfs directory. Entries are listed in order of creation, each at a position of its own that no other
 * entry ever gets, so a listing that is under way while names come and go neither repeats nor skips what
 * stays.
 */
export class TmpfsDirectory extends TmpfsInode {
  private readonly entries = new Map<string, Entry>();
  /** By `pos`, with removed entries in between until they are too many. */
  private order: Entry[] = [];
  private nextPos = FIRST_POS;

  constructor(fs: TmpfsFileSystem, init: NewInode) {
    super(fs, init);
    this.nlink = 2;
    // Some programs take a directory of size 0 for an error.
    this.size = 2 * DIRENT_SIZE;
  }

  override lookup(name: string): Inode | number {
    const e = this.entries.get(name);
    return e === undefined ? -ENOENT : e.inode!;
  }

  private add(name: string, inode: TmpfsInode): void {
    const e: Entry = { name, inode, pos: this.nextPos++ };
    this.entries.set(name, e);
    this.order.push(e);
    if ((inode.mode & S_IFMT) === S_IFDIR) this.nlink++;
    this.size += DIRENT_SIZE;
  }

  private remove(name: string): void {
    const e = this.entries.get(name)!;
    if ((e.inode!.mode & S_IFMT) === S_IFDIR) this.nlink--;
    e.inode = null;
    this.entries.delete(name);
    this.size -= DIRENT_SIZE;
    if (this.order.length > 2 * this.entries.size + 16)
      this.order = this.order.filter((x) => x.inode !== null);
  }

  override mknod(name: string, init: NewInode): Inode | number {
    const charged = this.tmpfs.chargeNew(init);
    if (charged !== 0) return charged;
    const type = init.mode & S_IFMT;
    const inode =
      type === S_IFREG
        ? new TmpfsRegular(this.tmpfs, init)
        : type === S_IFDIR
          ? new TmpfsDirectory(this.tmpfs, init)
          : new TmpfsNode(this.tmpfs, init);
    if (init.acl || init.defaultAcl) {
      const e = inode.inheritAcls(init);
      if (e !== 0) {
        inode.evict();
        return e;
      }
    }
    this.add(name, inode);
    this.touchMtime();
    return inode;
  }

  override symlink(name: string, target: string, init: NewInode): Inode | number {
    if (target.length >= PATH_MAX) return -ENAMETOOLONG;
    const weight = heapWeight(target.length);
    const charged = this.tmpfs.chargeNew(init, weight);
    if (charged !== 0) return charged;
    const inode = new TmpfsSymlink(this.tmpfs, init, target, weight);
    this.add(name, inode);
    this.touchMtime();
    return inode;
  }

  override tmpfile(init: NewInode): Inode | number {
    return this.tmpfs.createUnlinked(init);
  }

  /** A further name costs an inode of the limit, as on Linux. */
  override link(name: string, target: Inode): number {
    if (target.nlink >= 0x7fffffff) return -EMLINK;
    if (target.nlink > 0 && !this.tmpfs.chargeInodes(1)) return -ENOSPC;
    target.nlink++;
    this.add(name, target as TmpfsInode);
    (target as TmpfsInode).touchCtime();
    this.touchMtime();
    return 0;
  }

  override unlink(name: string, child: Inode): number {
    this.remove(name);
    child.nlink--;
    if (child.nlink > 0) this.tmpfs.unchargeInodes(1);
    (child as TmpfsInode).touchCtime();
    this.touchMtime();
    return 0;
  }

  override rmdir(name: string, child: Inode): number {
    if ((child as TmpfsDirectory).entries.size > 0) return -ENOTEMPTY;
    this.remove(name);
    child.nlink = 0;
    (child as TmpfsInode).touchCtime();
    this.touchMtime();
    return 0;
  }

  override rename(
    name: string,
    child: Inode,
    newDir: Inode,
    newName: string,
    target: Inode | null,
    flags: number,
    whiteout: NewInode | null,
  ): number {
    const to = newDir as TmpfsDirectory;
    const charged = whiteout === null ? 0 : this.tmpfs.chargeNew(whiteout);
    if (charged !== 0) return charged;
    if ((flags & RENAME_EXCHANGE) !== 0) {
      this.remove(name);
      to.remove(newName);
      this.add(name, target as TmpfsInode);
      to.add(newName, child as TmpfsInode);
      (target as TmpfsInode).touchCtime();
    } else {
      if (target !== null) {
        const e = target.isDirectory ? to.rmdir(newName, target) : to.unlink(newName, target);
        if (e !== 0) {
          if (whiteout !== null) this.tmpfs.unchargeNew(whiteout);
          return e;
        }
      }
      this.remove(name);
      if (whiteout !== null) this.add(name, new TmpfsNode(this.tmpfs, whiteout));
      to.add(newName, child as TmpfsInode);
    }
    (child as TmpfsInode).touchCtime();
    this.touchMtime();
    to.touchMtime();
    return 0;
  }

  override get makesWhiteouts(): boolean {
    return true;
  }

  override open(flags: number, _cred: Credentials): File | number {
    return new TmpfsDirectoryFile(this, flags);
  }

  /** Behind every entry there is now. */
  get endPos(): number {
    return this.nextPos;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    return this.listBefore(pos, Number.POSITIVE_INFINITY, emit);
  }

  /** Entries at positions from `pos` on and below `end`. */
  listBefore(pos: number, end: number, emit: DirEmitter): number {
    const order = this.order;
    let lo = 0;
    let hi = order.length;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (order[mid]!.pos < pos) lo = mid + 1;
      else hi = mid;
    }
    for (let i = lo; i < order.length; i++) {
      const e = order[i]!;
      if (e.pos >= end) return 0;
      if (e.inode !== null && !emit(e.name, e.inode.ino, (e.inode.mode & S_IFMT) >> 12, e.pos + 1)) return 0;
    }
    return 0;
  }

  /**
   * The file system ends: free every file below, but for those somebody holds open, which end with their last
   * close.
   */
  disposeTree(): void {
    const pending: TmpfsDirectory[] = [this];
    for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
      for (const e of dir.entries.values()) {
        const inode = e.inode!;
        if (inode instanceof TmpfsDirectory) pending.push(inode);
        else if (--inode.nlink > 0) this.tmpfs.unchargeInodes(1);
        else if (inode.pins === 0) inode.evict();
      }
      dir.entries.clear();
      dir.order = [];
      dir.nlink = 0;
      if (dir.pins === 0) dir.evict();
    }
  }
}

/**
 * An open directory. It lists what was there when it was opened or rewound: a program that makes or renames
 * files while it reads comes to an end (readdir(3) leaves open whether it sees them).
 */
class TmpfsDirectoryFile extends DirectoryFile {
  private end: number;

  constructor(
    private readonly dir: TmpfsDirectory,
    flags: number,
  ) {
    super(dir, flags);
    this.end = dir.endPos;
  }

  /** Positions are no sizes: there is no end to count from. */
  override seek(offset: number, whence: number): number {
    return whence === SEEK_END ? -EINVAL : super.seek(offset, whence);
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    return ioctlFlags(cmd, arg, caller, this.inode);
  }

  protected override list(pos: number, emit: DirEmitter): number {
    if (pos <= FIRST_POS) this.end = this.dir.endPos;
    return this.dir.listBefore(pos, this.end, emit);
  }
}

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '@sandbox/abi';
import type { Stat } from '../core/stat.js';

/** Questions about a file's type, shared by Stats and directory entries. */
abstract class Typed {
  protected abstract readonly type: number;
  isFile(): boolean {
    return this.type === S_IFREG;
  }
  isDirectory(): boolean {
    return this.type === S_IFDIR;
  }
  isSymbolicLink(): boolean {
    return this.type === S_IFLNK;
  }
  isFIFO(): boolean {
    return this.type === S_IFIFO;
  }
  isSocket(): boolean {
    return this.type === S_IFSOCK;
  }
  isCharacterDevice(): boolean {
    return this.type === S_IFCHR;
  }
  isBlockDevice(): boolean {
    return this.type === S_IFBLK;
  }
}

/** Attributes of a file, as Node's fs.Stats (times are exact to the millisecond; `...Nsec` have the rest). */
export class Stats extends Typed {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atimeNsec: number;
  readonly mtimeNsec: number;
  readonly ctimeNsec: number;

  constructor(s: Stat) {
    super();
    this.dev = s.dev;
    this.ino = s.ino;
    this.mode = s.mode;
    this.nlink = s.nlink;
    this.uid = s.uid;
    this.gid = s.gid;
    this.rdev = s.rdev;
    this.size = s.size;
    this.blksize = s.blksize;
    this.blocks = s.blocks;
    this.atimeMs = s.atimeSec * 1000 + s.atimeNsec / 1e6;
    this.mtimeMs = s.mtimeSec * 1000 + s.mtimeNsec / 1e6;
    this.ctimeMs = s.ctimeSec * 1000 + s.ctimeNsec / 1e6;
    this.birthtimeMs = s.btimeSec * 1000 + s.btimeNsec / 1e6;
    this.atimeNsec = s.atimeNsec;
    this.mtimeNsec = s.mtimeNsec;
    this.ctimeNsec = s.ctimeNsec;
  }

  protected get type(): number {
    return this.mode & S_IFMT;
  }
  get atime(): Date {
    return new Date(this.atimeMs);
  }
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
  get ctime(): Date {
    return new Date(this.ctimeMs);
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs);
  }
}

/** The same with every field a bigint, and times in nanoseconds (`stat(path, { bigint: true })`). */
export class BigIntStats extends Typed {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;

  constructor(s: Stat) {
    super();
    this.dev = BigInt(s.dev);
    this.ino = BigInt(s.ino);
    this.mode = BigInt(s.mode);
    this.nlink = BigInt(s.nlink);
    this.uid = BigInt(s.uid);
    this.gid = BigInt(s.gid);
    this.rdev = BigInt(s.rdev);
    this.size = BigInt(s.size);
    this.blksize = BigInt(s.blksize);
    this.blocks = BigInt(s.blocks);
    this.atimeNs = nanoseconds(s.atimeSec, s.atimeNsec);
    this.mtimeNs = nanoseconds(s.mtimeSec, s.mtimeNsec);
    this.ctimeNs = nanoseconds(s.ctimeSec, s.ctimeNsec);
    this.birthtimeNs = nanoseconds(s.btimeSec, s.btimeNsec);
  }

  protected get type(): number {
    return Number(this.mode) & S_IFMT;
  }
  get atimeMs(): bigint {
    return this.atimeNs / 1_000_000n;
  }
  get mtimeMs(): bigint {
    return this.mtimeNs / 1_000_000n;
  }
  get ctimeMs(): bigint {
    return this.ctimeNs / 1_000_000n;
  }
  get birthtimeMs(): bigint {
    return this.birthtimeNs / 1_000_000n;
  }
  get atime(): Date {
    return new Date(Number(this.atimeMs));
  }
  get mtime(): Date {
    return new Date(Number(this.mtimeMs));
  }
  get ctime(): Date {
    return new Date(Number(this.ctimeMs));
  }
  get birthtime(): Date {
    return new Date(Number(this.birthtimeMs));
  }
}

function nanoseconds(sec: number, nsec: number): bigint {
  return BigInt(sec) * 1_000_000_000n + BigInt(nsec);
}

/**
 * What statfs(2) says of a file system, as Node's fs.StatFs; `bsize` is the unit of `blocks`, `bfree`,
 * `bavail`.
 */
export interface StatFs<T extends number | bigint = number> {
  readonly type: T;
  readonly bsize: T;
  readonly blocks: T;
  readonly bfree: T;
  readonly bavail: T;
  readonly files: T;
  readonly ffree: T;
}

/** A directory entry with its type, as Node's fs.Dirent. */
export class Dirent extends Typed {
  constructor(
    readonly name: string,
    /** The directory it is in, as it was asked for. */
    readonly parentPath: string,
    protected readonly type: number,
  ) {
    super();
  }
  /** The same as `parentPath` (its older name). */
  get path(): string {
    return this.parentPath;
  }
}

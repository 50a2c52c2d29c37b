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
}

import { DT_UNKNOWN, EINVAL, ENOENT, ENOTDIR, EPERM, S_IFDIR, S_IFLNK, S_IFMT } from '@sandbox/abi';
import {
  ATTR_ATIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_SIZE,
  ATTR_UID,
  type DirEmitter,
  FileSystem,
  type FsStats,
  Inode,
  type MountEnvironment,
  type NewInode,
  type SetAttr,
  simpleStats,
} from '@sandbox/vfs';

/** A file system that shows the kernel's own state: nothing in it is stored. */
export abstract class PseudoFs extends FileSystem {
  private lastIno = 0;
  /** What making or renaming an entry answers. */
  readonly creationError: number = EPERM;

  constructor(
    env: MountEnvironment,
    protected readonly magic: number,
  ) {
    super(env);
  }

  nextIno(): number {
    return ++this.lastIno;
  }

  override statfs(): FsStats {
    return simpleStats(this.magic);
  }
}

/** A file of a pseudo file system. Its times are those of its first lookup, as on Linux. */
export abstract class PseudoInode extends Inode {
  constructor(fs: PseudoFs, mode: number, ino: number = fs.nextIno()) {
    super(fs);
    this.ino = ino;
    this.mode = mode;
    const clock = fs.env.clock;
    this.atimeSec = this.mtimeSec = this.ctimeSec = clock.now();
    this.atimeNsec = this.mtimeNsec = this.ctimeNsec = clock.nsec;
  }

  /** Mode, owner and times can be changed; a size is "set" to no effect, as open(2) with O_TRUNC does. */
  override setattr(attr: SetAttr): number {
    if ((attr.valid & ATTR_SIZE) !== 0 && !this.isRegular) return -EINVAL;
    storeAttributes(this, attr);
    return 0;
  }

  private get refusal(): number {
    return this.isDirectory ? -(this.fs as PseudoFs).creationError : -ENOTDIR;
  }

  override mknod(_name: string, _init: NewInode): Inode | number {
    return this.refusal;
  }
  override symlink(_name: string, _target: string, _init: NewInode): Inode | number {
    return this.refusal;
  }
  override link(_name: string, _target: Inode): number {
    return this.refusal;
  }
  override rename(
    _name: string,
    _child: Inode,
    _newDir: Inode,
    _newName: string,
    target: Inode | null,
    _flags: number,
  ): number {
    return target === null ? this.refusal : -EPERM;
  }
}

/** For nodes that can be given away and locked up: mode, owner and times are stored. */
export function storeAttributes(inode: Inode, attr: SetAttr): void {
  if ((attr.valid & ATTR_MODE) !== 0) inode.mode = (inode.mode & S_IFMT) | (attr.mode & 0o7777);
  if ((attr.valid & ATTR_UID) !== 0) inode.uid = attr.uid;
  if ((attr.valid & ATTR_GID) !== 0) inode.gid = attr.gid;
  if ((attr.valid & ATTR_ATIME) !== 0) {
    inode.atimeSec = attr.atimeSec;
    inode.atimeNsec = attr.atimeNsec;
  }
  if ((attr.valid & ATTR_MTIME) !== 0) {
    inode.mtimeSec = attr.mtimeSec;
    inode.mtimeNsec = attr.mtimeNsec;
  }
  const clock = inode.fs.env.clock;
  if (attr.valid !== 0) {
    inode.ctimeSec = clock.now();
    inode.ctimeNsec = clock.nsec;
  }
}

/** DT_* of a mode. */
export function direntType(mode: number): number {
  return (mode & S_IFMT) === 0 ? DT_UNKNOWN : (mode & S_IFMT) >> 12;
}

/**
 * A directory whose entries are fixed when it is made, or made by `fill` when somebody looks for the first
 * time.
 */
export class PseudoDir extends PseudoInode {
  private readonly entries = new Map<string, Inode>();

  constructor(
    fs: PseudoFs,
    mode = 0o555,
    ino?: number,
    private fill: ((dir: PseudoDir) => void) | null = null,
  ) {
    super(fs, S_IFDIR | mode, ino);
    this.nlink = 2;
  }

  private get byName(): Map<string, Inode> {
    const { fill } = this;
    this.fill = null;
    fill?.(this);
    return this.entries;
  }

  override getattr(): number {
    // The number of links tells the subdirectories.
    if (this.fill !== null) void this.byName;
    return 0;
  }

  /** Add a child; returns it. */
  add<T extends Inode>(name: string, child: T): T {
    this.byName.set(name, child);
    if (child.isDirectory) this.nlink++;
    return child;
  }

  /** A subdirectory, made when missing. */
  dir(name: string, mode = 0o555): PseudoDir {
    const known = this.byName.get(name);
    if (known instanceof PseudoDir) return known;
    return this.add(name, new PseudoDir(this.fs as PseudoFs, mode));
  }

  override lookup(name: string): Inode | number {
    return this.byName.get(name) ?? -ENOENT;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    let at = 2;
    for (const [name, child] of this.byName) {
      if (at >= pos && !emit(name, child.ino, direntType(child.mode), at + 1)) return 0;
      at++;
    }
    return 0;
  }

  /** Number of fixed entries. */
  get count(): number {
    return this.byName.size;
  }
}

/** A symbolic link with a fixed target. */
export class PseudoLink extends PseudoInode {
  constructor(
    fs: PseudoFs,
    private readonly target: string,
  ) {
    super(fs, S_IFLNK | 0o777);
    this.size = target.length;
  }

  override readlink(): string | number {
    return this.target;
  }
}

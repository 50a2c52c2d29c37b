import { EILSEQ, EINVAL, EROFS, ESTALE, S_IFDIR, S_IFLNK, S_IFMT } from '@sandbox/abi';
import {
  ATTR_ATIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_SIZE,
  ATTR_UID,
  Inode,
  type SetAttr,
} from '../core/inode.js';
import type { MemfsDirectory } from './directory.js';
import type { MemfsFileSystem } from './memfs.js';
import { fromBytes, type SourceStat } from './source.js';

/**
 * A file of a node:fs-shaped source, reached by its path.
 *
 * The source checks permissions by the embedder's own process id, so it is told only what keeps the embedder
 * able to read and write: owners, and modes that would lock it out, are remembered here for as long as the
 * file system is mounted.
 */
export abstract class MemfsInode extends Inode {
  parent: MemfsDirectory | null = null;
  /** As the source calls it. */
  sourceName = '';
  /** Its name is gone; the source may still hold it open. */
  gone = false;
  private ownMode = -1;
  private ownUid = -1;
  private ownGid = -1;
  /**
   * What the source's times were when ours were set; NaN: they were not. As long as the source's stay that,
   * ours hold: they are exact, by the guest's clock, and change when Linux says.
   */
  private heldMtimeMs = Number.NaN;
  private heldCtimeMs = Number.NaN;
  private birthMs = 0;

  constructor(
    override readonly fs: MemfsFileSystem,
    ino: number,
  ) {
    super(fs);
    this.ino = ino;
  }

  /** Where the source has it, or -errno. */
  get path(): string | number {
    const names: string[] = [];
    let at: MemfsInode = this;
    while (at.parent !== null) {
      names.push(at.sourceName);
      at = at.parent;
    }
    if (at !== this.fs.root) return -ESTALE;
    const { rootPath } = this.fs;
    if (names.length === 0) return rootPath;
    return (rootPath.endsWith('/') ? rootPath : `${rootPath}/`) + names.reverse().join('/');
  }

  /** Take over what the source's last `lstat` said. */
  fill(): void {
    const s = this.fs.calls.stat;
    this.mode = this.ownMode >= 0 ? (s.mode & S_IFMT) | this.ownMode : s.mode;
    this.uid = this.ownUid >= 0 ? this.ownUid : s.uid;
    this.gid = this.ownGid >= 0 ? this.ownGid : s.gid;
    this.nlink = s.nlink;
    this.size = (s.mode & S_IFMT) === S_IFDIR ? 4096 : s.size;
    this.blocks = (s.mode & S_IFMT) === S_IFDIR ? 0 : Math.ceil(s.size / 512);
    this.birthMs = s.birthtimeMs;
    this.fillTimes(s);
  }

  private fillTimes(s: SourceStat): void {
    if (s.mtimeMs !== this.heldMtimeMs) {
      this.heldMtimeMs = Number.NaN;
      this.mtimeSec = Math.floor(s.mtimeMs / 1000);
      this.mtimeNsec = nanoseconds(s.mtimeMs);
      this.atimeSec = Math.floor(s.atimeMs / 1000);
      this.atimeNsec = nanoseconds(s.atimeMs);
    }
    if (s.ctimeMs !== this.heldCtimeMs) {
      this.heldCtimeMs = Number.NaN;
      this.ctimeSec = Math.floor(s.ctimeMs / 1000);
      this.ctimeNsec = nanoseconds(s.ctimeMs);
    }
    if (this.btimeSec !== 0) return;
    this.btimeSec = Math.floor(s.birthtimeMs / 1000);
    this.btimeNsec = nanoseconds(s.birthtimeMs);
  }

  /** What the source's times are now (its last `lstat`) is our own doing: ours stay. */
  private holdTimes(): void {
    this.heldMtimeMs = this.fs.calls.stat.mtimeMs;
    this.heldCtimeMs = this.fs.calls.stat.ctimeMs;
  }

  /** It was changed by a guest just now: its content (or entries) too when `content`. 0 or -errno. */
  touched(content: boolean): number {
    const { clock } = this.fs.env;
    this.ctimeSec = clock.now();
    this.ctimeNsec = clock.nsec;
    if (content) {
      this.mtimeSec = this.ctimeSec;
      this.mtimeNsec = this.ctimeNsec;
    }
    const path = this.path;
    if (this.gone || typeof path === 'number') return 0;
    const r = this.fs.calls.lstat(path);
    if (r < 0) return r;
    this.holdTimes();
    this.fill();
    return 0;
  }

  /** Is the file of the source's last `lstat` this one? Inode numbers are used again by some sources. */
  isSource(): boolean {
    const s = this.fs.calls.stat;
    return (
      (s.mode & S_IFMT) === (this.mode & S_IFMT) && s.birthtimeMs === this.birthMs && this.sameNumber(s.ino)
    );
  }
  private sameNumber(ino: number): boolean {
    return ino === 0 || ino === this.ino;
  }

  override getattr(): number {
    if (this.gone) return 0;
    const path = this.path;
    if (typeof path === 'number') return 0;
    const r = this.fs.calls.lstat(path);
    if (r < 0) return r;
    if (!this.isSource()) return -ESTALE;
    this.fill();
    return 0;
  }

  /** What a new file is given; the source's last `lstat` is of it. */
  own(mode: number, uid: number, gid: number): void {
    const s = this.fs.calls.stat;
    if ((s.mode & 0o7777) !== (mode & 0o7777)) this.ownMode = mode & 0o7777;
    if (s.uid !== uid) this.ownUid = uid;
    if (s.gid !== gid) this.ownGid = gid;
    this.fs.remember(this);
    this.touched(true);
    this.atimeSec = this.btimeSec = this.ctimeSec;
    this.atimeNsec = this.btimeNsec = this.ctimeNsec;
  }

  override setattr(attr: SetAttr): number {
    if (this.fs.readOnly) return -EROFS;
    if ((attr.valid & ATTR_SIZE) !== 0) {
      const r = this.resize(attr.size);
      if (r < 0) return r;
    }
    if ((attr.valid & ATTR_UID) !== 0) this.ownUid = attr.uid;
    if ((attr.valid & ATTR_GID) !== 0) this.ownGid = attr.gid;
    if ((attr.valid & ATTR_MODE) !== 0) this.ownMode = attr.mode & 0o7777;
    if ((attr.valid & (ATTR_UID | ATTR_GID | ATTR_MODE)) !== 0) this.fs.remember(this);
    const path = this.path;
    if (this.gone || typeof path === 'number') return 0;
    let r = (attr.valid & ATTR_MODE) !== 0 ? this.chmod(path, attr.mode) : 0;
    if (r === 0) r = this.touched((attr.valid & ATTR_SIZE) !== 0);
    if (r === 0 && (attr.valid & (ATTR_ATIME | ATTR_MTIME)) !== 0) r = this.setTimes(path, attr);
    return r;
  }

  /** The source keeps the mode as far as the embedder can live with it. */
  private chmod(path: string, mode: number): number {
    if ((this.mode & S_IFMT) === S_IFLNK) return 0;
    const keep = (this.mode & S_IFMT) === S_IFDIR ? 0o700 : 0o600;
    const r = this.fs.calls.chmod(path, (mode & 0o777) | keep);
    if (r < 0) this.ownMode = -1;
    return r;
  }

  private setTimes(path: string, attr: SetAttr): number {
    const { calls } = this.fs;
    const setsM = (attr.valid & ATTR_MTIME) !== 0;
    const setsA = (attr.valid & ATTR_ATIME) !== 0;
    const mSec = setsM ? attr.mtimeSec : this.mtimeSec;
    const mNsec = setsM ? attr.mtimeNsec : this.mtimeNsec;
    const aSec = setsA ? attr.atimeSec : this.atimeSec;
    const aNsec = setsA ? attr.atimeNsec : this.atimeNsec;
    let r = calls.utimes(path, aSec + aNsec / 1e9, mSec + mNsec / 1e9, this.isSymlink);
    if (r === 0) r = calls.lstat(path);
    if (r < 0) return r;
    this.holdTimes();
    this.mtimeSec = mSec;
    this.mtimeNsec = mNsec;
    this.atimeSec = aSec;
    this.atimeNsec = aNsec;
    return 0;
  }

  protected resize(_size: number): number {
    return -EINVAL;
  }
}

function nanoseconds(ms: number): number {
  return Math.min(999_999_999, Math.max(0, Math.round((ms - Math.floor(ms / 1000) * 1000) * 1e6)));
}

/** A symbolic link; followed in the guest's tree. */
export class MemfsSymlink extends MemfsInode {
  override fill(): void {
    super.fill();
    // Not all sources give a link its size.
    if (this.size > 0) return;
    const target = this.readlink();
    if (typeof target === 'string') this.size = target.length;
  }
  override readlink(): string | number {
    const path = this.path;
    return typeof path === 'number' ? path : this.fs.calls.readlink(path);
  }
}

/** Anything else the source claims to have: shown, not opened. */
export class MemfsOther extends MemfsInode {}

/** The source's name for a guest's, or -errno. */
export function sourceName(name: string): string | number {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    return -EINVAL;
  const text = fromBytes(name);
  return typeof text === 'number' ? -EILSEQ : text;
}

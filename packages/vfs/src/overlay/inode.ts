import { ENODATA, ENXIO, EOPNOTSUPP, EROFS, O_ACCMODE, O_RDONLY, S_IFDIR, S_IFMT } from '@sandbox/abi';
import type { Acl } from '../core/acl.js';
import type { Credentials } from '../core/credentials.js';
import type { File } from '../core/file.js';
import { ATTR_SIZE, Inode, type SetAttr } from '../core/inode.js';
import type { Mappable } from '../core/mappable.js';
import { copyContentUp, copyUp } from './copy-up.js';
import type { OverlayDirectory } from './directory.js';
import { OverlayFile } from './file.js';
import type { OverlayFileSystem } from './overlay.js';

/**
 * A file of an overlay: shown from the upper layer once it was changed, from a lower layer until then. The
 * same object (and st_ino) before and after.
 */
export class OverlayInode extends Inode {
  parent: OverlayDirectory | null = null;
  name = '';
  /** Names it has in lower layers only, less what the upper inode counts itself: what `nlink` differs by. */
  linkDelta = 0;
  /** What holds its content, where `real` has the attributes alone; null: that has all. */
  data: Inode | null = null;

  constructor(
    override readonly fs: OverlayFileSystem,
    public upper: Inode | null,
    /** Where its content came from; null for what was made in the upper layer. */
    readonly lower: Inode | null,
    ino: number,
  ) {
    super(fs);
    this.ino = ino;
    if (upper !== null) fs.shows(upper, this);
    if (lower !== null) fs.shows(lower, this, upper === null);
    this.sync();
  }

  /** The inode that holds attributes and content now. */
  get real(): Inode {
    return (this.upper ?? this.lower)!;
  }

  /** The inode that holds the content now. */
  get content(): Inode {
    return this.data ?? this.real;
  }

  /** Its content is that of `data`. */
  setData(data: Inode): this {
    this.data = data;
    this.sync();
    return this;
  }

  named(parent: OverlayDirectory, name: string): this {
    this.parent = parent;
    this.name = name;
    return this;
  }

  /** Show what the real inode has. */
  sync(): void {
    const r = this.real;
    this.mode = r.mode;
    this.uid = r.uid;
    this.gid = r.gid;
    this.nlink = r.nlink + this.linkDelta;
    this.rdev = r.rdev;
    this.size = r.size;
    this.blocks = this.content.blocks;
    this.blksize = r.blksize;
    this.atimeSec = r.atimeSec;
    this.atimeNsec = r.atimeNsec;
    this.mtimeSec = r.mtimeSec;
    this.mtimeNsec = r.mtimeNsec;
    this.ctimeSec = r.ctimeSec;
    this.ctimeNsec = r.ctimeNsec;
    this.btimeSec = r.btimeSec;
    this.btimeNsec = r.btimeNsec;
  }

  override getattr(): number {
    // Lower layers do not change, if they are nobody else's.
    if (this.upper === null && this.fs.shared === null) return 0;
    const r = this.real.getattr();
    if (r === 0) this.sync();
    return r;
  }

  /** Have it in the upper layer, its content perhaps left where it is. 0 or -errno. */
  raise(): number {
    if (this.upper !== null) return 0;
    return this.fs.readOnly ? -EROFS : copyUp(this, this.size, this.fs.leavesContent);
  }

  /** Have it in the upper layer, with `size` bytes of its content. 0 or -errno. */
  raiseContent(size: number = this.size): number {
    if (this.upper !== null && this.data === null) return 0;
    if (this.fs.readOnly) return -EROFS;
    const r = this.fs.mayUse(this);
    if (r < 0) return r;
    return this.upper === null ? copyUp(this, size, false) : copyContentUp(this, size);
  }

  override setattr(attr: SetAttr): number {
    const sized = (attr.valid & ATTR_SIZE) !== 0;
    let r = sized ? this.raiseContent(Math.min(attr.size, this.size)) : this.raise();
    if (r < 0) return r;
    r = this.upper!.setattr(attr);
    this.sync();
    return r;
  }

  override touchAtime(sec: number, nsec: number): void {
    if (this.upper === null) return;
    this.upper.touchAtime(sec, nsec);
    this.atimeSec = this.upper.atimeSec;
    this.atimeNsec = this.upper.atimeNsec;
  }

  override readlink(): string | number {
    return this.real.readlink();
  }

  override open(flags: number, cred: Credentials): File | number {
    if (!this.isRegular) return -ENXIO;
    const r = (flags & O_ACCMODE) === O_RDONLY ? this.fs.mayUse(this) : this.raiseContent();
    if (r < 0) return r;
    const file = this.content.open(flags, cred);
    return typeof file === 'number' ? file : new OverlayFile(this, file, flags, cred);
  }

  override get mappable(): Mappable | null {
    return this.content.mappable;
  }

  override fallocate(mode: number, offset: number, length: number): number {
    if (!this.isRegular) return super.fallocate(mode, offset, length);
    let r = this.raiseContent();
    if (r < 0) return r;
    r = this.upper!.fallocate(mode, offset, length);
    this.sync();
    return r;
  }

  /** A name it had in a lower layer only is hidden, or the upper inode has it now. */
  loseLowerName(): void {
    this.linkDelta--;
    if (!this.fs.index.noteLinks(this)) this.fs.keep(this);
  }

  /** One of its names is gone. */
  unlinked(): void {
    this.sync();
    if (this.nlink < 0 || ((this.mode & S_IFMT) === S_IFDIR && this.nlink > 0)) this.nlink = 0;
  }

  override evict(): void {
    this.fs.unkeep(this);
    if (this.upper === null) return;
    this.fs.index.drop(this);
    if (this.upper.nlink === 0 && (this.fs.shared === null || this.upper.pins === 0)) this.upper.evict();
  }

  override get keepsAcls(): boolean {
    return !this.isSymlink && (this.fs.upperLayer?.root ?? this.real).keepsAcls;
  }
  override get hasAcl(): boolean {
    return (this.upper ?? this.lower!).hasAcl;
  }
  override get accessAcl(): Acl | null {
    return this.real.accessAcl;
  }

  override getxattr(name: string): Uint8Array | number {
    const own = this.fs.marks.inLayer(name);
    return own === null ? -ENODATA : this.real.getxattr(own);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const own = this.fs.marks.inLayer(name);
    if (own === null) return -EOPNOTSUPP;
    let r = this.raise();
    if (r < 0) return r;
    r = this.upper!.setxattr(own, value, flags);
    this.sync();
    return r;
  }
  override listxattr(): readonly string[] | number {
    const names = this.real.listxattr();
    return typeof names === 'number' ? names : this.fs.marks.shown(names);
  }
  override removexattr(name: string): number {
    const own = this.fs.marks.inLayer(name);
    if (own === null) return -EOPNOTSUPP;
    // Do not copy a file for nothing.
    const has = this.real.getxattr(own);
    if (typeof has === 'number') return has;
    let r = this.raise();
    if (r < 0) return r;
    r = this.upper!.removexattr(own);
    this.sync();
    return r;
  }
}

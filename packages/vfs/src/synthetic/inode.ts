import { ATTR_ATIME, ATTR_GID, ATTR_MODE, ATTR_MTIME, ATTR_UID, Inode, type SetAttr } from '../core/inode.js';
import type { SyntheticFileSystem } from './filesystem.js';

/**
 * What synthetic inodes share: times of creation, and attributes that can be set (chmod on a device node,
 * chown on a tty).
 */
export abstract class SyntheticInode extends Inode {
  /** @param mode file type and permission bits. */
  constructor(
    readonly synthetic: SyntheticFileSystem,
    mode: number,
    ino: number = synthetic.nextIno(),
  ) {
    super(synthetic);
    this.ino = ino;
    this.mode = mode;
    const clock = synthetic.env.clock;
    this.atimeSec = this.mtimeSec = this.ctimeSec = clock.now();
    this.atimeNsec = this.mtimeNsec = this.ctimeNsec = clock.nsec;
  }

  /** A size is accepted and means nothing: O_TRUNC on a file of proc must not fail. */
  override setattr(a: SetAttr): number {
    const valid = a.valid;
    if ((valid & ATTR_MODE) !== 0) this.mode = a.mode;
    if ((valid & ATTR_UID) !== 0) this.uid = a.uid;
    if ((valid & ATTR_GID) !== 0) this.gid = a.gid;
    if ((valid & ATTR_ATIME) !== 0) {
      this.atimeSec = a.atimeSec;
      this.atimeNsec = a.atimeNsec;
    }
    if ((valid & ATTR_MTIME) !== 0) {
      this.mtimeSec = a.mtimeSec;
      this.mtimeNsec = a.mtimeNsec;
    }
    const clock = this.synthetic.env.clock;
    this.ctimeSec = clock.now();
    this.ctimeNsec = clock.nsec;
    return 0;
  }
}

/**
 * A device node, FIFO or socket by name; what it does is `Vfs.special`'s business, unless `open` is
 * overridden.
 */
export class SyntheticNode extends SyntheticInode {
  constructor(fs: SyntheticFileSystem, mode: number, rdev: number) {
    super(fs, mode);
    this.rdev = rdev;
  }
}

import type { Inode } from './inode.js';
import type { Mount } from './mount.js';

/** Attributes of a file (stat(2), statx(2)): filled by `Vfs.stat`, reused by its caller. */
export class Stat {
  dev = 0;
  ino = 0;
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  rdev = 0;
  size = 0;
  blksize = 0;
  blocks = 0;
  atimeSec = 0;
  atimeNsec = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  ctimeSec = 0;
  ctimeNsec = 0;
  btimeSec = 0;
  btimeNsec = 0;
  mountId = 0;
  /** It is the root of a mount (STATX_ATTR_MOUNT_ROOT). */
  mountRoot = false;

  /** Take over what `inode` says now; `mount` null for anonymous files. 0 or -errno. */
  fill(inode: Inode, mount: Mount | null): number {
    const e = inode.getattr();
    if (e !== 0) return e;
    this.dev = inode.dev;
    this.ino = inode.ino;
    this.mode = inode.mode;
    this.nlink = inode.nlink;
    const ids = mount === null ? null : mount.ids;
    this.uid = ids === null ? inode.uid : ids.shownUid(inode.uid);
    this.gid = ids === null ? inode.gid : ids.shownGid(inode.gid);
    this.rdev = inode.rdev;
    this.size = inode.size;
    this.blksize = inode.blksize;
    this.blocks = inode.blocks;
    this.atimeSec = inode.atimeSec;
    this.atimeNsec = inode.atimeNsec;
    this.mtimeSec = inode.mtimeSec;
    this.mtimeNsec = inode.mtimeNsec;
    this.ctimeSec = inode.ctimeSec;
    this.ctimeNsec = inode.ctimeNsec;
    this.btimeSec = inode.btimeSec;
    this.btimeNsec = inode.btimeNsec;
    this.mountId = mount === null ? 0 : mount.id;
    this.mountRoot = false;
    return 0;
  }
}

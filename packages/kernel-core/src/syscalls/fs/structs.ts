import { major, minor, STAT, STATFS, STATX, STATX_ATTR_MOUNT_ROOT } from '@sandbox/abi';
import type { FsStats, Stat } from '@sandbox/vfs';

const TWO32 = 4294967296;

/** Store an integer within +-2^53 as 64 bits. */
export function put64(view: DataView, offset: number, value: number): void {
  const lo = value >>> 0;
  view.setUint32(offset, lo, true);
  view.setInt32(offset + 4, (value - lo) / TWO32, true);
}

/** The largest size there is, 2^63 - 1, is kept as the nearest double. */
function putSize(view: DataView, offset: number, size: number): void {
  if (size < 2 ** 63) put64(view, offset, size);
  else {
    view.setUint32(offset, 0xffffffff, true);
    view.setUint32(offset + 4, 0x7fffffff, true);
  }
}

/** `struct stat` at `offset`. */
export function putStat(view: DataView, offset: number, s: Stat): void {
  put64(view, offset + STAT.st_dev, s.dev);
  put64(view, offset + STAT.st_ino, s.ino);
  put64(view, offset + STAT.st_nlink, s.nlink);
  view.setUint32(offset + STAT.st_mode, s.mode, true);
  view.setUint32(offset + STAT.st_uid, s.uid, true);
  view.setUint32(offset + STAT.st_gid, s.gid, true);
  view.setUint32(offset + STAT.st_gid + 4, 0, true);
  put64(view, offset + STAT.st_rdev, s.rdev);
  putSize(view, offset + STAT.st_size, s.size);
  put64(view, offset + STAT.st_blksize, s.blksize);
  put64(view, offset + STAT.st_blocks, s.blocks);
  put64(view, offset + STAT.st_atime, s.atimeSec);
  put64(view, offset + STAT.st_atime_nsec, s.atimeNsec);
  put64(view, offset + STAT.st_mtime, s.mtimeSec);
  put64(view, offset + STAT.st_mtime_nsec, s.mtimeNsec);
  put64(view, offset + STAT.st_ctime, s.ctimeSec);
  put64(view, offset + STAT.st_ctime_nsec, s.ctimeNsec);
  for (let i = STAT.st_ctime_nsec + 8; i < STAT.SIZE; i += 4) view.setUint32(offset + i, 0, true);
}

function putTime(view: DataView, offset: number, sec: number, nsec: number): void {
  put64(view, offset, sec);
  view.setUint32(offset + 8, nsec, true);
  view.setInt32(offset + 12, 0, true);
}

/** `struct statx` at `offset`; `mask` is what the result says it holds. */
export function putStatx(view: DataView, offset: number, s: Stat, mask: number): void {
  for (let i = 0; i < STATX.SIZE; i += 4) view.setUint32(offset + i, 0, true);
  view.setUint32(offset + STATX.stx_mask, mask, true);
  view.setUint32(offset + STATX.stx_blksize, s.blksize, true);
  put64(view, offset + STATX.stx_attributes, s.mountRoot ? STATX_ATTR_MOUNT_ROOT : 0);
  put64(view, offset + STATX.stx_attributes_mask, STATX_ATTR_MOUNT_ROOT);
  view.setUint32(offset + STATX.stx_nlink, s.nlink, true);
  view.setUint32(offset + STATX.stx_uid, s.uid, true);
  view.setUint32(offset + STATX.stx_gid, s.gid, true);
  view.setUint16(offset + STATX.stx_mode, s.mode, true);
  put64(view, offset + STATX.stx_ino, s.ino);
  putSize(view, offset + STATX.stx_size, s.size);
  put64(view, offset + STATX.stx_blocks, s.blocks);
  putTime(view, offset + STATX.stx_atime, s.atimeSec, s.atimeNsec);
  putTime(view, offset + STATX.stx_btime, s.btimeSec, s.btimeNsec);
  putTime(view, offset + STATX.stx_ctime, s.ctimeSec, s.ctimeNsec);
  putTime(view, offset + STATX.stx_mtime, s.mtimeSec, s.mtimeNsec);
  view.setUint32(offset + STATX.stx_rdev_major, major(s.rdev), true);
  view.setUint32(offset + STATX.stx_rdev_minor, minor(s.rdev), true);
  view.setUint32(offset + STATX.stx_dev_major, major(s.dev), true);
  view.setUint32(offset + STATX.stx_dev_minor, minor(s.dev), true);
  put64(view, offset + STATX.stx_mnt_id, s.mountId);
}

/** `struct statfs` at `offset`; `flags` are the mount's ST_* bits. */
export function putStatfs(view: DataView, offset: number, s: FsStats, dev: number, flags: number): void {
  for (let i = 0; i < STATFS.SIZE; i += 4) view.setUint32(offset + i, 0, true);
  put64(view, offset + STATFS.f_type, s.type);
  put64(view, offset + STATFS.f_bsize, s.bsize);
  put64(view, offset + STATFS.f_blocks, s.blocks);
  put64(view, offset + STATFS.f_bfree, s.bfree);
  put64(view, offset + STATFS.f_bavail, s.bavail);
  put64(view, offset + STATFS.f_files, s.files);
  put64(view, offset + STATFS.f_ffree, s.ffree);
  view.setUint32(offset + STATFS.f_fsid, dev, true);
  put64(view, offset + STATFS.f_namelen, s.namelen);
  put64(view, offset + STATFS.f_frsize, s.bsize);
  put64(view, offset + STATFS.f_flags, flags);
}

import { makedev, STATX } from '@sandbox/abi';
import { statxWords } from '@sandbox/native';
import type { Inode } from '../core/inode.js';

/** Index of a field of `struct statx` in `statxWords`. */
const word = (offset: number): number => offset / 4;

export const STATX_MODE_WORD = word(STATX.stx_mode);
const INO = word(STATX.stx_ino);
const SIZE = word(STATX.stx_size);
const BLOCKS = word(STATX.stx_blocks);
const ATIME = word(STATX.stx_atime);
const BTIME = word(STATX.stx_btime);
const CTIME = word(STATX.stx_ctime);
const MTIME = word(STATX.stx_mtime);
const RDEV = word(STATX.stx_rdev_major);
const DEV = word(STATX.stx_dev_major);
const W = 4294967296;

export interface HostIdentity {
  readonly hostDev: number;
  readonly inoLo: number;
  readonly inoHi: number;
}

/** st_dev of the last statx, as one number of this process's own. */
export function statxDev(): number {
  return statxWords[DEV] * 0x100000 + statxWords[DEV + 1];
}
export function statxInoLo(): number {
  return statxWords[INO];
}
export function statxInoHi(): number {
  return statxWords[INO + 1];
}
export function statxMode(): number {
  return statxWords[STATX_MODE_WORD] & 0xffff;
}

/** Did the last statx describe this very file? */
export function sameHostFile(node: HostIdentity): boolean {
  return statxWords[INO] === node.inoLo && statxWords[INO + 1] === node.inoHi && statxDev() === node.hostDev;
}

/** Was the file of the last statx born when `inode` was? A recycled inode number belongs to another file. */
export function sameBirth(inode: Inode): boolean {
  return (
    statxWords[BTIME] + (statxWords[BTIME + 1] | 0) * W === inode.btimeSec &&
    statxWords[BTIME + 2] === inode.btimeNsec
  );
}

/** Copy the last statx into `inode`, all but ino, uid and gid. */
export function fillFromStatx(inode: Inode): void {
  const w = statxWords;
  inode.mode = w[STATX_MODE_WORD] & 0xffff;
  inode.nlink = w[word(STATX.stx_nlink)];
  inode.size = w[SIZE] + w[SIZE + 1] * W;
  inode.blocks = w[BLOCKS] + w[BLOCKS + 1] * W;
  inode.blksize = w[word(STATX.stx_blksize)];
  inode.rdev = makedev(w[RDEV], w[RDEV + 1]);
  inode.atimeSec = w[ATIME] + (w[ATIME + 1] | 0) * W;
  inode.atimeNsec = w[ATIME + 2];
  inode.mtimeSec = w[MTIME] + (w[MTIME + 1] | 0) * W;
  inode.mtimeNsec = w[MTIME + 2];
  inode.ctimeSec = w[CTIME] + (w[CTIME + 1] | 0) * W;
  inode.ctimeNsec = w[CTIME + 2];
  inode.btimeSec = w[BTIME] + (w[BTIME + 1] | 0) * W;
  inode.btimeNsec = w[BTIME + 2];
}

export function statxUid(): number {
  return statxWords[word(STATX.stx_uid)];
}
export function statxGid(): number {
  return statxWords[word(STATX.stx_gid)];
}

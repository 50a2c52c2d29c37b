import { EOPNOTSUPP, EPERM, S_IFCHR, S_IFMT } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';

/** Where an overlay may keep its attributes: `trusted.` as Linux does, `user.` where a layer refuses that (overlayfs "userxattr"). */
const PREFIXES = ['trusted.overlay.', 'user.overlay.'] as const;
const OPAQUE = 'opaque';
/** On a directory: where in the lower layers it was before it was renamed. */
export const REDIRECT = 'redirect';
/** On a copied-up file: the inode number it is shown with, in decimal. */
export const ORIGIN = 'origin';
/** On a copy in the index: `OverlayInode.linkDelta`, in decimal. */
export const LINKS = 'nlink';

/** A name that hides what lower layers have under it: a character device 0/0. */
export function isWhiteout(inode: Inode): boolean {
  return inode.rdev === 0 && (inode.mode & S_IFMT) === S_IFCHR;
}

/** Guests neither see nor touch the overlay's own attributes. */
export function isPrivateXattr(name: string): boolean {
  return name.startsWith(PREFIXES[0]) || name.startsWith(PREFIXES[1]);
}

/** 0 or -errno. */
export function setMark(inode: Inode, mark: string, value: Uint8Array): number {
  let r = 0;
  for (const prefix of PREFIXES) {
    r = inode.setxattr(prefix + mark, value, 0);
    if (r !== -EPERM && r !== -EOPNOTSUPP) return r;
  }
  return r;
}

export function getMark(inode: Inode, mark: string): Uint8Array | null {
  for (const prefix of PREFIXES) {
    const value = inode.getxattr(prefix + mark);
    if (typeof value !== 'number') return value;
  }
  return null;
}

export function setNumberMark(inode: Inode, mark: string, value: number): number {
  return setMark(inode, mark, Buffer.from(String(value)));
}

export function getNumberMark(inode: Inode, mark: string): number | null {
  const value = getMark(inode, mark);
  const n = value === null ? Number.NaN : Number(Buffer.from(value).toString('latin1'));
  return Number.isSafeInteger(n) ? n : null;
}

const YES = Uint8Array.of(0x79);

/** Lower directories of the same name do not shine through. */
export function setOpaque(inode: Inode): number {
  return setMark(inode, OPAQUE, YES);
}

export function isOpaque(inode: Inode): boolean {
  const value = getMark(inode, OPAQUE);
  return value !== null && value[0] === YES[0];
}

import { ESTALE } from '@sandbox/abi';
import type { Dentry } from './dentry.js';
import type { Inode } from './inode.js';

/**
 * The files of a file system that name_to_handle_at(2) gave out handles of: found again by inode number for
 * as long as they exist. Directories only while their name is cached.
 */
export class FileHandles {
  private readonly known = new Map<number, { inode: WeakRef<Inode>; dentry: WeakRef<Dentry> }>();

  note(dentry: Dentry): void {
    const inode = dentry.inode!;
    this.known.set(inode.ino, { inode: new WeakRef(inode), dentry: new WeakRef(dentry) });
  }

  /** What was noted, with its name where that still leads to it; -ESTALE. */
  find(ino: number): { inode: Inode; dentry: Dentry | null } | number {
    const entry = this.known.get(ino);
    const inode = entry?.inode.deref();
    if (entry === undefined || inode === undefined || (inode.nlink === 0 && inode.pins === 0)) {
      this.known.delete(ino);
      return -ESTALE;
    }
    const dentry = entry.dentry.deref();
    return { inode, dentry: dentry !== undefined && dentry.hashed && dentry.inode === inode ? dentry : null };
  }
}

/** A handle as it is told to programs (`struct file_handle`). */
export interface HandleId {
  readonly type: number;
  readonly ino: number;
}

/** f_handle of either type. */
export const HANDLE_BYTES = 12;
/** A generation (inode numbers are never used again here), the inode number in two words; as tmpfs does. */
export const HANDLE_GEN_INO = 1;
/** FILEID_INO64_GEN: only to tell files apart, for file systems that cannot find them by it. */
export const HANDLE_INO_GEN = 0x81;
const TWO32 = 4294967296;

export function handleOf(inode: Inode): HandleId {
  return { type: inode.fs.handles !== null ? HANDLE_GEN_INO : HANDLE_INO_GEN, ino: inode.ino };
}

/** Store the HANDLE_BYTES of `f_handle`. */
export function putHandle(view: DataView, offset: number, { type, ino }: HandleId): void {
  const at = type === HANDLE_GEN_INO ? offset + 4 : offset;
  view.setUint32(offset, 0, true);
  view.setUint32(offset + 8, 0, true);
  view.setUint32(at, ino >>> 0, true);
  view.setUint32(at + 4, Math.floor(ino / TWO32), true);
}

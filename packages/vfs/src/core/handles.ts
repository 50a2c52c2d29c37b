import { ESTALE } from '@sandbox/abi';
import type { Dentry } from './dentry.js';
import type { Inode } from './inode.js';

/**
 * The files of a file system that name_to_handle_at(2) gave out handles of: found again by inode number for as long as they exist.
 * Directories only while their name is cached.
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

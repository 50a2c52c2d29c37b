import type { Inode } from '../core/inode.js';

/** Nothing is in `dir`, whiteouts neither. */
export function isEmpty(dir: Inode): boolean {
  let empty = true;
  dir.readdir(2, () => {
    empty = false;
    return false;
  });
  return empty;
}

/**
 * Unlink what is in `dir`, a directory of an upper layer. `stays` says of each: 0: it goes, 1: it stays,
 * -errno: that is the end. 0 or -errno.
 */
export function clearDirectory(dir: Inode, stays: (name: string, inode: Inode) => number): number {
  const names: string[] = [];
  const r = dir.readdir(2, (name) => {
    names.push(name);
    return true;
  });
  if (r < 0) return r;
  for (const name of names) {
    const inode = dir.lookup(name);
    if (typeof inode === 'number') continue;
    const verdict = stays(name, inode);
    if (verdict < 0) return verdict;
    if (verdict > 0) continue;
    const e = dir.unlink(name, inode);
    if (e < 0) return e;
    if (inode.nlink === 0 && inode.pins === 0) inode.evict();
  }
  return 0;
}

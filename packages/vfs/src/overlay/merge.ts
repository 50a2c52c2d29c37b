import { DT_CHR, DT_UNKNOWN } from '@sandbox/abi';
import { DirListing } from '../core/dir-listing.js';
import type { Inode } from '../core/inode.js';
import type { OverlayDirectory } from './directory.js';
import { isWhiteout } from './marks.js';

/** The entries of `dir`, as the layer has them; or -errno. */
function entriesOf(dir: Inode): DirListing | number {
  const all = new DirListing();
  const r = dir.readdir(2, (name, ino, type) => {
    all.add(name, ino, type);
    return true;
  });
  return r < 0 ? r : all;
}

/** Is the entry a whiteout? Only character devices are looked at. */
function isMark(dir: Inode, name: string, type: number): boolean {
  if (type !== DT_CHR && type !== DT_UNKNOWN) return false;
  const inode = dir.lookup(name);
  return typeof inode !== 'number' && isWhiteout(inode);
}

/**
 * The entries of all layers of `dir`, upper ones first, each name once. -errno when a layer cannot be read.
 */
export function mergeListing(dir: OverlayDirectory): DirListing | number {
  const list = new DirListing();
  const single = (dir.upper === null ? 0 : 1) + dir.lowers.length === 1;
  const seen = single ? null : new Set<string>();
  if (dir.upper !== null) {
    const r = addUpper(list, seen, dir, dir.upper);
    if (r < 0) return r;
  }
  for (let i = 0; i < dir.lowers.length; i++) {
    const r = addLower(list, seen, dir, i);
    if (r < 0) return r;
  }
  return list;
}

function addUpper(list: DirListing, seen: Set<string> | null, dir: OverlayDirectory, upper: Inode): number {
  const entries = entriesOf(upper);
  if (typeof entries === 'number') return entries;
  for (let i = 0; i < entries.names.length; i++) {
    const name = entries.names[i]!;
    seen?.add(name);
    if (dir.fs.isWork(dir, name)) continue;
    // Ask for the inode: a copy shows the number of what it is a copy of.
    const inode = dir.lookup(name);
    if (typeof inode !== 'number') list.add(name, inode.ino, entries.types[i]!);
  }
  return 0;
}

function addLower(list: DirListing, seen: Set<string> | null, dir: OverlayDirectory, index: number): number {
  const lower = dir.lowers[index]!;
  const layer = dir.layers[index]!;
  const entries = entriesOf(lower);
  if (typeof entries === 'number') return entries;
  for (let i = 0; i < entries.names.length; i++) {
    const name = entries.names[i]!;
    const type = entries.types[i]!;
    if (seen !== null) {
      if (seen.has(name)) continue;
      seen.add(name);
    }
    if (!dir.hides(name) && !isMark(lower, name, type)) {
      list.add(name, dir.fs.lowerIno(layer, entries.inos[i]!), type);
    }
  }
  return 0;
}

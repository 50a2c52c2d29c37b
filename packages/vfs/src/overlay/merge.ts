import { DT_CHR, DT_UNKNOWN } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';
import type { OverlayDirectory } from './directory.js';
import { isWhiteout } from './marks.js';

/** What a merged directory held when it was read. */
export class MergedListing {
  readonly names: string[] = [];
  readonly inos: number[] = [];
  readonly types: number[] = [];

  add(name: string, ino: number, type: number): void {
    this.names.push(name);
    this.inos.push(ino);
    this.types.push(type);
  }
}

interface RawEntry {
  readonly name: string;
  readonly ino: number;
  readonly type: number;
}

function entriesOf(dir: Inode): RawEntry[] | number {
  const all: RawEntry[] = [];
  const r = dir.readdir(2, (name, ino, type) => {
    all.push({ name, ino, type });
    return true;
  });
  return r < 0 ? r : all;
}

/** Is the entry a whiteout? Only character devices are looked at. */
function isMark(dir: Inode, e: RawEntry): boolean {
  if (e.type !== DT_CHR && e.type !== DT_UNKNOWN) return false;
  const inode = dir.lookup(e.name);
  return typeof inode !== 'number' && isWhiteout(inode);
}

/** The entries of all layers of `dir`, upper ones first, each name once. -errno when a layer cannot be read. */
export function mergeListing(dir: OverlayDirectory): MergedListing | number {
  const list = new MergedListing();
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

function addUpper(
  list: MergedListing,
  seen: Set<string> | null,
  dir: OverlayDirectory,
  upper: Inode,
): number {
  const entries = entriesOf(upper);
  if (typeof entries === 'number') return entries;
  for (const e of entries) {
    seen?.add(e.name);
    if (dir.fs.isWork(dir, e.name)) continue;
    // Ask for the inode: a copy shows the number of what it is a copy of.
    const inode = dir.lookup(e.name);
    if (typeof inode !== 'number') list.add(e.name, inode.ino, e.type);
  }
  return 0;
}

function addLower(
  list: MergedListing,
  seen: Set<string> | null,
  dir: OverlayDirectory,
  index: number,
): number {
  const lower = dir.lowers[index]!;
  const layer = dir.layers[index]!;
  const entries = entriesOf(lower);
  if (typeof entries === 'number') return entries;
  for (const e of entries) {
    if (seen !== null) {
      if (seen.has(e.name)) continue;
      seen.add(e.name);
    }
    if (!dir.hides(e.name) && !isMark(lower, e)) list.add(e.name, dir.fs.lowerIno(layer, e.ino), e.type);
  }
  return 0;
}

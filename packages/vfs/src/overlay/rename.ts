import { EINVAL, EXDEV, RENAME_EXCHANGE, RENAME_NOREPLACE } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';
import type { OverlayDirectory } from './directory.js';
import type { OverlayInode } from './inode.js';
import { isWhiteout, REDIRECT } from './marks.js';

/**
 * rename(2) in an overlay: what moves is brought into the upper layer first, what it hid or leaves behind is
 * covered.
 */
export function renameEntry(
  dir: OverlayDirectory,
  name: string,
  child: OverlayInode,
  newDir: OverlayDirectory,
  newName: string,
  target: OverlayInode | null,
  flags: number,
): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) return -EINVAL;
  const from = dir.changeable(name);
  if (typeof from === 'number') return from;
  const to = newDir.changeable(newName);
  if (typeof to === 'number') return to;
  if (!canMove(child) || ((flags & RENAME_EXCHANGE) !== 0 && !canMove(target!))) return -EXDEV;
  const r = prepare(dir, name, child, dir === newDir);
  if (r < 0) return r;
  const done =
    (flags & RENAME_EXCHANGE) !== 0
      ? exchange(dir, name, child, newDir, newName, target!)
      : replace(dir, name, child, newDir, newName, target);
  if (dir !== newDir && done === 0) {
    noteOrigin(newDir, child);
    if ((flags & RENAME_EXCHANGE) !== 0) noteOrigin(dir, target!);
  }
  dir.fs.changed(dir, name);
  dir.fs.changed(newDir, newName);
  dir.sync();
  newDir.sync();
  return done;
}

/** Every directory of an overlay is an `OverlayDirectory`. */
function asDirectory(inode: OverlayInode | null): OverlayDirectory | null {
  return inode?.isDirectory ? (inode as OverlayDirectory) : null;
}

/** `child`, which came into `dir`, may show the number of something below. */
function noteOrigin(dir: OverlayDirectory, child: OverlayInode): void {
  if (dir.fs.shared !== null && child.lower !== null) dir.fs.marks.setImpure(dir.upper!);
}

/** A directory that merges with lower ones needs a mark that says where they are. */
function canMove(child: OverlayInode): boolean {
  return child.fs.makesRedirects || (asDirectory(child)?.lowers.length ?? 0) === 0;
}

/** Have `child` in the upper layer under the name it is to lose. `stays`: in this directory. */
function prepare(dir: OverlayDirectory, name: string, child: OverlayInode, stays: boolean): number {
  let r = child.raise();
  if (r < 0) return r;
  // A copy kept apart from the tree of names (several hard links) gets this name now.
  const u = dir.upperChild(name);
  if (typeof u === 'number') return u;
  if (u === null) {
    r = dir.upper!.link(name, child.upper!);
    if (r < 0) return r;
    child.loseLowerName();
  }
  return noteWhere(child, stays);
}

/**
 * What `child` merges with, or has its content from, stays where it is: its copy must say where, if only by a
 * name in this directory.
 */
export function noteWhere(child: OverlayInode, stays: boolean): number {
  const directory = asDirectory(child);
  if (directory === null ? child.data === null : directory.lowers.length === 0) return 0;
  const { fs } = child;
  const named = stays && (directory !== null || child.data!.nlink === 1);
  const said = fs.redirectOf(child.upper!);
  if (said !== null && (named || said.startsWith('/'))) return 0;
  const path = directory?.lowerPath ?? `${child.parent!.lowerPath}/${said ?? child.name}`;
  const mark = fs.marks.set(child.upper!, REDIRECT, Buffer.from(named ? child.name : path, 'latin1'));
  return mark < 0 ? -EXDEV : 0;
}

function exchange(
  dir: OverlayDirectory,
  name: string,
  child: OverlayInode,
  newDir: OverlayDirectory,
  newName: string,
  target: OverlayInode,
): number {
  let r = prepare(newDir, newName, target, dir === newDir);
  if (r < 0) return r;
  r = dir.upper!.rename(name, child.upper!, newDir.upper!, newName, target.upper!, RENAME_EXCHANGE, null);
  if (r < 0) return r;
  child.named(newDir, newName);
  target.named(dir, name);
  hideBelow(newDir, newName, child);
  hideBelow(dir, name, target);
  child.sync();
  target.sync();
  return 0;
}

/** A directory that merges with nothing must not begin to at its new place. */
function hideBelow(dir: OverlayDirectory, name: string, child: OverlayInode): void {
  if (asDirectory(child)?.lowers.length === 0) dir.separate(name, child.upper!, true);
}

function replace(
  dir: OverlayDirectory,
  name: string,
  child: OverlayInode,
  newDir: OverlayDirectory,
  newName: string,
  target: OverlayInode | null,
): number {
  const place = clearPlace(newDir, newName, child, target);
  if (typeof place === 'number') return place;
  const r = dir.upper!.rename(name, child.upper!, newDir.upper!, newName, place.occupant, 0, null);
  if (r < 0) {
    if (place.uncovered) newDir.cover(newName);
    return r;
  }
  const { occupant } = place;
  if (occupant !== null && isWhiteout(occupant) && occupant.pins === 0) occupant.evict();
  if (target !== null) replaced(target, occupant);
  hideBelow(newDir, newName, child);
  child.named(newDir, newName);
  child.sync();
  return dir.cover(name);
}

/** `target` lost the name that `occupant`, if it is its copy, had in the upper layer. */
function replaced(target: OverlayInode, occupant: Inode | null): void {
  const gone = asDirectory(target);
  if (gone !== null) {
    gone.died();
    return;
  }
  if (occupant === null) target.loseLowerName();
  target.unlinked();
}

interface Place {
  /** What the host of the upper layer is to replace: the target's copy, a whiteout, or nothing. */
  readonly occupant: Inode | null;
  /** A whiteout was removed and must come back on failure. */
  readonly uncovered: boolean;
}

function clearPlace(
  newDir: OverlayDirectory,
  newName: string,
  child: OverlayInode,
  target: OverlayInode | null,
): Place | number {
  const victim = asDirectory(target);
  if (victim !== null) {
    const r = victim.checkEmpty() || newDir.removeUpperDirectory(newDir.upper!, newName);
    return r < 0 ? r : { occupant: null, uncovered: true };
  }
  const u = newDir.upperChild(newName);
  if (typeof u === 'number') return u;
  if (u !== null && target !== null && newDir.fs.shared === null) u.pins = target.pins;
  if (u === null || !child.isDirectory) return { occupant: u, uncovered: false };
  const r = newDir.uncover(newName);
  return r < 0 ? r : { occupant: null, uncovered: true };
}

import { EIO, ENOENT } from '@sandbox/abi';
import type { FileSystem } from '../core/filesystem.js';
import type { Inode } from '../core/inode.js';
import { isWhiteout, METACOPY, REDIRECT } from './marks.js';
import type { OverlayFileSystem } from './overlay.js';

/** A tree that an overlay is made of: all of a file system, or what lies below one of its directories. */
export interface Layer {
  readonly fs: FileSystem;
  readonly root: Inode;
  /** The overlay is gone. */
  release(): void;
}

/** The lower directories that make up one directory, topmost first. */
export interface Layers {
  readonly lowers: readonly Inode[];
  /** Which layer each is in, 0 the topmost lower one. */
  readonly layers: readonly number[];
  /** Their path from the roots of the layers. */
  readonly path: string;
}

export const NO_LAYERS: Layers = { lowers: [], layers: [], path: '' };

/**
 * The lower directories that merge as `name` within `dir`, or -errno. Anything else of that name ends the
 * merge. A directory that was renamed when its layer was an upper one says where those below it are
 * (ovl_lookup).
 */
export function mergedBelow(fs: OverlayFileSystem, dir: Layers, name: string): Layers | number {
  const lowers: Inode[] = [];
  const layers: number[] = [];
  let within = dir;
  let path = name;
  for (let i = 0; i < within.lowers.length; i++) {
    const l = descend(within.lowers[i]!, path);
    if (typeof l === 'number') {
      if (l === -ENOENT) continue;
      return l;
    }
    if (!l.isDirectory) break;
    const layer = within.layers[i]!;
    lowers.push(l);
    layers.push(layer);
    if (layer + 1 === fs.lowerLayers.length || fs.marks.isOpaque(l)) break;
    const redirect = fs.redirectOf(l);
    if (redirect === null) continue;
    if (redirect.startsWith('/')) {
      path = redirect.slice(1);
      if (within !== fs.lowerRoots) {
        within = fs.lowerRoots;
        i = layer;
      }
    } else path = path.slice(0, path.lastIndexOf('/') + 1) + redirect;
  }
  return { lowers, layers, path: `${dir.path}/${name}` };
}

/** What is at `path` below `dir`; -ENOENT as well for what lies in no directory. */
/**
 * What holds the content of file `name` of `dir`, of which a layer above `from` (an index into its lower
 * directories) has attributes alone and says it was at `redirect` in those below: an inode, or -EIO (it is
 * nowhere) (ovl_lookup).
 */
export function contentBelow(
  fs: OverlayFileSystem,
  dir: Layers,
  name: string,
  from: number,
  redirect: string | null,
): Inode | number {
  let within = dir;
  let path = name;
  let i = from;
  const follow = (to: string | null, layer: number): void => {
    if (to === null) return;
    if (to.startsWith('/')) {
      path = to.slice(1);
      if (within !== fs.lowerRoots) i = layer + 1;
      within = fs.lowerRoots;
    } else path = path.slice(0, path.lastIndexOf('/') + 1) + to;
  };
  follow(redirect, from === 0 ? -1 : within.layers[from - 1]!);
  while (i < within.lowers.length) {
    const l = descend(within.lowers[i]!, path);
    const layer = within.layers[i++]!;
    if (l === -ENOENT) continue;
    if (typeof l === 'number') return l;
    if (isWhiteout(l) || !l.isRegular) break;
    if (fs.marks.get(l, METACOPY) === null) return l;
    follow(fs.redirectOf(l), layer);
  }
  return -EIO;
}

function descend(dir: Inode, path: string): Inode | number {
  if (!path.includes('/')) return dir.lookup(path);
  let at = dir;
  for (const name of path.split('/')) {
    if (name === '') continue;
    if (!at.isDirectory) return -ENOENT;
    const next = at.lookup(name);
    if (typeof next === 'number') return next;
    at = next;
  }
  return at;
}

/**
 * Where the directory says it was in the layers below, as a byte string: an absolute path, or another name in
 * the same directory.
 */
export function redirectOf(fs: OverlayFileSystem, dir: Inode): string | null {
  const value = fs.marks.get(dir, REDIRECT);
  if (value === null) return null;
  const text = Buffer.from(value).toString('latin1');
  const names = text.startsWith('/') ? text.slice(1).split('/') : [text];
  return names.every((n) => n !== '' && n !== '.' && n !== '..' && !n.includes('/')) ? text : null;
}

import { ENOENT } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';
import { isOpaque } from './marks.js';

/** The lower directories that make up one directory, topmost first. */
export interface Layers {
  readonly lowers: readonly Inode[];
  /** Which layer each is in, 0 the topmost lower one. */
  readonly layers: readonly number[];
  /** Their path from the roots of the layers. */
  readonly path: string;
}

export const NO_LAYERS: Layers = { lowers: [], layers: [], path: '' };

/** The lower directories that merge as `name` within `dir`, or -errno. Anything else of that name ends the merge. */
export function mergedBelow(dir: Layers, name: string): Layers | number {
  const lowers: Inode[] = [];
  const layers: number[] = [];
  for (let i = 0; i < dir.lowers.length; i++) {
    const l = dir.lowers[i]!.lookup(name);
    if (typeof l === 'number') {
      if (l === -ENOENT) continue;
      return l;
    }
    if (!l.isDirectory) break;
    lowers.push(l);
    layers.push(dir.layers[i]!);
    if (i + 1 < dir.lowers.length && isOpaque(l)) break;
  }
  return { lowers, layers, path: `${dir.path}/${name}` };
}

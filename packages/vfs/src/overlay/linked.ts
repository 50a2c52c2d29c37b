import { DT_DIR } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';
import { OverlayInode } from './inode.js';
import { isWhiteout } from './marks.js';
import type { OverlayFileSystem } from './overlay.js';

/**
 * Lower files with several names that were changed: the copy lies in the index, and the names are in no upper
 * directory. The paths (byte strings) under which the overlay shows such copies; found by going through the
 * lower layers, where there are any.
 */
export function linkedChanges(fs: OverlayFileSystem): string[] {
  const copies = fs.index.numbers();
  if (copies.size === 0) return [];
  const found = new Set<string>();
  fs.lowerLayers.forEach((layer, i) => {
    const pending: [Inode, string][] = [[layer.root, '']];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const [dir, path] = at;
      const below: string[] = [];
      dir.readdir(2, (name, ino, type) => {
        if (type === DT_DIR) below.push(name);
        else if (copies.has(fs.lowerIno(i, ino))) found.add(`${path}/${name}`);
        return true;
      });
      for (const name of below) {
        const child = dir.lookup(name);
        if (typeof child !== 'number' && child.isDirectory) pending.push([child, `${path}/${name}`]);
      }
    }
  });
  return [...found].filter((path) => showsCopy(fs, path, copies));
}

/** Does the overlay show one of the copies there still? */
function showsCopy(fs: OverlayFileSystem, path: string, copies: ReadonlySet<number>): boolean {
  let at: Inode = fs.root;
  for (const name of path.slice(1).split('/')) {
    const next = at.lookup(name);
    if (typeof next === 'number' || isWhiteout(next)) return false;
    at = next;
  }
  return at instanceof OverlayInode && at.upper !== null && copies.has(at.ino);
}

import { S_IFDIR, S_IFMT } from '@sandbox/abi';
import type { FileSystem } from '../core/filesystem.js';
import type { Inode } from '../core/inode.js';
import { WORK_NAME } from './index.js';
import { linkedChanges } from './linked.js';
import { HIDDEN_MARKS, isWhiteout } from './marks.js';
import { OverlayFileSystem } from './overlay.js';

/** One name an overlay shows otherwise than its lower layers. */
export interface Change {
  /** Absolute, within the overlay. */
  readonly path: string;
  /** `changed`: content, attributes or (a directory) what is in it. */
  readonly kind: 'added' | 'changed' | 'deleted';
}

/**
 * What the upper layer of an overlay changes, parents before what is in them; null: `fs` is no overlay with
 * an upper layer.
 */
export function overlayChanges(fs: FileSystem): Change[] | null {
  if (!(fs instanceof OverlayFileSystem) || fs.upperLayer === null) return null;
  const changes: Change[] = [];
  walk(
    fs.upperLayer.root,
    fs.lowerLayers.map((layer) => layer.root),
    changes,
  );
  const known = new Set(changes.map((change) => change.path));
  const linked = linkedChanges(fs).map((path) => Buffer.from(path, 'latin1').toString('utf8'));
  for (const path of linked) {
    if (!known.has(path)) changes.push({ path, kind: 'changed' });
  }
  return linked.length === 0 ? changes : changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Pending {
  readonly path: string;
  readonly upper: Inode;
  /** What lies there in the lower layers, topmost first. */
  readonly lowers: readonly Inode[];
}

function walk(root: Inode, lowers: readonly Inode[], changes: Change[]): void {
  const pending: Pending[] = [{ path: '', upper: root, lowers }];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const inside: Pending[] = [];
    for (const name of namesOf(at.upper)) {
      if (at.path === '' && name === WORK_NAME) continue;
      const child = at.upper.lookup(name);
      if (typeof child === 'number') continue;
      const below = shown(at.lowers, name);
      const path = `${at.path}/${name}`;
      const text = Buffer.from(path, 'latin1').toString('utf8');
      if (isWhiteout(child)) {
        if (below.length > 0) changes.push({ path: text, kind: 'deleted' });
        continue;
      }
      changes.push({ path: text, kind: below.length > 0 ? 'changed' : 'added' });
      if (!child.isDirectory) continue;
      const merged = HIDDEN_MARKS.isOpaque(child) ? [] : below.filter((i) => i.isDirectory);
      if (merged.length === 0) deletedBelow(below, child, text, changes);
      inside.push({ path, upper: child, lowers: merged });
    }
    pending.push(...inside.reverse());
  }
}

/** An opaque directory: what is gone of what it hides. */
function deletedBelow(below: readonly Inode[], upper: Inode, path: string, changes: Change[]): void {
  for (const name of new Set(below.filter((i) => i.isDirectory).flatMap(namesOf))) {
    if (shown(below, name).length === 0 || typeof upper.lookup(name) !== 'number') continue;
    changes.push({ path: `${path}/${Buffer.from(name, 'latin1').toString('utf8')}`, kind: 'deleted' });
  }
}

/** What the lower layers show under `name`: nothing where the topmost that knows it has a whiteout. */
function shown(lowers: readonly Inode[], name: string): Inode[] {
  const found: Inode[] = [];
  for (const dir of lowers) {
    if (!dir.isDirectory) break;
    const inode = dir.lookup(name);
    if (typeof inode === 'number') continue;
    if (isWhiteout(inode)) break;
    found.push(inode);
    if ((inode.mode & S_IFMT) !== S_IFDIR || HIDDEN_MARKS.isOpaque(inode)) break;
  }
  return found;
}

function namesOf(dir: Inode): string[] {
  const names: string[] = [];
  dir.readdir(2, (name) => {
    names.push(name);
    return true;
  });
  return names.sort();
}

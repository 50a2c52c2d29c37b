import { EISDIR, ENOENT, S_IFDIR } from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import type { FsContext } from '../core/fs-context.js';
import type { Vfs } from '../core/ops/vfs.js';
import type { Path } from '../core/path.js';
import { LOOKUP_DIRECTORY } from '../core/walk.js';
import { listDirectory } from './directory-list.js';

/** A directory on the way down: `name` in `parent`, with subdirectories still to be removed. */
interface Level {
  readonly parent: Path | null;
  readonly name: string;
  readonly dir: Path;
  readonly left: string[];
}

/**
 * Remove `path` and, when it is a directory, all below it; symbolic links are removed, not followed. 0 or
 * -errno of the first failure.
 */
export function removeTree(vfs: Vfs, ctx: FsContext, cred: Credentials, path: string): number {
  const e = vfs.unlink(ctx, cred, null, path);
  if (e !== -EISDIR) return e;
  // Names are taken from the directory above, not as ever longer paths: trees may be deeper than PATH_MAX.
  const levels: Level[] = [];
  const first = descend(vfs, ctx, cred, null, path);
  if (typeof first === 'number') return first;
  levels.push(first);
  while (levels.length > 0) {
    const top = levels[levels.length - 1];
    const next = top.left.pop();
    if (next !== undefined) {
      const level = descend(vfs, ctx, cred, top.dir, next);
      if (typeof level === 'number') return level;
      levels.push(level);
      continue;
    }
    const r = vfs.rmdir(ctx, cred, top.parent, top.name);
    if (r !== 0 && r !== -ENOENT) return r;
    levels.pop();
  }
  return 0;
}

/** Enter a directory and remove all in it but directories. */
function descend(
  vfs: Vfs,
  ctx: FsContext,
  cred: Credentials,
  parent: Path | null,
  name: string,
): Level | number {
  const dir = vfs.resolve(ctx, cred, parent, name, LOOKUP_DIRECTORY);
  if (typeof dir === 'number') return dir;
  const listed = listDirectory(vfs, ctx, cred, dir, '.');
  if (typeof listed === 'number') return listed;
  const left: string[] = [];
  for (const entry of listed) {
    const r = entry.type === S_IFDIR ? -EISDIR : vfs.unlink(ctx, cred, dir, entry.name);
    if (r === -EISDIR) left.push(entry.name);
    else if (r !== 0 && r !== -ENOENT) return r;
  }
  return { parent, name, dir, left };
}

import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, EBADF, ENOENT, ENOTDIR } from '@sandbox/abi';
import { type AttrTarget, LOOKUP_EMPTY, LOOKUP_FOLLOW, type Path } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';

const SLASH = 47;

/**
 * Where a path argument starts: null for the working directory (and absolute paths, which ignore `dirfd`),
 * the place of `dirfd`, or -EBADF, -ENOTDIR (a file that lies in no directory). `rooted`: absolute paths
 * start there too (RESOLVE_IN_ROOT).
 */
export function startOf(t: Task, dirfd: number, path: string, rooted = false): Path | null | number {
  if (dirfd === AT_FDCWD || path.length === 0 || (path.charCodeAt(0) === SLASH && !rooted)) return null;
  return placeOf(t, dirfd);
}

/** The place of `dirfd` itself. */
function placeOf(t: Task, dirfd: number): Path | number {
  const file = t.files.get(dirfd);
  if (file === null) return -EBADF;
  return file.path ?? -ENOTDIR;
}

/** LOOKUP_* for the AT_* flags common to many calls. */
export function lookupFlags(at: number): number {
  return (
    ((at & AT_SYMLINK_NOFOLLOW) === 0 ? LOOKUP_FOLLOW : 0) | ((at & AT_EMPTY_PATH) !== 0 ? LOOKUP_EMPTY : 0)
  );
}

/** The place a path argument of an attribute call names: copied in, walked. A place, or -errno. */
export function resolveArg(t: Task, dirfd: number, pathAddr: number, lookup: number): Path | number {
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const at = startOf(t, dirfd, path);
  if (typeof at === 'number') return at;
  return t.kernel.vfs.resolve(t.fs, t.cred, at, path, lookup);
}

/**
 * Like `resolveArg`, but with AT_EMPTY_PATH and an empty path the descriptor's own file, which need not have
 * a place.
 */
export function resolveTarget(t: Task, dirfd: number, pathAddr: number, at: number): AttrTarget | number {
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  if (path.length === 0) {
    if ((at & AT_EMPTY_PATH) === 0) return -ENOENT;
    if (dirfd !== AT_FDCWD) return t.files.get(dirfd) ?? -EBADF;
  }
  const start = startOf(t, dirfd, path);
  if (typeof start === 'number') return start;
  return t.kernel.vfs.resolve(t.fs, t.cred, start, path, lookupFlags(at));
}

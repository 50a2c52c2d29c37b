import { VfsError } from '../core/errors.js';
import { type Answer, type JsDirectory, JsEntry, type JsRequest, jsFile } from './ops.js';

/** A file that lies elsewhere: a key of an object store, an entry of an index. */
export interface LazyEntry {
  /** Slashes separate directories; a leading one means nothing. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly mtime?: Date;
  /** Permission bits; default 0o444. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface LazyTreeOptions {
  /** ms until an answer that does not come is EIO; default none. */
  timeout?: number;
}

type Growing = { [name: string]: Growing | JsEntry };

/**
 * A tree for `jsfs` whose files are read when somebody does, and then kept: `read(path, { offset, length,
 * signal })` gives bytes of the entry `path` as it was listed. They do not change; they can be mapped and
 * executed.
 *
 * @throws VfsError `ERR_VFS_INVALID_OPTION`: an entry lies below another, or twice at one place.
 */
export function lazyTree(
  entries: Iterable<LazyEntry>,
  read: (path: string, request: JsRequest) => Answer<Uint8Array | string>,
  options: LazyTreeOptions = {},
): JsDirectory {
  const root: Growing = Object.create(null);
  for (const entry of entries) {
    const parts = entry.path.split('/').filter((part) => part !== '');
    const name = parts.pop();
    let dir = root;
    for (const part of parts) {
      dir[part] ??= Object.create(null) as Growing;
      const next = dir[part];
      if (next instanceof JsEntry) throw misplaced(entry.path);
      dir = next;
    }
    if (name === undefined || name in dir) throw misplaced(entry.path);
    const { path, size, mtime, mode, uid, gid } = entry;
    dir[name] = jsFile({
      size,
      mode: mode ?? 0o444,
      cache: true,
      ...(mtime && { mtime }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      ...(options.timeout !== undefined && { timeout: options.timeout }),
      read: (request) => read(path, request),
    });
  }
  return root;
}

function misplaced(path: string): VfsError {
  return new VfsError(
    'ERR_VFS_INVALID_OPTION',
    `no place for ${JSON.stringify(path)}: another entry is in the way`,
  );
}

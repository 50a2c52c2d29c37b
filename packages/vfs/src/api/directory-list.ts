import { O_DIRECTORY, O_LARGEFILE, O_RDONLY } from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { releaseFile } from '../core/file.js';
import type { FsContext } from '../core/fs-context.js';
import type { Vfs } from '../core/ops/vfs.js';
import type { Path } from '../core/path.js';

/** A listed name: byte string and S_IFMT type (0: the file system does not say). */
export interface Listed {
  readonly name: string;
  readonly type: number;
}

/** Entries of a directory without '.' and '..', or -errno. */
export function listDirectory(
  vfs: Vfs,
  ctx: FsContext,
  cred: Credentials,
  at: Path | null,
  path: string,
): Listed[] | number {
  const file = vfs.open(ctx, cred, at, path, O_RDONLY | O_DIRECTORY | O_LARGEFILE, 0);
  if (typeof file === 'number') return file;
  const found: Listed[] = [];
  let pos = 0;
  const e = file.readdir(0, (name, _ino, type, next) => {
    pos = next;
    if (name !== '.' && name !== '..') found.push({ name, type: type << 12 });
    return true;
  });
  releaseFile(file);
  return e < 0 && pos === 0 ? e : found;
}

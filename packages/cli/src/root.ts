import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type FileSystemSpec, fsImage, hostfs, isFsImage, ociImage, tar, VfsError } from '@sandbox/vfs';

/** What `--root` names: the layer beneath what the guest writes, and what an image says of how to run it. */
export interface Root {
  readonly lower: FileSystemSpec;
  readonly env: Record<string, string>;
  readonly cwd: string | undefined;
}

/**
 * 'host', a directory, an OCI image layout or an archive of one or of `docker save`, an image of a SquashFS
 * or EROFS, or a tar archive of a tree.
 */
export async function openRoot(name: string): Promise<Root> {
  if (name === 'host') return plain(hostfs('/', { readOnly: true }));
  const path = resolve(name);
  const isFile = kindOf(path) === 'file';
  const isDirectory = kindOf(path) === 'directory';
  const isLayout = isDirectory && kindOf(join(path, 'oci-layout')) === 'file';
  if (!isFile && !isLayout) return plain(hostfs(path, { readOnly: true }));
  try {
    const { root, config } = await ociImage(path);
    const env = config.env.map((e) => [e.slice(0, e.indexOf('=')), e.slice(e.indexOf('=') + 1)] as const);
    return { lower: root, env: Object.fromEntries(env), cwd: config.workingDir || undefined };
  } catch (error) {
    if (isDirectory || !(error instanceof VfsError) || error.code !== 'ERR_VFS_SOURCE') throw error;
    // No image of containers: one of a file system, the archive of a tree, or none at all, which this says.
    return plain(await ((await isFsImage(path)) ? fsImage(path) : tar(path)));
  }
}

function plain(lower: FileSystemSpec): Root {
  return { lower, env: {}, cwd: undefined };
}

function kindOf(path: string): 'file' | 'directory' | 'other' {
  const s = statSync(path, { throwIfNoEntry: false });
  if (s === undefined) return 'other';
  return s.isFile() ? 'file' : s.isDirectory() ? 'directory' : 'other';
}

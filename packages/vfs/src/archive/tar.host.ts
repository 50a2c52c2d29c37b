import { createReadStream } from 'node:fs';
import { VfsError } from '../core/errors.js';
import type { FileSystemSpec } from '../core/filesystem.js';
import { ArchiveTree } from './entries.js';
import { ArchiveFileSystem } from './populate.js';
import { type ArchiveSource, readTar } from './tar-reader.js';

export interface TarOptions {
  /** Bytes of content at most; default 8 GiB. What is behind a compressed archive is not known before. */
  maxBytes?: number;
  /** Files and directories at most; default 4 million. */
  maxFiles?: number;
}

/** Options with their defaults. */
export function archiveLimits(options: TarOptions): { bytes: number; files: number } {
  const { maxBytes = 8 * 1024 ** 3, maxFiles = 4_000_000 } = options;
  if (!(maxBytes > 0) || !(maxFiles > 0)) {
    throw new VfsError('ERR_VFS_INVALID_OPTION', 'maxBytes and maxFiles are positive numbers');
  }
  return { bytes: maxBytes, files: maxFiles };
}

/**
 * A tar archive (plain, gzip, zstd, xz or bzip2; ustar, pax and GNU names, extended attributes of pax) as a
 * read-only file system; beneath an overlay it can be written to. `source`: a file of the host, or the
 * archive's bytes. The archive is read once, now; its content stays in memory, and is copied into each kernel
 * it is mounted in.
 *
 * @throws VfsError `ERR_VFS_SOURCE`: it cannot be read, is no archive, has '..' in a name, or holds more than
 * the options allow.
 */
export async function tar(source: string | ArchiveSource, options: TarOptions = {}): Promise<FileSystemSpec> {
  const tree = new ArchiveTree(archiveLimits(options), false);
  await readTar(typeof source === 'string' ? createReadStream(source) : source, tree);
  const name = typeof source === 'string' ? source : 'tar';
  return { kind: 'tar', create: (env) => new ArchiveFileSystem(env, tree.root, name) };
}

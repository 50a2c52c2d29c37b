import { open, readFile } from 'node:fs/promises';
import { VfsError } from '../core/errors.js';
import type { FileSystemSpec } from '../core/filesystem.js';
import { ArchiveTree } from './entries.js';
import { EROFS_MAGIC, EROFS_START, ErofsReader } from './erofs.js';
import { ArchiveFileSystem } from './populate.js';
import { SQUASHFS_MAGIC, SquashfsReader } from './squashfs.js';
import { archiveLimits, type TarOptions } from './tar.host.js';

/** Bytes of an EROFS superblock. */
const SUPERBLOCK = 128;

/**
 * An image of a SquashFS (4.0; gzip, xz, lzma, lz4, zstd or nothing) or an EROFS (not compressed), as a
 * read-only file system; beneath an overlay it can be written to. `source`: a file of the host, or its bytes.
 * It is read once, now; its content stays in memory, and is copied into each kernel it is mounted in.
 *
 * @throws VfsError `ERR_VFS_SOURCE`: it cannot be read, is neither, is damaged, or holds more than the
 * options allow.
 */
export async function fsImage(
  source: string | Uint8Array,
  options: TarOptions = {},
): Promise<FileSystemSpec> {
  const limits = archiveLimits(options);
  const bytes = typeof source === 'string' ? await load(source) : source;
  const tree = new ArchiveTree(limits, false);
  const kind = imageKind(bytes);
  if (kind === null) throw new VfsError('ERR_VFS_SOURCE', 'neither a SquashFS nor an EROFS');
  if (kind === 'squashfs') new SquashfsReader(bytes, tree).read();
  else new ErofsReader(bytes, tree).read();
  const name = typeof source === 'string' ? source : kind;
  return { kind, create: (env) => new ArchiveFileSystem(env, tree.root, name, kind) };
}

/** Is the file at `path` an image of a file system `fsImage` reads, by its first bytes? */
export async function isFsImage(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(EROFS_START + SUPERBLOCK), 0);
    return imageKind(buffer.subarray(0, bytesRead)) !== null;
  } finally {
    await file.close();
  }
}

async function load(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new VfsError('ERR_VFS_SOURCE', (error as Error).message);
  }
}

/** What the first blocks of a file say it is. */
function imageKind(bytes: Uint8Array): 'squashfs' | 'erofs' | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 96 && view.getUint32(0, true) === SQUASHFS_MAGIC) return 'squashfs';
  if (bytes.length >= EROFS_START + SUPERBLOCK && view.getUint32(EROFS_START, true) === EROFS_MAGIC)
    return 'erofs';
  return null;
}

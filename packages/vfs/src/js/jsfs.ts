import { CacheBudget } from '../cache/budget.js';
import { VfsError } from '../core/errors.js';
import type { FileSystemSpec, MountEnvironment } from '../core/filesystem.js';
import { SyntheticDirectory } from '../synthetic/directory.js';
import { SyntheticFile } from '../synthetic/file.js';
import { SyntheticFileSystem } from '../synthetic/filesystem.js';
import { JsInode } from './inode.js';
import { type JsDirectory, JsEntry } from './ops.js';

/** f_type of statfs(2): "js". */
const JSFS_MAGIC = 0x6a73;
/** Directories in each other at most. */
const MOST_DEEP = 64;
/** Bytes of answers kept (`cache`, `mmap`) before those that are not mapped go. */
const KEPT_LIMIT = 512 * 1024 * 1024;

export class JsFileSystem extends SyntheticFileSystem {
  readonly budget = new CacheBudget(KEPT_LIMIT);
  /** Files that keep content. */
  readonly keepers: JsInode[] = [];

  constructor(env: MountEnvironment) {
    super(env, 'jsfs', JSFS_MAGIC);
    env.memoryUsers?.add(this.budget);
  }

  file(entry: JsEntry): JsInode {
    const inode = new JsInode(this, entry);
    if (inode.pages !== null) this.keepers.push(inode);
    return inode;
  }

  override dispose(): void {
    this.env.memoryUsers?.delete(this.budget);
    for (const { pages } of this.keepers) {
      pages!.abandon();
      pages!.release();
    }
  }
}

/**
 * A tree of files whose content is made, and taken, by functions: `jsfs({ 'now': jsFile({ read: () => clock()
 * }), ... })`. Plain objects are directories, strings and bytes fixed content. Guests can neither add nor
 * remove names.
 *
 * @throws VfsError ERR_VFS_INVALID_OPTION at once for what is no tree; for what is in it when it is mounted.
 */
export function jsfs(tree: JsDirectory): FileSystemSpec {
  if (typeof tree !== 'object' || tree === null || tree instanceof JsEntry)
    throw new VfsError('ERR_VFS_INVALID_OPTION', 'jsfs: an object is needed, names to files and directories');
  return {
    kind: 'jsfs',
    create: (env) => {
      const fs = new JsFileSystem(env);
      return fs.setRoot(directory(fs, tree, 0));
    },
  };
}

function directory(fs: JsFileSystem, tree: JsDirectory, depth: number): SyntheticDirectory {
  if (depth > MOST_DEEP) throw new VfsError('ERR_VFS_INVALID_OPTION', 'a jsfs of directories without end');
  const dir = new SyntheticDirectory(fs, 0o755);
  for (const [name, entry] of Object.entries(tree)) {
    const bytes = Buffer.from(name, 'utf8').toString('latin1');
    if (bytes === '' || bytes === '.' || bytes === '..' || bytes.length > 255 || /[/\0]/.test(bytes)) {
      throw new VfsError('ERR_VFS_INVALID_OPTION', `no name for a file: ${JSON.stringify(name)}`);
    }
    if (typeof entry === 'string' || entry instanceof Uint8Array) {
      const content = typeof entry === 'string' ? Buffer.from(entry, 'utf8') : entry;
      dir.add(bytes, new SyntheticFile(fs, 0o444, () => content)).size = content.length;
      continue;
    }
    if (typeof entry !== 'object' || entry === null) {
      throw new VfsError('ERR_VFS_INVALID_OPTION', `${name}: neither content, handlers nor a directory`);
    }
    dir.add(
      bytes,
      entry instanceof JsEntry ? fs.file(entry) : directory(fs, entry as JsDirectory, depth + 1),
    );
  }
  return dir;
}

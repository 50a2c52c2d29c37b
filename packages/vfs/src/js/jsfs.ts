import { VfsError } from '../core/errors.js';
import type { FileSystemSpec } from '../core/filesystem.js';
import { SyntheticDirectory } from '../synthetic/directory.js';
import { SyntheticFile } from '../synthetic/file.js';
import { SyntheticFileSystem } from '../synthetic/filesystem.js';
import { JsInode } from './file.js';
import { deviceHandlers, fileHandlers, type JsDirectory } from './ops.js';

/** f_type of statfs(2): "js". */
const JSFS_MAGIC = 0x6a73;
/** Directories in each other at most. */
const MOST_DEEP = 64;

/**
 * A tree of files whose content is made, and taken, by functions: `jsfs({ 'now': jsFile({ read: () => clock() }), ... })`. Plain objects are
 * directories, strings and bytes fixed content. Guests can neither add nor remove names.
 */
export function jsfs(tree: JsDirectory): FileSystemSpec {
  return {
    kind: 'jsfs',
    create: (env) => {
      const fs = new SyntheticFileSystem(env, 'jsfs', JSFS_MAGIC);
      return fs.setRoot(directory(fs, tree, 0));
    },
  };
}

function directory(fs: SyntheticFileSystem, tree: JsDirectory, depth: number): SyntheticDirectory {
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
    const file = fileHandlers(entry);
    const device = deviceHandlers(entry);
    if (file !== null) dir.add(bytes, new JsInode(fs, file, false));
    else if (device !== null) dir.add(bytes, new JsInode(fs, device, true));
    else dir.add(bytes, directory(fs, entry as JsDirectory, depth + 1));
  }
  return dir;
}

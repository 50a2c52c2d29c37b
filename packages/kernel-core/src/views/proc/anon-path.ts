import { Dentry, type File, type FileSystem, type Inode, Mount, Path } from '@sandbox/vfs';
import { ioOf } from '../../files/io-state.js';
import { PipeFile } from '../../files/pipe/pipe-file.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';

/**
 * Hidden mounts of file systems that are in no tree (pipefs, sockfs, anon_inodefs), for places of nameless
 * files.
 */
const mounts = new WeakMap<FileSystem, Mount>();

function hiddenMount(inode: Inode): Mount {
  const { fs } = inode;
  let mount = mounts.get(fs);
  if (mount === undefined) {
    const root = new Dentry('/', null, fs.root);
    root.hashed = true;
    mount = new Mount(0, fs, root, 0);
    // Never goes away: nobody unmounts it.
    mount.pins++;
    mounts.set(fs, mount);
  }
  return mount;
}

/** The name of a nameless file that was opened through its place, or null for places in the tree. */
export function hiddenName(path: Path): string | null {
  return mounts.get(path.mount.fs) === path.mount ? path.dentry.name : null;
}

/**
 * Where an open file is: for a nameless one a place made up for it, so that /proc/PID/fd/N can lead there and
 * be opened anew.
 */
export function placeOf(kernel: KernelCore, file: File): Path {
  if (file.path !== null) return file.path;
  if (file instanceof PipeFile) ioOf(kernel).fifos.adopt(file);
  const dentry = new Dentry(file.label, null, file.inode);
  dentry.hashed = true;
  return new Path(hiddenMount(file.inode), dentry);
}

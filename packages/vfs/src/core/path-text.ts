import type { Dentry } from './dentry.js';
import type { Mount } from './mount.js';
import type { Path } from './path.js';

/**
 * How Linux spells a place (d_path): the way to it from `root`, or from the top of its tree when `root` does
 * not lead there. What has been removed ends with " (deleted)".
 */
export function pathText(root: Path, path: Path): string {
  let mount: Mount = path.mount;
  let dentry: Dentry = path.dentry;
  let text = '';
  while (dentry !== root.dentry || mount !== root.mount) {
    if (dentry === mount.root) {
      // The top of a namespace, or of a detached mount.
      if (mount.parent === null) break;
      dentry = mount.mountpoint!;
      mount = mount.parent;
      continue;
    }
    // A bind mount's directory was moved out from under it: this is the top of the file system.
    if (dentry.parent === null) break;
    text = `/${dentry.name}${text}`;
    dentry = dentry.parent;
  }
  if (text === '') text = '/';
  return path.dentry.hashed ? text : `${text} (deleted)`;
}

/** Does the way up from `path` meet `root`? If not, getcwd(2) says "(unreachable)". */
export function isReachable(root: Path, path: Path): boolean {
  let mount: Mount = path.mount;
  let dentry: Dentry = path.dentry;
  while (dentry !== root.dentry || mount !== root.mount) {
    if (dentry === mount.root) {
      if (mount.parent === null) return false;
      dentry = mount.mountpoint!;
      mount = mount.parent;
    } else {
      if (dentry.parent === null) return false;
      dentry = dentry.parent;
    }
  }
  return true;
}

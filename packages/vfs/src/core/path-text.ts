import type { Path } from './path.js';

/**
 * How Linux spells a place (d_path): the way from `root` to it over mounts. What cannot be reached from the root
 * starts with "(unreachable)", what has been removed ends with " (deleted)".
 */
export function pathText(root: Path, path: Path): string {
  let { mount, dentry } = path;
  const deleted = !dentry.hashed;
  let text = '';
  for (;;) {
    if (dentry === root.dentry && mount === root.mount) break;
    if (dentry === mount.root) {
      if (mount.parent === null) {
        // A detached mount, or the way up ended above the caller's root.
        const reachable =
          mount.namespace !== null && mount.namespace.root === mount && sameTree(root, mount.root, mount);
        if (!reachable) text = `(unreachable)${text === '' ? '/' : text}`;
        break;
      }
      dentry = mount.mountpoint!;
      mount = mount.parent;
      continue;
    }
    if (dentry.parent === null) {
      // A bind mount's root was moved out from under it: the name is not below the mount any more.
      text = `(unreachable)${text === '' ? '/' : text}`;
      break;
    }
    text = `/${dentry.name}${text}`;
    dentry = dentry.parent;
  }
  if (text === '') text = '/';
  return deleted ? `${text} (deleted)` : text;
}

/** The root is the namespace's own, covered or not: then everything is reachable. */
function sameTree(root: Path, rootDentry: object, mount: object): boolean {
  return root.mount === mount && root.dentry === rootDentry;
}

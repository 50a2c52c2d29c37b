import {
  EBUSY,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EOVERFLOW,
  EPERM,
  EROFS,
  IN_ATTRIB,
  IN_DELETE,
} from '@sandbox/abi';
import type { Credentials } from '../credentials.js';
import type { Dentry } from '../dentry.js';
import type { Inode } from '../inode.js';
import { MAY_EXEC, MAY_WRITE, permission, stickyForbids } from '../permission.js';
import { LAST_DOT, LAST_DOTDOT, LAST_NORM, type Walk } from '../walk.js';
import type { Vfs } from './vfs.js';

/**
 * May `victim` be taken out of `dir` by a call that removes directories (`directory`) or other files? 0 or
 * -errno.
 */
export function mayDelete(dir: Inode, victim: Dentry, directory: boolean, cred: Credentials): number {
  if (cred.ids && !cred.ids.covers(victim.inode!)) return -EOVERFLOW;
  const e = permission(dir, MAY_WRITE | MAY_EXEC, cred);
  if (e !== 0) return e;
  if (stickyForbids(dir, victim.inode!, cred)) return -EPERM;
  if (directory) {
    if (!victim.inode!.isDirectory) return -ENOTDIR;
  } else if (victim.inode!.isDirectory) return -EISDIR;
  return dir.nlink === 0 ? -ENOENT : 0;
}

export function unlink(vfs: Vfs, w: Walk, who: Credentials): number {
  let e = w.parents();
  if (e !== 0) return e;
  if (w.lastType !== LAST_NORM) return -EISDIR;
  if (w.mount.readOnly) return -EROFS;
  const d = w.lookupLast();
  if (typeof d === 'number') return d;
  const inode = d.inode;
  if (inode === null) return -ENOENT;
  if (w.trailing) return inode.isDirectory ? -EISDIR : -ENOTDIR;
  const dir = w.inode;
  const cred = w.mount.credentials(who);
  e = (cred.guard?.remove(w.mount, w.dentry, false) ?? 0) || mayDelete(dir, d, false, cred);
  if (e !== 0) return e;
  if (d.mounts > 0) return -EBUSY;
  e = dir.unlink(d.name, inode);
  if (e !== 0) return e;
  // Watchers hear of the link count, of the end of the file itself, then of the name (d_delete_notify).
  vfs.notifyInode(inode, IN_ATTRIB, true);
  vfs.dcache.removed(d);
  vfs.inodeUnused(inode, d);
  vfs.notifyName(w.dentry, d.name, inode, IN_DELETE, 0);
  return 0;
}

export function rmdir(vfs: Vfs, w: Walk, who: Credentials): number {
  let e = w.parents();
  if (e !== 0) return e;
  if (w.lastType !== LAST_NORM) {
    return w.lastType === LAST_DOTDOT ? -ENOTEMPTY : w.lastType === LAST_DOT ? -EINVAL : -EBUSY;
  }
  if (w.mount.readOnly) return -EROFS;
  const d = w.lookupLast();
  if (typeof d === 'number') return d;
  const inode = d.inode;
  if (inode === null) return -ENOENT;
  const dir = w.inode;
  const cred = w.mount.credentials(who);
  e = (cred.guard?.remove(w.mount, w.dentry, true) ?? 0) || mayDelete(dir, d, true, cred);
  if (e !== 0) return e;
  if (d.mounts > 0) return -EBUSY;
  e = dir.rmdir(d.name, inode);
  if (e !== 0) return e;
  vfs.dcache.removed(d);
  vfs.inodeUnused(inode, d);
  vfs.notifyName(w.dentry, d.name, inode, IN_DELETE, 0);
  return 0;
}

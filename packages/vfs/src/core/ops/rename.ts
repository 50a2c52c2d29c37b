import {
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EROFS,
  EXDEV,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  S_IFCHR,
} from '@sandbox/abi';
import type { Credentials } from '../credentials.js';
import type { Dentry } from '../dentry.js';
import type { Inode, NewInode } from '../inode.js';
import { MAY_WRITE, permission } from '../permission.js';
import { LAST_NORM, type Walk } from '../walk.js';
import { initNewInode, mayCreate } from './create.js';
import { mayDelete } from './remove.js';
import type { Vfs } from './vfs.js';

/**
 * rename(2) and renameat2(2); `o` and `n` have walked the parents of the two paths. Checks in Linux's order
 * (do_renameat2, vfs_rename).
 */
export function rename(vfs: Vfs, o: Walk, n: Walk, who: Credentials, flags: number): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) return -EINVAL;
  if ((flags & RENAME_EXCHANGE) !== 0 && flags !== RENAME_EXCHANGE) return -EINVAL;
  if (o.mount !== n.mount) return -EXDEV;
  if (o.lastType !== LAST_NORM) return -EBUSY;
  if (n.lastType !== LAST_NORM) return (flags & RENAME_NOREPLACE) !== 0 ? -EEXIST : -EBUSY;
  if (o.mount.readOnly) return -EROFS;
  const from = o.lookupLast();
  if (typeof from === 'number') return from;
  const source = from.inode;
  if (source === null) return -ENOENT;
  if (n.inode.nlink === 0) return -ENOENT;
  const to = n.lookupLast();
  if (typeof to === 'number') return to;
  const target = to.inode;
  let e = checkNames(o, n, from, source, to, target, flags);
  if (e !== 0) return e;
  const cred = o.mount.credentials(who);
  e = cred.guard?.refer(o.mount, from, n.dentry, to, flags) ?? 0;
  if (e !== 0) return e;
  if (source === target) return 0;
  e = checkRights(o.inode, n.inode, from, source, to, target, cred, flags);
  if (e !== 0) return e;
  if (from.mounts > 0 || to.mounts > 0) return -EBUSY;
  let whiteout: NewInode | null = null;
  if ((flags & RENAME_WHITEOUT) !== 0) {
    if (!o.inode.makesWhiteouts) return -EINVAL;
    whiteout = initNewInode(vfs, o.inode, S_IFCHR, 0, 0, cred);
  }
  e = o.inode.rename(from.name, source, n.inode, to.name, target, flags & ~RENAME_WHITEOUT, whiteout);
  if (e !== 0) return e;
  moved(vfs, o.dentry, n.dentry, from, source, to, target, flags);
  return 0;
}

/** Existence, trailing slashes, and neither directory inside the other. */
function checkNames(
  o: Walk,
  n: Walk,
  from: Dentry,
  source: Inode,
  to: Dentry,
  target: Inode | null,
  flags: number,
): number {
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if ((flags & RENAME_NOREPLACE) !== 0 && target !== null) return -EEXIST;
  if (exchange) {
    if (target === null) return -ENOENT;
    if (!target.isDirectory && n.trailing) return -ENOTDIR;
  }
  if (!source.isDirectory) {
    if (o.trailing) return -ENOTDIR;
    if (!exchange && n.trailing) return -ENOTDIR;
  }
  if (source.isDirectory && n.dentry.isWithin(from)) return -EINVAL;
  if (target !== null && target.isDirectory && o.dentry.isWithin(to)) return exchange ? -EINVAL : -ENOTEMPTY;
  return 0;
}

function checkRights(
  oldDir: Inode,
  newDir: Inode,
  from: Dentry,
  source: Inode,
  to: Dentry,
  target: Inode | null,
  cred: Credentials,
  flags: number,
): number {
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  let e = mayDelete(oldDir, from, source.isDirectory, cred);
  if (e !== 0) return e;
  if (target === null) e = mayCreate(newDir, cred);
  else e = mayDelete(newDir, to, exchange ? target.isDirectory : source.isDirectory, cred);
  if (e !== 0) return e;
  if (oldDir === newDir) return 0;
  // A directory that gets a new parent has its '..' changed.
  if (source.isDirectory) {
    e = permission(source, MAY_WRITE, cred);
    if (e !== 0) return e;
  }
  return exchange && target!.isDirectory ? permission(target!, MAY_WRITE, cred) : 0;
}

function moved(
  vfs: Vfs,
  oldDir: Dentry,
  newDir: Dentry,
  from: Dentry,
  source: Inode,
  to: Dentry,
  target: Inode | null,
  flags: number,
): void {
  const oldName = from.name;
  const newName = to.name;
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (exchange) vfs.dcache.exchange(from, to);
  else {
    vfs.dcache.drop(to);
    vfs.dcache.move(from, newDir, newName);
  }
  if (vfs.watched) {
    notifyMoved(vfs, oldDir, oldName, newDir, newName, source);
    if (exchange) notifyMoved(vfs, newDir, newName, oldDir, oldName, target!);
  }
  if (!exchange && target !== null) vfs.inodeUnused(target, to);
}

function notifyMoved(
  vfs: Vfs,
  oldDir: Dentry,
  oldName: string,
  newDir: Dentry,
  newName: string,
  inode: Inode,
): void {
  const cookie = vfs.freshCookie();
  vfs.notifyRename(oldDir, oldName, newDir, newName, inode);
  vfs.notifyName(oldDir, oldName, inode, IN_MOVED_FROM, cookie);
  vfs.notifyName(newDir, newName, inode, IN_MOVED_TO, cookie);
  vfs.notifyInode(inode, IN_MOVE_SELF);
}

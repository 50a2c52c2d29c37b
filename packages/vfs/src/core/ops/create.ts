import {
  CAP_MKNOD,
  EEXIST,
  EINVAL,
  EMLINK,
  ENOENT,
  EOVERFLOW,
  EPERM,
  EROFS,
  EXDEV,
  IN_ATTRIB,
  IN_CREATE,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  S_ISGID,
  S_ISVTX,
  S_IXGRP,
  XATTR_NAME_POSIX_ACL_DEFAULT,
} from '@sandbox/abi';
import { type Acl, aclOf } from '../acl.js';
import type { Credentials } from '../credentials.js';
import type { Dentry } from '../dentry.js';
import type { FsContext } from '../fs-context.js';
import type { Inode, NewInode } from '../inode.js';
import type { Mount } from '../mount.js';
import { canOwn } from '../mount-ids.js';
import { MAY_EXEC, MAY_WRITE, mustDropSgid, permission } from '../permission.js';
import { LAST_NORM, type Walk } from '../walk.js';
import type { Vfs } from './vfs.js';

/**
 * Walk to the directory of a new name. Its negative dentry, or -errno in the order Linux checks
 * (filename_create).
 */
function prepareCreate(w: Walk, directory: boolean): Dentry | number {
  const e = w.parents();
  if (e !== 0) return e;
  if (w.lastType !== LAST_NORM) return -EEXIST;
  // A removed directory is not even looked into.
  if (w.inode.nlink === 0) return -ENOENT;
  const d = w.lookupLast();
  if (typeof d === 'number') return d;
  if (d.inode !== null) return -EEXIST;
  if (!directory && w.trailing) return -ENOENT;
  return w.mount.readOnly ? -EROFS : d;
}

/** A name may be added to `dir`: it is alive, and writable for `cred`. */
export function mayCreate(dir: Inode, cred: Credentials): number {
  if (dir.nlink === 0) return -ENOENT;
  if (!canOwn(cred)) return -EOVERFLOW;
  return permission(dir, MAY_WRITE | MAY_EXEC, cred);
}

/** What a policy says of a new file of this type where the walk stands. */
export function guardCreate(w: Walk, type: number, rdev: number, cred: Credentials): number {
  return cred.guard?.create(w.mount, w.dentry, type, rdev) ?? 0;
}

/** Owner, group and mode of a new file (inode(7): set-group-ID directories pass on their group). */
export function initNewInode(
  vfs: Vfs,
  dir: Inode,
  mode: number,
  rdev: number,
  umask: number,
  cred: Credentials,
): NewInode {
  const init = vfs.newInode;
  init.uid = cred.fsuid;
  init.gid = cred.fsgid;
  init.rdev = rdev;
  init.acl = init.defaultAcl = null;
  if ((dir.mode & S_ISGID) !== 0) {
    init.gid = dir.gid;
    // Judged by the mode asked for, before the umask.
    if ((mode & S_IFMT) === S_IFDIR) mode |= S_ISGID;
    else if ((mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP) && mustDropSgid(dir.gid, cred))
      mode &= ~S_ISGID;
  }
  const byDefault =
    dir.hasAcl && (mode & S_IFMT) !== S_IFLNK ? aclOf(dir, XATTR_NAME_POSIX_ACL_DEFAULT) : null;
  if (byDefault === null) mode &= ~umask;
  else mode = inheritAcl(init, byDefault, mode);
  init.mode = mode;
  return init;
}

/**
 * acl(5), "OBJECT CREATION AND DEFAULT ACLS": the directory's list takes the place of the umask. The mode of
 * the new file.
 */
function inheritAcl(init: NewInode, byDefault: Acl, mode: number): number {
  const acl = byDefault.inherited(mode);
  if (!acl.minimal) init.acl = acl.toBytes();
  if ((mode & S_IFMT) === S_IFDIR) init.defaultAcl = byDefault.toBytes();
  return (mode & ~0o777) | acl.mode;
}

/** Common end of making a name: put the inode into its dentry and tell watchers. 0 or -errno. */
function made(vfs: Vfs, dir: Dentry, d: Dentry, inode: Inode | number): number {
  if (typeof inode === 'number') return inode;
  d.instantiate(inode);
  vfs.notifyName(dir, d.name, inode, IN_CREATE, 0);
  return 0;
}

export function mkdir(vfs: Vfs, w: Walk, ctx: FsContext, who: Credentials, mode: number): number {
  const d = prepareCreate(w, true);
  if (typeof d === 'number') return d;
  const dir = w.inode;
  const cred = w.mount.credentials(who);
  const e = guardCreate(w, S_IFDIR, 0, cred) || mayCreate(dir, cred);
  if (e !== 0) return e;
  const init = initNewInode(vfs, dir, S_IFDIR | (mode & (0o777 | S_ISVTX)), 0, ctx.umask, cred);
  return made(vfs, w.dentry, d, dir.mknod(d.name, init));
}

export function mknod(
  vfs: Vfs,
  w: Walk,
  ctx: FsContext,
  who: Credentials,
  mode: number,
  rdev: number,
): number {
  let type = mode & S_IFMT;
  if (type === 0) type = S_IFREG;
  if (type === S_IFDIR) return -EPERM;
  if (type !== S_IFREG && type !== S_IFCHR && type !== S_IFBLK && type !== S_IFIFO && type !== S_IFSOCK)
    return -EINVAL;
  const d = prepareCreate(w, false);
  if (typeof d === 'number') return d;
  const dir = w.inode;
  const cred = w.mount.credentials(who);
  const e = guardCreate(w, type, rdev, cred) || mayCreate(dir, cred);
  if (e !== 0) return e;
  const device = type === S_IFCHR || type === S_IFBLK;
  // Device 0:0 is the whiteout of overlays, which anybody may make.
  if (device && !(type === S_IFCHR && rdev === 0) && !cred.capable(CAP_MKNOD)) return -EPERM;
  const init = initNewInode(vfs, dir, type | (mode & 0o7777), device ? rdev : 0, ctx.umask, cred);
  return made(vfs, w.dentry, d, dir.mknod(d.name, init));
}

export function symlink(vfs: Vfs, w: Walk, ctx: FsContext, who: Credentials, target: string): number {
  if (target.length === 0) return -ENOENT;
  const d = prepareCreate(w, false);
  if (typeof d === 'number') return d;
  const dir = w.inode;
  const cred = w.mount.credentials(who);
  const e = guardCreate(w, S_IFLNK, 0, cred) || mayCreate(dir, cred);
  if (e !== 0) return e;
  const init = initNewInode(vfs, dir, S_IFLNK | 0o777, 0, 0, cred);
  return made(vfs, w.dentry, d, dir.symlink(d.name, target, init));
}

/** Hard link of `old` (at `oldMount`) under the name the walk leads to. */
export function link(vfs: Vfs, oldMount: Mount, old: Dentry, w: Walk, who: Credentials): number {
  const d = prepareCreate(w, false);
  if (typeof d === 'number') return d;
  if (oldMount !== w.mount) return -EXDEV;
  const dir = w.inode;
  const target = old.inode!;
  const { ids } = w.mount;
  if (ids !== null && !ids.covers(target)) return -EOVERFLOW;
  const cred = w.mount.credentials(who);
  const e =
    vfs.protection.mayLink(target, cred) ||
    (cred.guard?.refer(w.mount, old, w.dentry, d, null) ?? 0) ||
    mayCreate(dir, cred);
  if (e !== 0) return e;
  if (target.fs !== dir.fs) return -EXDEV;
  if (target.isDirectory) return -EPERM;
  if (target.nlink === 0 && !vfs.linkable.has(target)) return -ENOENT;
  if (target.nlink >= 0xffffffff) return -EMLINK;
  const r = dir.link(d.name, target);
  if (r !== 0) return r;
  vfs.linkable.delete(target);
  d.instantiate(target);
  // The link count changed, which the file hears but not the directories it is in.
  vfs.notifyInode(target, IN_ATTRIB);
  vfs.notifyName(w.dentry, d.name, target, IN_CREATE, 0);
  return 0;
}

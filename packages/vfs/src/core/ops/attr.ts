import {
  CAP_CHOWN,
  EACCES,
  EAGAIN,
  EFBIG,
  EINVAL,
  EISDIR,
  ENOENT,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  EROFS,
  ETXTBSY,
  IN_ATTRIB,
  IN_MODIFY,
  MS_NOEXEC,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  UTIME_NOW,
  UTIME_OMIT,
} from '@sandbox/abi';
import { followMode } from '../acl.js';
import type { Credentials } from '../credentials.js';
import type { File } from '../file.js';
import {
  ATTR_ATIME,
  ATTR_CTIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_SIZE,
  ATTR_UID,
  type Inode,
} from '../inode.js';
import type { AttrTarget } from '../path.js';
import { WITHHELD_TRUNCATE } from '../path-guard.js';
import {
  inGroup,
  MAY_EXEC,
  MAY_WRITE,
  modeAfterWrite,
  modeWithoutPrivileges,
  mustDropSgid,
  ownerOrCapable,
  permission,
} from '../permission.js';
import type { Walk } from '../walk.js';
import type { Vfs } from './vfs.js';

export function readlink(w: Walk, emptyPath: boolean): string | number {
  const inode = w.inode;
  if (!inode.isSymlink) return emptyPath ? -ENOENT : -EINVAL;
  w.mount.accessed(inode);
  return inode.readlink();
}

export function access(w: Walk, mask: number, cred: Credentials): number {
  const inode = w.inode;
  const type = inode.mode & S_IFMT;
  if ((mask & MAY_EXEC) !== 0 && type === S_IFREG && (w.mount.flags & MS_NOEXEC) !== 0) return -EACCES;
  if (mask === 0) return 0;
  const e = permission(inode, mask, w.mount.credentials(cred));
  if (e !== 0) return e;
  if ((mask & MAY_WRITE) !== 0 && w.mount.readOnly) {
    if (type === S_IFREG || type === S_IFDIR || type === S_IFLNK) return -EROFS;
  }
  return 0;
}

/** `cred` as it counts at `target`; -EOVERFLOW: the file's owners have no place in the map of its mount. */
function credentialsAt(target: AttrTarget, cred: Credentials): Credentials | number {
  const ids = target.path === null ? null : target.path.mount.ids;
  if (ids === null) return cred;
  return ids.covers(target.inode) ? ids.credentials(cred) : -EOVERFLOW;
}

function readOnly(target: AttrTarget): boolean {
  return target.path !== null && target.path.mount.readOnly;
}

function changed(vfs: Vfs, target: AttrTarget, e: number, mask: number): number {
  if (e === 0 && target.path !== null) vfs.notify(target.path.dentry, mask);
  return e;
}

export function chmod(vfs: Vfs, target: AttrTarget, who: Credentials, mode: number): number {
  const inode = target.inode;
  if (readOnly(target)) return -EROFS;
  if (inode.isSymlink) return -EOPNOTSUPP;
  const cred = credentialsAt(target, who);
  if (typeof cred === 'number') return cred;
  if (!ownerOrCapable(inode, cred)) return -EPERM;
  const a = vfs.setAttr;
  a.valid = ATTR_MODE | ATTR_CTIME;
  a.mode = (inode.mode & S_IFMT) | (mode & 0o7777);
  if ((a.mode & S_ISGID) !== 0 && mustDropSgid(inode.gid, cred)) a.mode &= ~S_ISGID;
  const bits = a.mode;
  return changed(vfs, target, inode.setattr(a) || followMode(inode, bits), IN_ATTRIB);
}

export function chown(vfs: Vfs, target: AttrTarget, who: Credentials, uid: number, gid: number): number {
  const inode = target.inode;
  if (readOnly(target)) return -EROFS;
  const ids = target.path === null ? null : target.path.mount.ids;
  const cred = ids === null ? who : ids.credentials(who);
  if (ids !== null) {
    if (uid === -1 ? ids.uids.toKernel(inode.uid) < 0 : (uid = ids.uids.fromKernel(uid)) < 0)
      return -EOVERFLOW;
    if (gid === -1 ? ids.gids.toKernel(inode.gid) < 0 : (gid = ids.gids.fromKernel(gid)) < 0)
      return -EOVERFLOW;
  }
  const a = vfs.setAttr;
  a.valid = ATTR_CTIME;
  if (uid !== -1) {
    if (!(cred.fsuid === inode.uid && uid === inode.uid) && !cred.capable(CAP_CHOWN, inode.uid, inode.gid))
      return -EPERM;
    a.valid |= ATTR_UID;
    a.uid = uid;
  }
  if (gid !== -1) {
    const own = cred.fsuid === inode.uid && (gid === inode.gid || inGroup(cred, gid));
    if (!own && !cred.capable(CAP_CHOWN, inode.uid, inode.gid)) return -EPERM;
    a.valid |= ATTR_GID;
    a.gid = gid;
  }
  // Set-id bits do not survive a change of owner, even by root (chown(2)).
  if (!inode.isDirectory && (inode.mode & (S_ISUID | S_ISGID)) !== 0) {
    const mode = modeWithoutPrivileges(inode.mode, inode.gid, cred);
    // Taking the bits away counts as a chmod, for which CAP_CHOWN alone is not enough (setattr_prepare).
    if (mode !== inode.mode && !ownerOrCapable(inode, cred)) return -EPERM;
    a.valid |= ATTR_MODE;
    a.mode = mode;
  }
  return changed(vfs, target, inode.setattr(a), IN_ATTRIB);
}

export function utimens(
  vfs: Vfs,
  target: AttrTarget,
  who: Credentials,
  atimeSec: number,
  atimeNsec: number,
  mtimeSec: number,
  mtimeNsec: number,
): number {
  const inode = target.inode;
  if (readOnly(target)) return -EROFS;
  const cred = credentialsAt(target, who);
  if (typeof cred === 'number') return cred;
  const bothNow = atimeNsec === UTIME_NOW && mtimeNsec === UTIME_NOW;
  if (!ownerOrCapable(inode, cred)) {
    if (!bothNow) return -EPERM;
    const e = permission(inode, MAY_WRITE, cred);
    if (e !== 0) return e;
  }
  const a = vfs.setAttr;
  const clock = vfs.env.clock;
  const sec = clock.now();
  a.valid = ATTR_CTIME;
  if (atimeNsec !== UTIME_OMIT) {
    a.valid |= ATTR_ATIME;
    a.atimeSec = atimeNsec === UTIME_NOW ? sec : atimeSec;
    a.atimeNsec = atimeNsec === UTIME_NOW ? clock.nsec : atimeNsec;
  }
  if (mtimeNsec !== UTIME_OMIT) {
    a.valid |= ATTR_MTIME;
    a.mtimeSec = mtimeNsec === UTIME_NOW ? sec : mtimeSec;
    a.mtimeNsec = mtimeNsec === UTIME_NOW ? clock.nsec : mtimeNsec;
  }
  return changed(vfs, target, inode.setattr(a), IN_ATTRIB);
}

export function truncate(
  vfs: Vfs,
  target: AttrTarget,
  who: Credentials,
  size: number,
  limit: number,
): number {
  const inode = target.inode;
  if (inode.isDirectory) return -EISDIR;
  if (!inode.isRegular) return -EINVAL;
  const cred = target.path === null ? who : target.path.mount.credentials(who);
  const e = permission(inode, MAY_WRITE, cred);
  if (e !== 0) return e;
  if (readOnly(target)) return -EROFS;
  if (inode.writers < 0) return -ETXTBSY;
  if (vfs.mustBreakLease(inode, true)) return -EAGAIN;
  const { path } = target;
  if (path !== null) {
    const denied = cred.guard?.truncate(path.mount, path.dentry) ?? 0;
    if (denied !== 0) return denied;
  }
  return changed(vfs, target, setSize(vfs, inode, cred, size, limit, false), IN_MODIFY);
}

export function ftruncate(vfs: Vfs, file: File, size: number, limit: number): number {
  const inode = file.inode;
  if (!inode.isRegular || !file.writable) return -EINVAL;
  if ((file.withheld & WITHHELD_TRUNCATE) !== 0) return -EACCES;
  const { cred, path } = file;
  const who = cred === null || path === null ? cred : path.mount.credentials(cred);
  const e = setSize(vfs, inode, who, size, limit, true);
  if (e === 0 && file.path !== null && !file.quiet) vfs.notify(file.path.dentry, IN_MODIFY);
  return e;
}

/**
 * `limit` is what RLIMIT_FSIZE lets a file grow to. `times`: ftruncate always changes the times, truncate
 * only with the size.
 */
function setSize(
  vfs: Vfs,
  inode: Inode,
  cred: Credentials | null,
  size: number,
  limit: number,
  times: boolean,
): number {
  if (size > limit && size > inode.size) return -EFBIG;
  const a = vfs.setAttr;
  a.valid = ATTR_SIZE;
  a.size = size;
  if (times) {
    a.valid |= ATTR_MTIME | ATTR_CTIME;
    a.mtimeSec = vfs.env.clock.now();
    a.mtimeNsec = vfs.env.clock.nsec;
  }
  const mode = modeAfterWrite(inode, cred);
  if (mode !== inode.mode) {
    a.valid |= ATTR_MODE;
    a.mode = mode;
  }
  return inode.setattr(a);
}

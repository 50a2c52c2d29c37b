import {
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_FSETID,
  EACCES,
  EAGAIN,
  EROFS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  S_IXGRP,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { Inode } from './inode.js';

/** Bits of a permission question. */
export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

/** in_group_p: the fs group or a supplementary one. */
export function inGroup(cred: Credentials, gid: number): boolean {
  return cred.fsgid === gid || cred.groups.includes(gid);
}

/**
 * May `cred` do `mask` (MAY_*) to `inode`? 0, -EACCES, or -EROFS on a file system that is read-only. The
 * owner, group and other classes of path_resolution(7) or its access control list, then the capabilities that
 * override them, then the inode's own rule. Read-only mounts are not asked about here.
 */
export function permission(inode: Inode, mask: number, cred: Credentials): number {
  const mode = inode.mode;
  if ((mask & MAY_WRITE) !== 0) {
    if (inode.fs.readOnly && isContent(mode)) return -EROFS;
    if (cred.ids && !cred.ids.covers(inode)) return -EACCES;
  }
  if (inode.hasAcl && cred.fsuid !== inode.uid && (mode & 0o70) !== 0)
    return permissionByAcl(inode, mask, cred);
  // Whoever is asking, all three classes say yes: the usual answer for directories and programs.
  if ((mode & (mask * 0o111)) !== mask * 0o111) {
    let bits = mode;
    if (cred.fsuid === inode.uid) bits = mode >> 6;
    else if ((mode & 0o70) >> 3 !== (mode & 0o7) && inGroup(cred, inode.gid)) bits = mode >> 3;
    if ((bits & mask) !== mask && !capableOverride(inode, mask, cred)) return -EACCES;
  }
  return inode.permission(mask, cred);
}

/** The types whose writing changes their file system (sb_permission). */
function isContent(mode: number): boolean {
  const type = mode & S_IFMT;
  return type === S_IFREG || type === S_IFDIR || type === S_IFLNK;
}

/** acl(5), "ACCESS CHECK ALGORITHM", for whoever is not the owner. */
function permissionByAcl(inode: Inode, mask: number, cred: Credentials): number {
  const e = inode.accessAcl?.check(inode, cred, mask) ?? -EAGAIN;
  let allowed = e === 0;
  if (e === -EAGAIN) {
    const bits = inGroup(cred, inode.gid) ? inode.mode >> 3 : inode.mode;
    allowed = (bits & mask) === mask;
  }
  if (!allowed && !capableOverride(inode, mask, cred)) return -EACCES;
  return inode.permission(mask, cred);
}

/**
 * capabilities(7): CAP_DAC_OVERRIDE needs one x bit for executing a file; CAP_DAC_READ_SEARCH reads and
 * searches.
 */
function capableOverride(inode: Inode, mask: number, cred: Credentials): boolean {
  if ((inode.mode & S_IFMT) === S_IFDIR) {
    if ((mask & MAY_WRITE) === 0 && cred.capable(CAP_DAC_READ_SEARCH, inode.uid, inode.gid)) return true;
    return cred.capable(CAP_DAC_OVERRIDE, inode.uid, inode.gid);
  }
  if (mask === MAY_READ && cred.capable(CAP_DAC_READ_SEARCH, inode.uid, inode.gid)) return true;
  if ((mask & MAY_EXEC) === 0 || (inode.mode & 0o111) !== 0)
    return cred.capable(CAP_DAC_OVERRIDE, inode.uid, inode.gid);
  return false;
}

/** Owner of the inode, or CAP_FOWNER (inode_owner_or_capable). */
export function ownerOrCapable(inode: Inode, cred: Credentials): boolean {
  return cred.fsuid === inode.uid || cred.capable(CAP_FOWNER, inode.uid, inode.gid);
}

/**
 * In a sticky directory only the owners of file or directory may remove or rename (unlink(2)): true =
 * refused.
 */
export function stickyForbids(dir: Inode, victim: Inode, cred: Credentials): boolean {
  if ((dir.mode & S_ISVTX) === 0) return false;
  return (
    cred.fsuid !== victim.uid && cred.fsuid !== dir.uid && !cred.capable(CAP_FOWNER, victim.uid, victim.gid)
  );
}

/** May not keep S_ISGID on a file of group `gid`: neither a member nor CAP_FSETID (chmod(2)). */
export function mustDropSgid(gid: number, cred: Credentials): boolean {
  return !inGroup(cred, gid) && !cred.capable(CAP_FSETID);
}

/**
 * `mode` of a file of group `gid` without the set-id bits that a change by `cred` takes away: suid always,
 * sgid when it means something (group execution) or the changer could not set it
 * (setattr_should_drop_suidgid).
 */
export function modeWithoutPrivileges(mode: number, gid: number, cred: Credentials | null): number {
  let m = mode & ~S_ISUID;
  if ((m & S_IXGRP) !== 0 || cred === null || mustDropSgid(gid, cred)) m &= ~S_ISGID;
  return m;
}

/** Does a write by `cred` clear set-id bits of `inode` (file_remove_privs)? Returns the new mode. */
export function modeAfterWrite(inode: Inode, cred: Credentials | null): number {
  const mode = inode.mode;
  if ((mode & (S_ISUID | S_ISGID)) === 0 || (mode & S_IFMT) === S_IFDIR) return mode;
  if (cred !== null && cred.capable(CAP_FSETID, inode.uid, inode.gid)) return mode;
  return modeWithoutPrivileges(mode, inode.gid, cred);
}

import {
  EACCES,
  EPERM,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  S_IWOTH,
  S_IXGRP,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { Inode } from './inode.js';
import { MAY_READ, MAY_WRITE, ownerOrCapable, permission } from './permission.js';

/**
 * Linux's protections against tricks in world-writable sticky directories (proc(5),
 * /proc/sys/fs/protected_*): each 0 is off. The defaults are those of a kernel on its own, but for hard
 * links, which distributions always protect.
 */
export class Protection {
  hardlinks = 1;
  symlinks = 0;
  fifos = 0;
  regular = 0;

  /** linkat: only the owner may link what it could not read and write, or what is special. 0 or -EPERM. */
  mayLink(inode: Inode, cred: Credentials): number {
    if (this.hardlinks === 0 || ownerOrCapable(inode, cred)) return 0;
    const { mode } = inode;
    const safe =
      (mode & S_IFMT) === S_IFREG &&
      (mode & S_ISUID) === 0 &&
      (mode & (S_ISGID | S_IXGRP)) !== (S_ISGID | S_IXGRP) &&
      permission(inode, MAY_READ | MAY_WRITE, cred) === 0;
    return safe ? 0 : -EPERM;
  }

  /** The last component `link` in `dir` is about to be followed: 0 or -EACCES. */
  mayFollow(dir: Inode, link: Inode, cred: Credentials): number {
    if (this.symlinks === 0 || cred.fsuid === link.uid) return 0;
    if ((dir.mode & (S_ISVTX | S_IWOTH)) !== (S_ISVTX | S_IWOTH)) return 0;
    return dir.uid === link.uid ? 0 : -EACCES;
  }

  /** O_CREAT found `inode` in `dir`: 0 or -EACCES. */
  mayReuse(dir: Inode, inode: Inode, cred: Credentials): number {
    if ((dir.mode & S_ISVTX) === 0) return 0;
    const type = inode.mode & S_IFMT;
    if ((type === S_IFREG && this.regular === 0) || (type === S_IFIFO && this.fifos === 0)) return 0;
    if (inode.uid === dir.uid || inode.uid === cred.fsuid) return 0;
    // Other types (a link with O_NOFOLLOW, a device) are guarded whatever the settings.
    if ((dir.mode & S_IWOTH) !== 0) return -EACCES;
    const level = type === S_IFREG ? this.regular : type === S_IFIFO ? this.fifos : 0;
    return level >= 2 && (dir.mode & 0o020) !== 0 ? -EACCES : 0;
  }
}

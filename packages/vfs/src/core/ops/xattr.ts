import {
  CAP_SYS_ADMIN,
  EINVAL,
  ENODATA,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
  EROFS,
  IN_ATTRIB,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  S_ISVTX,
  XATTR_NAME_MAX,
} from '@sandbox/abi';
import type { Credentials } from '../credentials.js';
import type { Inode } from '../inode.js';
import type { AttrTarget } from '../path.js';
import { MAY_READ, MAY_WRITE, ownerOrCapable, permission } from '../permission.js';
import type { Vfs } from '../vfs.js';

const USER = 'user.';
const TRUSTED = 'trusted.';
const SECURITY = 'security.';

/** May `cred` use attribute `name` of `inode` (xattr(7))? 0 or -errno. */
function allowed(inode: Inode, name: string, mask: number, cred: Credentials): number {
  const writing = (mask & MAY_WRITE) !== 0;
  if (name.startsWith(TRUSTED)) {
    // Without privilege the namespace does not exist to a reader.
    return cred.capable(CAP_SYS_ADMIN) ? 0 : writing ? -EPERM : -ENODATA;
  }
  if (name.startsWith(SECURITY)) {
    return writing && !cred.capable(CAP_SYS_ADMIN) ? -EPERM : 0;
  }
  if (name.startsWith(USER)) {
    const type = inode.mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) return writing ? -EPERM : -ENODATA;
    if (type === S_IFDIR && (inode.mode & S_ISVTX) !== 0 && writing && !ownerOrCapable(inode, cred))
      return -EPERM;
    return permission(inode, mask, cred);
  }
  return -EOPNOTSUPP;
}

/** A prefix alone names nothing. */
function checkSuffix(name: string): number {
  return name === USER || name === TRUSTED || name === SECURITY ? -EINVAL : 0;
}

/** A name of 1..255 bytes with something behind its prefix; -ERANGE, -EOPNOTSUPP, -EINVAL as setxattr(2). */
function checkName(name: string): number {
  if (name.length === 0 || name.length > XATTR_NAME_MAX) return -ERANGE;
  return 0;
}

export function getxattr(inode: Inode, cred: Credentials, name: string): Uint8Array | number {
  const e = checkName(name) || allowed(inode, name, MAY_READ, cred) || checkSuffix(name);
  return e !== 0 ? e : inode.getxattr(name);
}

export function setxattr(
  vfs: Vfs,
  target: AttrTarget,
  cred: Credentials,
  name: string,
  value: Uint8Array,
  flags: number,
): number {
  const inode = target.inode;
  let e = checkName(name);
  if (e !== 0) return e;
  if (target.path?.mount.readOnly === true) return -EROFS;
  e = allowed(inode, name, MAY_WRITE, cred) || checkSuffix(name) || inode.setxattr(name, value, flags);
  if (e === 0 && target.path !== null) vfs.notify(target.path.dentry, IN_ATTRIB);
  return e;
}

export function listxattr(inode: Inode, cred: Credentials): readonly string[] | number {
  const names = inode.listxattr();
  if (typeof names === 'number' || cred.capable(CAP_SYS_ADMIN)) return names;
  return names.filter((n) => !n.startsWith(TRUSTED));
}

export function removexattr(vfs: Vfs, target: AttrTarget, cred: Credentials, name: string): number {
  const inode = target.inode;
  let e = checkName(name);
  if (e !== 0) return e;
  if (target.path?.mount.readOnly === true) return -EROFS;
  e = allowed(inode, name, MAY_WRITE, cred) || checkSuffix(name) || inode.removexattr(name);
  if (e === 0 && target.path !== null) vfs.notify(target.path.dentry, IN_ATTRIB);
  return e;
}

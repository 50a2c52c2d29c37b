import {
  CAP_SETFCAP,
  CAP_SYS_ADMIN,
  EACCES,
  EINVAL,
  ENODATA,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  ERANGE,
  EROFS,
  IN_ATTRIB,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISVTX,
  XATTR_NAME_CAPS,
  XATTR_NAME_MAX,
  XATTR_NAME_POSIX_ACL_ACCESS,
} from '@sandbox/abi';
import { Acl, isAclName } from '../acl.js';
import type { Credentials } from '../credentials.js';
import { ATTR_CTIME, ATTR_MODE, type Inode } from '../inode.js';
import type { AttrTarget } from '../path.js';
import { MAY_READ, MAY_WRITE, mustDropSgid, ownerOrCapable, permission } from '../permission.js';
import type { Vfs } from './vfs.js';

const USER = 'user.';
const TRUSTED = 'trusted.';
const SECURITY = 'security.';
const SYSTEM = 'system.';

/** May `cred` use attribute `name` of `inode` (xattr(7))? 0 or -errno. */
function allowed(inode: Inode, name: string, mask: number, cred: Credentials): number {
  const writing = (mask & MAY_WRITE) !== 0;
  if (writing && cred.ids && !cred.ids.covers(inode)) return -EPERM;
  if (name.startsWith(TRUSTED)) {
    // Without privilege the namespace does not exist to a reader.
    return cred.capable(CAP_SYS_ADMIN) ? 0 : writing ? -EPERM : -ENODATA;
  }
  if (name.startsWith(SECURITY)) {
    if (!writing) return 0;
    const may =
      name === XATTR_NAME_CAPS
        ? cred.capable(CAP_SETFCAP, inode.uid, inode.gid)
        : cred.capable(CAP_SYS_ADMIN);
    return may ? 0 : -EPERM;
  }
  if (name.startsWith(USER)) {
    const type = inode.mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) return writing ? -EPERM : -ENODATA;
    if (type === S_IFDIR && (inode.mode & S_ISVTX) !== 0 && writing && !ownerOrCapable(inode, cred))
      return -EPERM;
    return permission(inode, mask, cred);
  }
  if (name.startsWith(SYSTEM)) return 0;
  // No namespace of this name: that is found out after the rights.
  return permission(inode, mask, cred);
}

/** A namespace that exists, with a name behind it. */
function checkNamespace(name: string): number {
  if (name.startsWith(USER) || name.startsWith(TRUSTED) || name.startsWith(SECURITY))
    return checkSuffix(name);
  return -EOPNOTSUPP;
}

/**
 * File capabilities (capabilities(7)) are set by whoever has CAP_SETFCAP, and in one of the forms there are.
 * 0, -EINVAL, -EPERM.
 */
function checkCapability(value: Uint8Array, cred: Credentials): number {
  if (!isCapability(value)) return -EINVAL;
  return cred.capable(CAP_SETFCAP) ? 0 : -EPERM;
}

function isCapability(value: Uint8Array): boolean {
  const revision = value.length >= 4 ? value[3]! : 0;
  return (revision === 2 && value.length === 20) || (revision === 3 && value.length === 24);
}

/**
 * Set or (null) remove the list called `name`. 0, -EOPNOTSUPP, -EACCES (a default list of no directory),
 * -EPERM, -EINVAL.
 */
function setAcl(vfs: Vfs, inode: Inode, cred: Credentials, name: string, value: Uint8Array | null): number {
  const { ids } = cred;
  const own =
    value === null || !ids
      ? value
      : Acl.translate(
          value,
          (id) => ids.uids.fromKernel(id),
          (id) => ids.gids.fromKernel(id),
        );
  const acl = own === null ? null : Acl.parse(own);
  if (typeof acl === 'number') return acl;
  if (!inode.keepsAcls) return -EOPNOTSUPP;
  const access = name === XATTR_NAME_POSIX_ACL_ACCESS;
  if (!access && !inode.isDirectory) return acl === null ? 0 : -EACCES;
  if (ids && !ids.covers(inode)) return -EOVERFLOW;
  if (!ownerOrCapable(inode, cred)) return -EPERM;
  const e = acl === null ? 0 : acl.validate();
  if (e !== 0) return e;
  if (access && acl !== null) {
    const a = vfs.setAttr;
    a.valid = ATTR_MODE | ATTR_CTIME;
    a.mode = (inode.mode & ~0o777) | acl.mode;
    if (mustDropSgid(inode.gid, cred)) a.mode &= ~S_ISGID;
    const r = inode.setattr(a);
    if (r !== 0) return r;
  }
  if (acl === null || (access && acl.minimal)) {
    const r = inode.removexattr(name);
    return r === -ENODATA ? 0 : r;
  }
  return inode.setxattr(name, acl.toBytes(), 0);
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

/** `cred` as it counts at `target`. */
function credentialsAt(target: AttrTarget, cred: Credentials): Credentials {
  return target.path === null ? cred : target.path.mount.credentials(cred);
}

export function getxattr(target: AttrTarget, who: Credentials, name: string): Uint8Array | number {
  const inode = target.inode;
  const cred = credentialsAt(target, who);
  let e = checkName(name);
  if (e !== 0) return e;
  if (isAclName(name)) {
    const list = inode.keepsAcls ? inode.getxattr(name) : -EOPNOTSUPP;
    const { ids } = cred;
    if (typeof list === 'number' || !ids) return list;
    return Acl.translate(
      list,
      (id) => ids.uids.toKernel(id),
      (id) => ids.gids.toKernel(id),
    );
  }
  e = allowed(inode, name, MAY_READ, cred) || checkNamespace(name);
  if (e !== 0) return e;
  const value = inode.getxattr(name);
  return name === XATTR_NAME_CAPS && typeof value !== 'number' && !isCapability(value) ? -EINVAL : value;
}

export function setxattr(
  vfs: Vfs,
  target: AttrTarget,
  who: Credentials,
  name: string,
  value: Uint8Array,
  flags: number,
): number {
  const inode = target.inode;
  const cred = credentialsAt(target, who);
  let e = checkName(name);
  if (e !== 0) return e;
  if (target.path?.mount.readOnly === true) return -EROFS;
  if (isAclName(name)) e = setAcl(vfs, inode, cred, name, value.length === 0 ? null : value);
  else {
    // An empty value passes as none, whoever sets it (cap_inode_setxattr).
    if (name === XATTR_NAME_CAPS) e = value.length === 0 ? 0 : checkCapability(value, cred);
    else e = allowed(inode, name, MAY_WRITE, cred) || checkNamespace(name);
    e ||= inode.setxattr(name, value, flags);
    if (name === XATTR_NAME_CAPS) inode.withoutCaps = false;
  }
  if (e === 0 && target.path !== null) vfs.notify(target.path.dentry, IN_ATTRIB);
  return e;
}

export function listxattr(inode: Inode, cred: Credentials): readonly string[] | number {
  const names = inode.listxattr();
  if (typeof names === 'number' || cred.capable(CAP_SYS_ADMIN)) return names;
  return names.filter((n) => !n.startsWith(TRUSTED));
}

export function removexattr(vfs: Vfs, target: AttrTarget, who: Credentials, name: string): number {
  const inode = target.inode;
  const cred = credentialsAt(target, who);
  let e = checkName(name);
  if (e !== 0) return e;
  if (target.path?.mount.readOnly === true) return -EROFS;
  if (isAclName(name)) e = setAcl(vfs, inode, cred, name, null);
  else e = allowed(inode, name, MAY_WRITE, cred) || checkNamespace(name) || inode.removexattr(name);
  if (e === 0 && target.path !== null) vfs.notify(target.path.dentry, IN_ATTRIB);
  return e;
}

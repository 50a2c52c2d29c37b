import {
  CAP_LAST_CAP,
  MS_NOSUID,
  VFS_CAP_FLAGS_EFFECTIVE,
  VFS_CAP_REVISION_1,
  VFS_CAP_REVISION_2,
  VFS_CAP_REVISION_3,
  VFS_CAP_REVISION_MASK,
  XATTR_CAPS_SZ_1,
  XATTR_CAPS_SZ_2,
  XATTR_CAPS_SZ_3,
  XATTR_NAME_CAPS,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { UserNamespace } from '../ns/user-ns.js';

/** Capabilities a program file carries (capabilities(7), "File capabilities"). */
export interface FileCaps {
  readonly effective: boolean;
  readonly permittedLo: number;
  readonly permittedHi: number;
  readonly inheritableLo: number;
  readonly inheritableHi: number;
}

const VALID_HI = 2 ** (CAP_LAST_CAP - 31) - 1;
const SIZES: ReadonlyMap<number, number> = new Map([
  [VFS_CAP_REVISION_1, XATTR_CAPS_SZ_1],
  [VFS_CAP_REVISION_2, XATTR_CAPS_SZ_2],
  [VFS_CAP_REVISION_3, XATTR_CAPS_SZ_3],
]);

/**
 * Those of `file` that count in `ns`: null when it has none, its mount ignores them, or they are malformed
 * (get_vfs_caps_from_disk).
 */
export function fileCaps(file: File, ns: UserNamespace): FileCaps | null {
  const mount = file.path?.mount;
  if (!mount || (mount.flags & MS_NOSUID) !== 0) return null;
  const value = file.inode.getxattr(XATTR_NAME_CAPS);
  if (typeof value === 'number' || value.length < 4) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const magic = view.getUint32(0, true);
  const revision = (magic & VFS_CAP_REVISION_MASK) >>> 0;
  if (SIZES.get(revision) !== value.length) return null;
  const wide = revision !== VFS_CAP_REVISION_1;
  // Of the third kind: whose root they were given by.
  if (revision === VFS_CAP_REVISION_3 && !isRootOf(ns, view.getUint32(20, true))) return null;
  return {
    effective: (magic & VFS_CAP_FLAGS_EFFECTIVE) !== 0,
    permittedLo: view.getUint32(4, true),
    inheritableLo: view.getUint32(8, true),
    permittedHi: wide ? view.getUint32(12, true) & VALID_HI : 0,
    inheritableHi: wide ? view.getUint32(16, true) & VALID_HI : 0,
  };
}

/** Is the kernel id `uid` root in `ns` or in one above it (rootid_owns_currentns)? */
function isRootOf(ns: UserNamespace, uid: number): boolean {
  for (let at: UserNamespace | null = ns; at !== null; at = at.parent) {
    if (at.uids.fromKernel(uid) === 0) return true;
  }
  return false;
}

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  EBADF,
  EBUSY,
  EINVAL,
  EPERM,
  FSMOUNT_CLOEXEC,
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MOVE_MOUNT__MASK,
  MOVE_MOUNT_BENEATH,
  MOVE_MOUNT_F_AUTOMOUNTS,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_F_SYMLINKS,
  MOVE_MOUNT_SET_GROUP,
  MOVE_MOUNT_T_AUTOMOUNTS,
  MOVE_MOUNT_T_EMPTY_PATH,
  MOVE_MOUNT_T_SYMLINKS,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
  O_CLOEXEC,
  O_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  RLIMIT_NOFILE,
  SYS_fsmount,
  SYS_move_mount,
  SYS_open_tree,
} from '@sandbox/abi';
import { LOOKUP_EMPTY, LOOKUP_FOLLOW, type Mount, openPlace, type Path } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import {
  AWAITING_MOUNT,
  CREATE_PARAMS,
  FAILED,
  FsContextFile,
  RECONF_PARAMS,
} from '../../files/mount/fs-context-file.js';
import type { Task } from '../../process/task/task.js';
import { mayChangeTree, mayMount } from './mount-rights.js';
import { lookupFlags, startOf } from './paths.js';

const OPEN_TREE_FLAGS =
  AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

/** A place by descriptor and path; with LOOKUP_EMPTY the descriptor's own. */
export function placeAt(t: Task, dirfd: number, pathAddr: number, lookup: number): Path | number {
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  let at = startOf(t, dirfd, path);
  if (path.length === 0 && (lookup & LOOKUP_EMPTY) !== 0 && dirfd !== AT_FDCWD) {
    const file = t.files.get(dirfd);
    if (file === null) return -EBADF;
    at = file.path ?? -EINVAL;
  }
  if (typeof at === 'number') return at;
  return t.kernel.vfs.resolve(t.fs, t.cred, at, path, lookup);
}

/**
 * An O_PATH descriptor of a tree in no namespace; with the last of them the tree goes, unless it was mounted
 * meanwhile.
 */
function installTree(t: Task, root: Mount, cloexec: boolean): number {
  const { namespace } = root;
  const file = openPlace(t.kernel.vfs, root, root.root, O_PATH, t.cred, false);
  if (typeof file === 'number') {
    namespace?.detach(root);
    return file;
  }
  file.release = () => {
    if (root.namespace === namespace) namespace?.detach(root);
  };
  return t.files.install(file, cloexec, t.group.limits.soft[RLIMIT_NOFILE]);
}

/** open_tree(2) */
function sysOpenTree(t: Task, a: SyscallArgs): number {
  const flags = a.u32(2);
  if ((flags & ~OPEN_TREE_FLAGS) !== 0) return -EINVAL;
  const clone = (flags & OPEN_TREE_CLONE) !== 0;
  if ((flags & AT_RECURSIVE) !== 0 && !clone) return -EINVAL;
  if (clone && !mayMount(t)) return -EPERM;
  const place = placeAt(t, a.i32(0), a.u64(1), lookupFlags(flags));
  if (typeof place === 'number') return place;
  const cloexec = (flags & OPEN_TREE_CLOEXEC) !== 0;
  if (!clone) {
    const file = openPlace(
      t.kernel.vfs,
      place.mount,
      place.dentry,
      O_PATH | (cloexec ? O_CLOEXEC : 0),
      t.cred,
      false,
    );
    if (typeof file === 'number') return file;
    return t.files.install(file, cloexec, t.group.limits.soft[RLIMIT_NOFILE]);
  }
  const root = t.kernel.vfs.cloneTree(t.fs, place, (flags & AT_RECURSIVE) !== 0);
  return typeof root === 'number' ? root : installTree(t, root, cloexec);
}

/** move_mount(2) */
function sysMoveMount(t: Task, a: SyscallArgs): number {
  const flags = a.u32(4);
  if (!mayChangeTree(t)) return -EPERM;
  if ((flags & ~MOVE_MOUNT__MASK) !== 0) return -EINVAL;
  const beneath = (flags & MOVE_MOUNT_BENEATH) !== 0;
  const setGroup = (flags & MOVE_MOUNT_SET_GROUP) !== 0;
  if (beneath && setGroup) return -EINVAL;
  const fromLookup =
    ((flags & MOVE_MOUNT_F_SYMLINKS) !== 0 ? LOOKUP_FOLLOW : 0) |
    ((flags & MOVE_MOUNT_F_EMPTY_PATH) !== 0 ? LOOKUP_EMPTY : 0);
  const toLookup =
    ((flags & MOVE_MOUNT_T_SYMLINKS) !== 0 ? LOOKUP_FOLLOW : 0) |
    ((flags & MOVE_MOUNT_T_EMPTY_PATH) !== 0 ? LOOKUP_EMPTY : 0);
  const from = placeAt(t, a.i32(0), a.u64(1), fromLookup);
  if (typeof from === 'number') return from;
  const to = placeAt(t, a.i32(2), a.u64(3), toLookup);
  if (typeof to === 'number') return to;
  const { vfs } = t.kernel;
  return setGroup ? vfs.shareGroup(t.fs, from, to) : vfs.moveMount(t.fs, from, to, beneath);
}

const ATTRS =
  MOUNT_ATTR_RDONLY |
  MOUNT_ATTR_NOSUID |
  MOUNT_ATTR_NODEV |
  MOUNT_ATTR_NOEXEC |
  MOUNT_ATTR__ATIME |
  MOUNT_ATTR_NODIRATIME |
  MOUNT_ATTR_NOSYMFOLLOW;

/** MOUNT_ATTR_* as the flags of a mount; -EINVAL for unknown ones and a wrong access-time rule. */
export function attrFlags(attr: number): number {
  if ((attr & ~ATTRS) !== 0) return -EINVAL;
  let flags = 0;
  if ((attr & MOUNT_ATTR_RDONLY) !== 0) flags |= MS_RDONLY;
  if ((attr & MOUNT_ATTR_NOSUID) !== 0) flags |= MS_NOSUID;
  if ((attr & MOUNT_ATTR_NODEV) !== 0) flags |= MS_NODEV;
  if ((attr & MOUNT_ATTR_NOEXEC) !== 0) flags |= MS_NOEXEC;
  if ((attr & MOUNT_ATTR_NODIRATIME) !== 0) flags |= MS_NODIRATIME;
  if ((attr & MOUNT_ATTR_NOSYMFOLLOW) !== 0) flags |= MS_NOSYMFOLLOW;
  switch (attr & MOUNT_ATTR__ATIME) {
    case MOUNT_ATTR_NOATIME:
      return flags | MS_NOATIME;
    case MOUNT_ATTR_STRICTATIME:
      return flags;
    case 0:
      return flags | MS_RELATIME;
    default:
      return -EINVAL;
  }
}

/** fsmount(2) */
function sysFsmount(t: Task, a: SyscallArgs): number {
  if (!mayMount(t)) return -EPERM;
  const flags = a.u32(1);
  if ((flags & ~FSMOUNT_CLOEXEC) !== 0) return -EINVAL;
  const mountFlags = attrFlags(a.u32(2));
  if (mountFlags < 0) return mountFlags;
  const file = t.files.get(a.i32(0));
  if (file === null) return -EBADF;
  if (!(file instanceof FsContextFile) || file.phase === CREATE_PARAMS || file.phase === FAILED)
    return -EINVAL;
  if (file.phase !== AWAITING_MOUNT || file.made === null) return -EBUSY;
  const fs = file.made;
  file.made = null;
  file.phase = RECONF_PARAMS;
  const readOnly = file.readOnly && fs.single ? MS_RDONLY : 0;
  const root = t.kernel.vfs.createDetached(fs, mountFlags | readOnly);
  return installTree(t, root, (flags & FSMOUNT_CLOEXEC) !== 0);
}

const MOVE_FLAGS = {
  flags: {
    MOVE_MOUNT_F_SYMLINKS,
    MOVE_MOUNT_F_AUTOMOUNTS,
    MOVE_MOUNT_F_EMPTY_PATH,
    MOVE_MOUNT_T_SYMLINKS,
    MOVE_MOUNT_T_AUTOMOUNTS,
    MOVE_MOUNT_T_EMPTY_PATH,
    MOVE_MOUNT_SET_GROUP,
    MOVE_MOUNT_BENEATH,
  },
} as const;
const TREE_FLAGS = {
  flags: {
    AT_EMPTY_PATH,
    AT_NO_AUTOMOUNT,
    AT_RECURSIVE,
    AT_SYMLINK_NOFOLLOW,
    OPEN_TREE_CLONE,
    OPEN_TREE_CLOEXEC,
  },
} as const;

export const rows = [
  row(SYS_open_tree, 'open_tree', sysOpenTree, ['dirfd', 'path', TREE_FLAGS]),
  row(SYS_move_mount, 'move_mount', sysMoveMount, ['dirfd', 'path', 'dirfd', 'path', MOVE_FLAGS]),
  row(SYS_fsmount, 'fsmount', sysFsmount, ['fd', { flags: { FSMOUNT_CLOEXEC } }, 'uint']),
];

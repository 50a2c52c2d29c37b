import {
  AT_EMPTY_PATH,
  AT_NO_AUTOMOUNT,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  CAP_SYS_ADMIN,
  E2BIG,
  EBADF,
  EBUSY,
  EINVAL,
  EPERM,
  MOUNT_ATTR,
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_IDMAP,
  MOUNT_ATTR_SIZE_VER0,
  MS_NOATIME,
  MS_PRIVATE,
  MS_RDONLY,
  MS_RELATIME,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  SYS_mount_setattr,
} from '@sandbox/abi';
import { type Mount, setPropagation } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { copyStructIn } from '../../mm/extensible.js';
import { mountIds } from '../../process/ns/mount-ids.js';
import { namespaceOf } from '../../process/ns/nsfs.js';
import { INITIAL_USER_NS, UserNamespace } from '../../process/ns/user-ns.js';
import type { Task } from '../../process/task/task.js';
import { attrFlags, placeAt } from './mount-fd.js';
import { mayMount } from './mount-rights.js';
import { lookupFlags } from './paths.js';

const FLAGS = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
const PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
const ATIME_FLAGS = MS_NOATIME | MS_RELATIME;

/** What the caller asked for, as flags of mounts. */
const change = { set: 0, clear: 0, propagation: 0, ids: null as UserNamespace | null };

/** `struct mount_attr` at `addr` into `change`. 0; 1: nothing is asked for; -errno. */
function readAttr(t: Task, addr: number, size: number): number {
  if (size > 4096) return -E2BIG;
  if (size < MOUNT_ATTR_SIZE_VER0) return -EINVAL;
  const { scratch, scratchView: v } = t.kernel;
  const r = copyStructIn(t.mm, addr, size, scratch, MOUNT_ATTR.SIZE);
  if (r < 0) return r;
  const set = v.getUint32(MOUNT_ATTR.attr_set, true);
  const clr = v.getUint32(MOUNT_ATTR.attr_clr, true);
  const propagation = v.getUint32(MOUNT_ATTR.propagation, true);
  const high = v.getUint32(MOUNT_ATTR.attr_set + 4, true) | v.getUint32(MOUNT_ATTR.attr_clr + 4, true);
  const highKind = v.getUint32(MOUNT_ATTR.propagation + 4, true);
  if ((set | clr | propagation | high | highKind) === 0) return 1;
  if (highKind !== 0 || (propagation & ~PROPAGATION) !== 0) return -EINVAL;
  if ((propagation & (propagation - 1)) !== 0) return -EINVAL;
  if (high !== 0) return -EINVAL;
  const clearsAtime = clr & MOUNT_ATTR__ATIME;
  if (clearsAtime !== 0 && clearsAtime !== MOUNT_ATTR__ATIME) return -EINVAL;
  if (clearsAtime === 0 && (set & MOUNT_ATTR__ATIME) !== 0) return -EINVAL;
  const setFlags = attrFlags(set & ~MOUNT_ATTR_IDMAP);
  const clearFlags = attrFlags(clr & ~(MOUNT_ATTR__ATIME | MOUNT_ATTR_IDMAP));
  if (setFlags < 0 || clearFlags < 0) return -EINVAL;
  change.set = clearsAtime === 0 ? setFlags & ~ATIME_FLAGS : setFlags;
  change.clear = (clearFlags & ~ATIME_FLAGS) | (clearsAtime === 0 ? 0 : ATIME_FLAGS);
  change.propagation = propagation;
  change.ids = null;
  if (((set | clr) & MOUNT_ATTR_IDMAP) === 0) return 0;
  if ((clr & MOUNT_ATTR_IDMAP) !== 0 || v.getUint32(MOUNT_ATTR.userns_fd + 4, true) !== 0) return -EINVAL;
  return readIds(t, v.getInt32(MOUNT_ATTR.userns_fd, true));
}

/** The user namespace behind `fd` into `change` (build_mount_idmapped). 0; -EINVAL, -EBADF, -EPERM. */
function readIds(t: Task, fd: number): number {
  if (fd < 0) return -EINVAL;
  const file = t.files.get(fd);
  if (file === null) return -EBADF;
  const ns = namespaceOf(file)?.object;
  if (!(ns instanceof UserNamespace)) return -EINVAL;
  if (ns === INITIAL_USER_NS || !t.cred.capableIn(ns, CAP_SYS_ADMIN)) return -EPERM;
  change.ids = ns;
  return 0;
}

/** The user namespace whose ids the file system of `mount` keeps. */
function ownerOf(mount: Mount): UserNamespace {
  return (mount.fs.userNs as UserNamespace | null) ?? INITIAL_USER_NS;
}

/** can_idmap_mount */
function mayMapIds(t: Task, mount: Mount, ns: UserNamespace): number {
  const owner = ownerOf(mount);
  if (ns === owner) return -EINVAL;
  if (mount.ids !== null) return -EPERM;
  if (!mount.fs.allowsIdMap) return -EINVAL;
  if (!t.cred.capableIn(owner, CAP_SYS_ADMIN)) return -EPERM;
  return mount.namespace?.anonymous === true ? 0 : -EINVAL;
}

/** Does the map name anybody (mnt_idmap_get)? */
function hasRanges(ns: UserNamespace): boolean {
  return ns.uids.ranges?.length !== 0 && ns.gids.ranges?.length !== 0;
}

/** mount_setattr(2) */
function sysMountSetattr(t: Task, a: SyscallArgs): number {
  const flags = a.u32(2);
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  if (a.u64(4) > 4096) return -E2BIG;
  if (a.u64(4) < MOUNT_ATTR_SIZE_VER0) return -EINVAL;
  if (!mayMount(t)) return -EPERM;
  const asked = readAttr(t, a.u64(3), a.u64(4));
  if (asked !== 0) return Math.min(asked, 0);
  const place = placeAt(t, a.i32(0), a.u64(1), lookupFlags(flags));
  if (typeof place === 'number') return place;
  const top = place.mount;
  const ns = top.namespace;
  if (place.dentry !== top.root || ns === null || (ns !== t.fs.namespace && !ns.anonymous)) return -EINVAL;
  const mounts = new Set<Mount>([top]);
  if ((flags & AT_RECURSIVE) !== 0) {
    for (const m of mounts) for (const child of m.children.values()) mounts.add(child);
  }
  for (const m of mounts) {
    const becomesReadOnly = (change.set & ~m.flags & MS_RDONLY) !== 0;
    if (change.ids !== null) {
      const e = mayMapIds(t, m, change.ids);
      if (e !== 0) return e;
    }
    if ((becomesReadOnly || change.ids !== null) && m.writers > 0) return -EBUSY;
  }
  if (change.ids !== null && !hasRanges(change.ids)) return -EINVAL;
  for (const m of mounts) {
    m.flags = (m.flags & ~change.clear) | change.set;
    if (change.ids !== null) m.ids = mountIds(change.ids, ownerOf(m));
    if (change.propagation !== 0) setPropagation(m, change.propagation);
  }
  ns.touch();
  return 0;
}

export const rows = [
  row(SYS_mount_setattr, 'mount_setattr', sysMountSetattr, [
    'dirfd',
    'path',
    { flags: { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW } },
    'ptr',
    'size',
  ]),
];

import {
  AT_FDCWD,
  EAGAIN,
  EBUSY,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENODEV,
  EPERM,
  MNT_DETACH,
  MNT_EXPIRE,
  MNT_FORCE,
  MS_BIND,
  MS_DIRSYNC,
  MS_LAZYTIME,
  MS_MGC_MSK,
  MS_MGC_VAL,
  MS_MOVE,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
  SYS_mount,
  SYS_pivot_root,
  SYS_umount2,
  UMOUNT_NOFOLLOW,
} from '@sandbox/abi';
import { claimReadOnly, LOOKUP_DIRECTORY, LOOKUP_FOLLOW, mountFlags, type Path } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { mayChangeTree, mayMountType, noteUserNs } from './mount-rights.js';
import { resolveArg } from './paths.js';

const PAGE = 4096;
const PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

/** An optional string argument; '' when the pointer is null. */
function optional(t: Task, addr: number): string | number {
  if (addr === 0) return '';
  const s = t.mm.readString(addr, PAGE);
  return s === -ENAMETOOLONG ? -EINVAL : s;
}

/** The data page of mount(2) as a string: it need not end with a NUL, nor be followed by more memory. */
function readData(t: Task, addr: number): string | number {
  if (addr === 0) return '';
  const n = t.mm.copyInPartial(addr, t.kernel.scratch, 0, PAGE);
  if (n <= 0) return -EFAULT;
  const end = t.kernel.scratch.indexOf(0);
  return Buffer.from(t.kernel.scratch.subarray(0, end >= 0 && end < n ? end : n)).toString('latin1');
}

/** mount(2) */
function sysMount(t: Task, a: SyscallArgs): number {
  const type = optional(t, a.u64(2));
  if (typeof type === 'number') return type;
  const source = optional(t, a.u64(0));
  if (typeof source === 'number') return source;
  const data = readData(t, a.u64(4));
  if (typeof data === 'number') return data;
  const target = resolveArg(t, AT_FDCWD, a.u64(1), LOOKUP_FOLLOW);
  if (typeof target === 'number') return target;
  if (!mayChangeTree(t)) return -EPERM;
  let flags = a.u32(3);
  if ((flags & MS_MGC_MSK) >>> 0 === MS_MGC_VAL) flags &= ~MS_MGC_MSK;
  const vfs = t.kernel.vfs;
  if ((flags & (MS_REMOUNT | MS_BIND)) === (MS_REMOUNT | MS_BIND))
    return vfs.remount(t.fs, target, mountFlags(flags), false);
  if ((flags & MS_REMOUNT) !== 0) return vfs.remount(t.fs, target, mountFlags(flags), true, data);
  if ((flags & MS_BIND) !== 0) return bind(t, a.u64(0), target, (flags & MS_REC) !== 0);
  if ((flags & PROPAGATION) !== 0) return propagation(t, target, flags);
  if ((flags & MS_MOVE) !== 0) return move(t, a.u64(0), target);
  return mountNew(t, source, type, target, flags, data);
}

function bind(t: Task, sourceAddr: number, target: Path, recursive: boolean): number {
  if (sourceAddr === 0) return -EINVAL;
  const from = resolveArg(t, AT_FDCWD, sourceAddr, LOOKUP_FOLLOW);
  return typeof from === 'number' ? from : t.kernel.vfs.bind(t.fs, from, target, recursive);
}

function move(t: Task, sourceAddr: number, target: Path): number {
  if (sourceAddr === 0) return -EINVAL;
  const from = resolveArg(t, AT_FDCWD, sourceAddr, LOOKUP_FOLLOW);
  return typeof from === 'number' ? from : t.kernel.vfs.moveMount(t.fs, from, target);
}

/** One of the four kinds, for a mount or (MS_REC) all below it too. */
function propagation(t: Task, target: Path, flags: number): number {
  const kind = flags & PROPAGATION;
  if ((flags & ~(PROPAGATION | MS_REC | MS_SILENT)) !== 0 || (kind & (kind - 1)) !== 0) return -EINVAL;
  return t.kernel.vfs.changePropagation(t.fs, target, flags);
}

function mountNew(t: Task, source: string, type: string, target: Path, flags: number, data: string): number {
  if (type === '') return -EINVAL;
  const vfs = t.kernel.vfs;
  const factory = vfs.fsTypes.get(type);
  if (factory === undefined) return -ENODEV;
  // What only the first user namespace may mount (Linux: file systems without FS_USERNS_MOUNT).
  if (!mayMountType(t, type)) return -EPERM;
  const fs = factory(source, data, vfs.env);
  if (typeof fs === 'number') return fs;
  fs.source = source === '' ? 'none' : source;
  noteUserNs(t, fs);
  const mount = vfs.mountAt(t.fs, target, fs, claimReadOnly(fs, flags));
  return typeof mount === 'number' ? mount : 0;
}

/** umount2: umount(2) */
function sysUmount2(t: Task, a: SyscallArgs): number {
  const flags = a.u32(1);
  if ((flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) !== 0) return -EINVAL;
  const target = resolveArg(t, AT_FDCWD, a.u64(0), (flags & UMOUNT_NOFOLLOW) !== 0 ? 0 : LOOKUP_FOLLOW);
  if (typeof target === 'number') return target;
  if (!mayChangeTree(t)) return -EPERM;
  const mount = target.mount;
  if ((flags & MNT_EXPIRE) !== 0) {
    if ((flags & (MNT_FORCE | MNT_DETACH)) !== 0) return -EINVAL;
    if (mount.pins > 0 || mount.children.size > 0) return -EBUSY;
    // The first call marks it, a second without use in between unmounts.
    if (!mount.expiring) {
      mount.expiring = true;
      return -EAGAIN;
    }
  }
  return t.kernel.vfs.umount(t.fs, target, (flags & MNT_DETACH) !== 0);
}

/** pivot_root(2): processes that stood in the old root move to the new one. */
function sysPivotRoot(t: Task, a: SyscallArgs): number {
  if (!mayChangeTree(t)) return -EPERM;
  const newRoot = resolveArg(t, AT_FDCWD, a.u64(0), LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof newRoot === 'number') return newRoot;
  const putOld = resolveArg(t, AT_FDCWD, a.u64(1), LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof putOld === 'number') return putOld;
  const oldRoot = t.fs.root;
  const e = t.kernel.vfs.pivotRoot(t.fs, newRoot, putOld);
  if (e !== 0) return e;
  for (const task of t.kernel.pids.tasks.values()) {
    const fs = task.fs;
    if (fs.root.equals(oldRoot)) fs.root = newRoot;
    if (fs.cwd.equals(oldRoot)) fs.cwd = newRoot;
  }
  return 0;
}

const MOUNT_FLAGS = {
  flags: {
    MS_RDONLY,
    MS_NOSUID,
    MS_NODEV,
    MS_NOEXEC,
    MS_SYNCHRONOUS,
    MS_REMOUNT,
    MS_DIRSYNC,
    MS_NOSYMFOLLOW,
    MS_NOATIME,
    MS_NODIRATIME,
    MS_BIND,
    MS_MOVE,
    MS_REC,
    MS_SILENT,
    MS_UNBINDABLE,
    MS_PRIVATE,
    MS_SLAVE,
    MS_SHARED,
    MS_RELATIME,
    MS_STRICTATIME,
    MS_LAZYTIME,
  },
} as const;

export const rows = [
  row(SYS_mount, 'mount', sysMount, ['str', 'path', 'str', MOUNT_FLAGS, 'ptr']),
  row(SYS_umount2, 'umount2', sysUmount2, [
    'path',
    { flags: { MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW } },
  ]),
  row(SYS_pivot_root, 'pivot_root', sysPivotRoot, ['path', 'path']),
];

import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EBADF,
  EINVAL,
  F_OK,
  R_OK,
  SYS_access,
  SYS_chmod,
  SYS_chown,
  SYS_faccessat,
  SYS_faccessat2,
  SYS_fchmod,
  SYS_fchmodat,
  SYS_fchmodat2,
  SYS_fchown,
  SYS_fchownat,
  SYS_lchown,
  W_OK,
  X_OK,
} from '@sandbox/abi';
import { type AttrTarget, type Credentials, LOOKUP_EMPTY, type Path, permission } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { Cred } from '../../process/cred/cred.js';
import type { Task } from '../../process/task/task.js';
import { lookupFlags, resolveTarget, startOf } from './paths.js';

function chmodTarget(t: Task, target: AttrTarget | number, mode: number): number {
  return typeof target === 'number' ? target : t.kernel.vfs.chmod(target, t.cred, mode);
}

/** chmod(2) */
function sysChmod(t: Task, a: SyscallArgs): number {
  return chmodTarget(t, resolveTarget(t, AT_FDCWD, a.u64(0), 0), a.u32(1));
}

/** fchmod(2) */
function sysFchmod(t: Task, a: SyscallArgs): number {
  return chmodTarget(t, fileOf(t, a.i32(0)) ?? -EBADF, a.u32(1));
}

/** fchmodat(2) as the kernel has it: without flags. */
function sysFchmodat(t: Task, a: SyscallArgs): number {
  return chmodTarget(t, resolveTarget(t, a.i32(0), a.u64(1), 0), a.u32(2));
}

/** fchmodat2(2) */
function sysFchmodat2(t: Task, a: SyscallArgs): number {
  const flags = a.u32(3);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  return chmodTarget(t, resolveTarget(t, a.i32(0), a.u64(1), flags), a.u32(2));
}

/** (uid_t) -1. */
const KEEP = 0xffffffff;

/** Owner and group of 32 bits; -1 leaves one as it is. */
function chownTarget(t: Task, target: AttrTarget | number, a: SyscallArgs, arg: number): number {
  if (typeof target === 'number') return target;
  const { userNs } = t.cred;
  let uid = a.u32(arg);
  let gid = a.u32(arg + 1);
  // An id without a place in the caller's user namespace is no id.
  if (uid !== KEEP && (uid = userNs.uids.toKernel(uid)) < 0) return -EINVAL;
  if (gid !== KEEP && (gid = userNs.gids.toKernel(gid)) < 0) return -EINVAL;
  return t.kernel.vfs.chown(target, t.cred, uid === KEEP ? -1 : uid, gid === KEEP ? -1 : gid);
}

/** chown(2) */
function sysChown(t: Task, a: SyscallArgs): number {
  return chownTarget(t, resolveTarget(t, AT_FDCWD, a.u64(0), 0), a, 1);
}

/** lchown(2) */
function sysLchown(t: Task, a: SyscallArgs): number {
  return chownTarget(t, resolveTarget(t, AT_FDCWD, a.u64(0), AT_SYMLINK_NOFOLLOW), a, 1);
}

/** fchown(2) */
function sysFchown(t: Task, a: SyscallArgs): number {
  return chownTarget(t, fileOf(t, a.i32(0)) ?? -EBADF, a, 1);
}

/** fchownat(2) */
function sysFchownat(t: Task, a: SyscallArgs): number {
  const flags = a.u32(4);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  return chownTarget(t, resolveTarget(t, a.i32(0), a.u64(1), flags), a, 2);
}

const SECURE_NO_SETUID_FIXUP = 4;

/** access(2) asks with the real ids, and the capabilities they would have. */
function accessCred(c: Cred): Credentials {
  const fixup = (c.securebits & SECURE_NO_SETUID_FIXUP) === 0;
  const lo = !fixup ? c.effectiveLo : c.uid === 0 ? c.permittedLo : 0;
  const hi = !fixup ? c.effectiveHi : c.uid === 0 ? c.permittedHi : 0;
  if (c.fsuid === c.uid && c.fsgid === c.gid && c.effectiveLo === lo && c.effectiveHi === hi) return c;
  const real = c.clone();
  real.fsuid = c.uid;
  real.fsgid = c.gid;
  real.effectiveLo = lo;
  real.effectiveHi = hi;
  return real;
}

function accessAt(t: Task, dirfd: number, pathAddr: number, mode: number, flags: number): number {
  if ((mode & ~7) !== 0) return -EINVAL;
  if ((flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const cred = (flags & AT_EACCESS) !== 0 ? t.cred : accessCred(t.cred);
  let at: Path | null | number = startOf(t, dirfd, path);
  let lookup = lookupFlags(flags);
  if (path.length === 0 && (flags & AT_EMPTY_PATH) !== 0 && dirfd !== AT_FDCWD) {
    const file = t.files.get(dirfd);
    if (file !== null && file.path === null) return mode === 0 ? 0 : permission(file.inode, mode, cred);
    at = file?.path ?? -EBADF;
    lookup |= LOOKUP_EMPTY;
  }
  if (typeof at === 'number') return at;
  return t.kernel.vfs.access(t.fs, cred, at, path, mode, lookup);
}

/** access(2) */
function sysAccess(t: Task, a: SyscallArgs): number {
  return accessAt(t, AT_FDCWD, a.u64(0), a.u32(1), 0);
}

/** faccessat(2) as the kernel has it: without flags. */
function sysFaccessat(t: Task, a: SyscallArgs): number {
  return accessAt(t, a.i32(0), a.u64(1), a.u32(2), 0);
}

/** faccessat2(2) */
function sysFaccessat2(t: Task, a: SyscallArgs): number {
  return accessAt(t, a.i32(0), a.u64(1), a.u32(2), a.u32(3));
}

const ACCESS_MODE = { flags: { R_OK, W_OK, X_OK }, base: { F_OK }, baseMask: 0 } as const;
const AT_FLAGS = { flags: { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH } } as const;

export const rows = [
  row(SYS_chmod, 'chmod', sysChmod, ['path', 'mode']),
  row(SYS_fchmod, 'fchmod', sysFchmod, ['fd', 'mode']),
  row(SYS_fchmodat, 'fchmodat', sysFchmodat, ['dirfd', 'path', 'mode']),
  row(SYS_fchmodat2, 'fchmodat2', sysFchmodat2, ['dirfd', 'path', 'mode', AT_FLAGS]),
  row(SYS_chown, 'chown', sysChown, ['path', 'uid', 'gid']),
  row(SYS_lchown, 'lchown', sysLchown, ['path', 'uid', 'gid']),
  row(SYS_fchown, 'fchown', sysFchown, ['fd', 'uid', 'gid']),
  row(SYS_fchownat, 'fchownat', sysFchownat, ['dirfd', 'path', 'uid', 'gid', AT_FLAGS]),
  row(SYS_access, 'access', sysAccess, ['path', ACCESS_MODE]),
  row(SYS_faccessat, 'faccessat', sysFaccessat, ['dirfd', 'path', ACCESS_MODE]),
  row(SYS_faccessat2, 'faccessat2', sysFaccessat2, [
    'dirfd',
    'path',
    ACCESS_MODE,
    { flags: { AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH } },
  ]),
];

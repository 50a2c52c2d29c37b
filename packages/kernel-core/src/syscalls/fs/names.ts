import {
  AT_FDCWD,
  AT_REMOVEDIR,
  EINVAL,
  EPERM,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  S_IFDIR,
  S_IFMT,
  SYS_mkdir,
  SYS_mkdirat,
  SYS_mknod,
  SYS_mknodat,
  SYS_rename,
  SYS_renameat,
  SYS_renameat2,
  SYS_rmdir,
  SYS_unlink,
  SYS_unlinkat,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { startOf } from './paths.js';

function mkdirAt(t: Task, dirfd: number, pathAddr: number, mode: number): number {
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const at = startOf(t, dirfd, path);
  return typeof at === 'number' ? at : t.kernel.vfs.mkdir(t.fs, t.cred, at, path, mode);
}

/** mkdir(2) */
function sysMkdir(t: Task, a: SyscallArgs): number {
  return mkdirAt(t, AT_FDCWD, a.u64(0), a.u32(1));
}

/** mkdirat(2) */
function sysMkdirat(t: Task, a: SyscallArgs): number {
  return mkdirAt(t, a.i32(0), a.u64(1), a.u32(2));
}

function mknodAt(t: Task, dirfd: number, pathAddr: number, mode: number, dev: number): number {
  if ((mode & S_IFMT) === S_IFDIR) return -EPERM;
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const at = startOf(t, dirfd, path);
  return typeof at === 'number' ? at : t.kernel.vfs.mknod(t.fs, t.cred, at, path, mode & 0xffff, dev);
}

/** mknod(2). The device is the kernel's 32-bit dev_t. */
function sysMknod(t: Task, a: SyscallArgs): number {
  return mknodAt(t, AT_FDCWD, a.u64(0), a.u32(1), a.u32(2));
}

/** mknodat(2) */
function sysMknodat(t: Task, a: SyscallArgs): number {
  return mknodAt(t, a.i32(0), a.u64(1), a.u32(2), a.u32(3));
}

function removeAt(t: Task, dirfd: number, pathAddr: number, directory: boolean): number {
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const at = startOf(t, dirfd, path);
  if (typeof at === 'number') return at;
  const vfs = t.kernel.vfs;
  return directory ? vfs.rmdir(t.fs, t.cred, at, path) : vfs.unlink(t.fs, t.cred, at, path);
}

/** unlink(2) */
function sysUnlink(t: Task, a: SyscallArgs): number {
  return removeAt(t, AT_FDCWD, a.u64(0), false);
}

/** rmdir(2) */
function sysRmdir(t: Task, a: SyscallArgs): number {
  return removeAt(t, AT_FDCWD, a.u64(0), true);
}

/** unlinkat(2) */
function sysUnlinkat(t: Task, a: SyscallArgs): number {
  const flags = a.u32(2);
  if ((flags & ~AT_REMOVEDIR) !== 0) return -EINVAL;
  return removeAt(t, a.i32(0), a.u64(1), flags !== 0);
}

function renameAt(
  t: Task,
  oldFd: number,
  oldAddr: number,
  newFd: number,
  newAddr: number,
  flags: number,
): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) return -EINVAL;
  if ((flags & RENAME_EXCHANGE) !== 0 && flags !== RENAME_EXCHANGE) return -EINVAL;
  const oldPath = t.mm.readPath(oldAddr);
  if (typeof oldPath === 'number') return oldPath;
  const newPath = t.mm.readPath(newAddr);
  if (typeof newPath === 'number') return newPath;
  const oldAt = startOf(t, oldFd, oldPath);
  if (typeof oldAt === 'number') return oldAt;
  const newAt = startOf(t, newFd, newPath);
  // The old path is walked before the new one's descriptor is looked at.
  if (typeof newAt === 'number') return t.kernel.vfs.walkParent(t.fs, t.cred, oldAt, oldPath) || newAt;
  return t.kernel.vfs.rename(t.fs, t.cred, oldAt, oldPath, newAt, newPath, flags);
}

/** rename(2) */
function sysRename(t: Task, a: SyscallArgs): number {
  return renameAt(t, AT_FDCWD, a.u64(0), AT_FDCWD, a.u64(1), 0);
}

/** renameat(2) */
function sysRenameat(t: Task, a: SyscallArgs): number {
  return renameAt(t, a.i32(0), a.u64(1), a.i32(2), a.u64(3), 0);
}

/** renameat2(2) */
function sysRenameat2(t: Task, a: SyscallArgs): number {
  return renameAt(t, a.i32(0), a.u64(1), a.i32(2), a.u64(3), a.u32(4));
}

export const rows = [
  row(SYS_mkdir, 'mkdir', sysMkdir, ['path', 'mode']),
  row(SYS_mkdirat, 'mkdirat', sysMkdirat, ['dirfd', 'path', 'mode']),
  row(SYS_mknod, 'mknod', sysMknod, ['path', 'mode', 'dev']),
  row(SYS_mknodat, 'mknodat', sysMknodat, ['dirfd', 'path', 'mode', 'dev']),
  row(SYS_unlink, 'unlink', sysUnlink, ['path']),
  row(SYS_unlinkat, 'unlinkat', sysUnlinkat, ['dirfd', 'path', { flags: { AT_REMOVEDIR } }]),
  row(SYS_rmdir, 'rmdir', sysRmdir, ['path']),
  row(SYS_rename, 'rename', sysRename, ['path', 'path']),
  row(SYS_renameat, 'renameat', sysRenameat, ['dirfd', 'path', 'dirfd', 'path']),
  row(SYS_renameat2, 'renameat2', sysRenameat2, [
    'dirfd',
    'path',
    'dirfd',
    'path',
    { flags: { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT } },
  ]),
];

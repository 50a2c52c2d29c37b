import {
  AT_FDCWD,
  EBADF,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RELATIME,
  ST_NOATIME,
  ST_NODEV,
  ST_NODIRATIME,
  ST_NOEXEC,
  ST_NOSUID,
  ST_NOSYMFOLLOW,
  ST_RDONLY,
  ST_RELATIME,
  ST_VALID,
  STATFS,
  SYS_fstatfs,
  SYS_statfs,
} from '@sandbox/abi';
import { type FileSystem, LOOKUP_FOLLOW, type Mount } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { resolveArg } from './paths.js';
import { putStatfs } from './structs.js';

/** f_flags of a mount (statfs(2)). */
function mountFlags(mount: Mount | null): number {
  if (mount === null) return ST_VALID;
  const f = mount.flags;
  let st = ST_VALID;
  if (mount.readOnly) st |= ST_RDONLY;
  if ((f & MS_NOSUID) !== 0) st |= ST_NOSUID;
  if ((f & MS_NODEV) !== 0) st |= ST_NODEV;
  if ((f & MS_NOEXEC) !== 0) st |= ST_NOEXEC;
  if ((f & MS_NOATIME) !== 0) st |= ST_NOATIME;
  if ((f & MS_NODIRATIME) !== 0) st |= ST_NODIRATIME;
  if ((f & MS_RELATIME) !== 0) st |= ST_RELATIME;
  if ((f & MS_NOSYMFOLLOW) !== 0) st |= ST_NOSYMFOLLOW;
  return st;
}

function copyStatfs(t: Task, fs: FileSystem, mount: Mount | null, addr: number): number {
  putStatfs(t.kernel.scratchView, 0, fs.statfs(), fs.dev, mountFlags(mount));
  return t.mm.copyOut(addr, t.kernel.scratch, 0, STATFS.SIZE);
}

/** statfs(2) */
function sysStatfs(t: Task, a: SyscallArgs): number {
  const path = resolveArg(t, AT_FDCWD, a.u64(0), LOOKUP_FOLLOW);
  return typeof path === 'number' ? path : copyStatfs(t, path.mount.fs, path.mount, a.u64(1));
}

/** fstatfs(2) */
function sysFstatfs(t: Task, a: SyscallArgs): number {
  const file = t.files.get(a.i32(0));
  if (file === null) return -EBADF;
  return copyStatfs(t, file.inode.fs, file.path === null ? null : file.path.mount, a.u64(1));
}

export const rows = [
  row(SYS_statfs, 'statfs', sysStatfs, ['path', 'statfs']),
  row(SYS_fstatfs, 'fstatfs', sysFstatfs, ['fd', 'statfs']),
];

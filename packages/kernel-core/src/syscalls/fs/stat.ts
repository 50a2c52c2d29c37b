import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_STATX_DONT_SYNC,
  AT_STATX_FORCE_SYNC,
  AT_STATX_SYNC_TYPE,
  AT_SYMLINK_NOFOLLOW,
  EBADF,
  EFAULT,
  EINVAL,
  ENOENT,
  STAT,
  STATX,
  STATX__RESERVED,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_MNT_ID,
  STATX_MNT_ID_UNIQUE,
  SYS_fstat,
  SYS_lstat,
  SYS_newfstatat,
  SYS_stat,
  SYS_statx,
} from '@sandbox/abi';
import { LOOKUP_FOLLOW, MOUNT_UNIQUE_BASE, Stat } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { lookupFlags, startOf } from './paths.js';
import { putStat, putStatx } from './structs.js';

/** Filled and copied out within one call. */
const result = new Stat();
/**
 * As the guest gets it. Arrays of just that size, which are copied whole: a part of an array costs an object
 * for each copy.
 */
const statBytes = new Uint8Array(STAT.SIZE);
const statView = new DataView(statBytes.buffer);
const statxBytes = new Uint8Array(STATX.SIZE);
const statxView = new DataView(statxBytes.buffer);

/** The attributes of what `dirfd` and the path at `pathAddr` name, into `result`. 0 or -errno. */
function statPath(t: Task, dirfd: number, pathAddr: number, at: number): number {
  // A null pointer with AT_EMPTY_PATH is the empty path, since Linux 6.11.
  const empty = (at & AT_EMPTY_PATH) !== 0 && pathAddr === 0;
  const path = empty ? '' : t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  if (path.length === 0 && dirfd !== AT_FDCWD) return (at & AT_EMPTY_PATH) === 0 ? -ENOENT : statFd(t, dirfd);
  const start = startOf(t, dirfd, path);
  if (typeof start === 'number') return start;
  return t.kernel.vfs.stat(t.fs, t.cred, start, path, lookupFlags(at), result);
}

function statFd(t: Task, fd: number): number {
  const file = t.files.get(fd);
  if (file === null) return -EBADF;
  const path = file.path;
  const e = result.fill(file.inode, path === null ? null : path.mount);
  if (path !== null) result.mountRoot = path.dentry === path.mount.root;
  return e;
}

/** The owners in `result` in the ids of the caller's user namespace. */
function showOwners(t: Task): void {
  const { userNs } = t.cred;
  if (userNs.parent === null) return;
  result.uid = userNs.uids.show(result.uid);
  result.gid = userNs.gids.show(result.gid);
}

function copyStat(t: Task, addr: number): number {
  showOwners(t);
  putStat(statView, 0, result);
  return t.mm.copyOut(addr, statBytes, 0, STAT.SIZE);
}

/** stat(2) */
function sysStat(t: Task, a: SyscallArgs): number {
  const path = t.mm.readPath(a.u64(0));
  if (typeof path === 'number') return path;
  return t.kernel.vfs.stat(t.fs, t.cred, null, path, LOOKUP_FOLLOW, result) || copyStat(t, a.u64(1));
}

/** lstat(2) */
function sysLstat(t: Task, a: SyscallArgs): number {
  const path = t.mm.readPath(a.u64(0));
  if (typeof path === 'number') return path;
  return t.kernel.vfs.stat(t.fs, t.cred, null, path, 0, result) || copyStat(t, a.u64(1));
}

/** fstat(2) */
function sysFstat(t: Task, a: SyscallArgs): number {
  return statFd(t, a.i32(0)) || copyStat(t, a.u64(1));
}

/** newfstatat: fstatat(2) */
function sysNewfstatat(t: Task, a: SyscallArgs): number {
  const at = a.u32(3);
  if ((at & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) !== 0)
    return -EINVAL;
  return statPath(t, a.i32(0), a.u64(1), at) || copyStat(t, a.u64(2));
}

/** statx(2) */
function sysStatx(t: Task, a: SyscallArgs): number {
  const at = a.u32(2);
  const mask = a.u32(3);
  if ((mask & STATX__RESERVED) !== 0) return -EINVAL;
  if ((at & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return -EINVAL;
  if ((at & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) !== 0)
    return -EINVAL;
  const e = statPath(t, a.i32(0), a.u64(1), at);
  if (e !== 0) return e;
  // Whoever asks for the number that is never used again gets it in the place of the other.
  const unique = (mask & STATX_MNT_ID_UNIQUE) !== 0 && result.mountId !== 0;
  let has = STATX_BASIC_STATS | (unique ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID);
  if (unique) result.mountId += MOUNT_UNIQUE_BASE;
  if (result.btimeSec !== 0) has |= STATX_BTIME;
  // STATX_MNT_ID and STATX_BTIME are told whether asked or not, as on Linux's tmpfs.
  showOwners(t);
  putStatx(statxView, 0, result, has);
  return t.mm.copyOut(a.u64(4), statxBytes, 0, STATX.SIZE) === 0 ? 0 : -EFAULT;
}

const AT_FLAGS = {
  flags: { AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC },
} as const;

export const rows = [
  row(SYS_stat, 'stat', sysStat, ['path', 'stat']),
  row(SYS_fstat, 'fstat', sysFstat, ['fd', 'stat']),
  row(SYS_lstat, 'lstat', sysLstat, ['path', 'stat']),
  row(SYS_newfstatat, 'newfstatat', sysNewfstatat, ['dirfd', 'path', 'stat', AT_FLAGS]),
  row(SYS_statx, 'statx', sysStatx, ['dirfd', 'path', AT_FLAGS, 'uint', 'statx']),
];

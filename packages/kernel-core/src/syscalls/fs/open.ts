import {
  __O_SYNC,
  __O_TMPFILE,
  AT_FDCWD,
  E2BIG,
  EAGAIN,
  EINVAL,
  EMFILE,
  ENFILE,
  ERESTARTSYS,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_DSYNC,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  OPEN_HOW,
  RESOLVE_BENEATH,
  RESOLVE_CACHED,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  RLIMIT_NOFILE,
  SYS_creat,
  SYS_open,
  SYS_openat,
  SYS_openat2,
} from '@sandbox/abi';
import { checkOpenFlags, type File, O_PATH_FLAGS, releaseFile, VALID_OPEN_FLAGS } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { awaitLease } from '../../files/locks/leases.js';
import { copyStructIn } from '../../mm/extensible.js';
import { awaitPermission } from '../../process/task/await-permission.js';
import type { Task } from '../../process/task/task.js';
import { startOf } from './paths.js';

/** Whatever the other end of a FIFO does ends the sleep of an open. */
const ANY_EVENT = 0xffff;

/** open(2) and kin once flags and mode have been checked. A descriptor, or -errno. */
function openAt(
  t: Task,
  dirfd: number,
  pathAddr: number,
  flags: number,
  mode: number,
  resolve: number,
): number {
  if (t.wait.file !== null) return finishOpen(t, t.wait.file, flags);
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const limit = t.group.limits.soft[RLIMIT_NOFILE];
  if (!t.files.hasRoom(limit)) return -EMFILE;
  const at = startOf(t, dirfd, path, (resolve & RESOLVE_IN_ROOT) !== 0);
  if (typeof at === 'number') return at;
  const vfs = t.kernel.vfs;
  if (vfs.openFiles >= t.kernel.limits.openFiles) return -ENFILE;
  const file = vfs.open(t.fs, t.cred, at, path, flags, mode, resolve);
  if (file === -EAGAIN && vfs.leaseInTheWay !== null) return awaitLease(t, (flags & O_NONBLOCK) !== 0);
  if (typeof file === 'number') return file;
  return installOpened(t, file, flags);
}

/**
 * A descriptor for a file just opened, whose reference is taken over; maybe only once others are ready for
 * it.
 */
export function installOpened(t: Task, file: File, flags: number): number {
  if (file.opening === null && !file.openPending()) {
    return t.files.install(file, (flags & O_CLOEXEC) !== 0, t.group.limits.soft[RLIMIT_NOFILE]);
  }
  // fanotify(7): somebody is asked whether it may be. fifo(7): the other end is not there yet. The sleeping
  // call holds the description; giving up drops it.
  t.wait.holdFile(file);
  releaseFile(file);
  return finishOpen(t, file, flags);
}

function finishOpen(t: Task, file: File, flags: number): number {
  if (file.opening !== null) {
    const r = t.kernel.vfs.finishOpening(file);
    if (r === -EAGAIN) return awaitPermission(t);
    if (r !== 0) return r;
  }
  if (file.openPending()) return t.sleep(file.waitQueue, ANY_EVENT, -ERESTARTSYS);
  const fd = t.files.install(file, (flags & O_CLOEXEC) !== 0, t.group.limits.soft[RLIMIT_NOFILE]);
  if (fd >= 0) file.refs++;
  return fd;
}

/** Unknown flags are ignored by these calls, unlike by openat2 (open(2), notes). */
function openClassic(t: Task, dirfd: number, pathAddr: number, rawFlags: number, rawMode: number): number {
  // A 64-bit kernel always allows large files, and says so in F_GETFL.
  const flags = checkOpenFlags((rawFlags & VALID_OPEN_FLAGS) | O_LARGEFILE);
  if (flags < 0) return flags;
  const mode = (flags & (O_CREAT | __O_TMPFILE)) !== 0 ? rawMode & 0o7777 : 0;
  return openAt(t, dirfd, pathAddr, flags, mode, 0);
}

/** open(2) */
function sysOpen(t: Task, a: SyscallArgs): number {
  return openClassic(t, AT_FDCWD, a.u64(0), a.i32(1), a.u32(2));
}

/** openat(2) */
function sysOpenat(t: Task, a: SyscallArgs): number {
  return openClassic(t, a.i32(0), a.u64(1), a.i32(2), a.u32(3));
}

/** creat(2) */
function sysCreat(t: Task, a: SyscallArgs): number {
  return openClassic(t, AT_FDCWD, a.u64(0), O_CREAT | O_WRONLY | O_TRUNC, a.u32(1));
}

const RESOLVE_VALID =
  RESOLVE_NO_XDEV |
  RESOLVE_NO_MAGICLINKS |
  RESOLVE_NO_SYMLINKS |
  RESOLVE_BENEATH |
  RESOLVE_IN_ROOT |
  RESOLVE_CACHED;

/** openat2(2) */
function sysOpenat2(t: Task, a: SyscallArgs): number {
  const size = a.u64(3);
  if (size < OPEN_HOW.SIZE) return -EINVAL;
  if (size > 4096) return -E2BIG;
  const k = t.kernel;
  const r = copyStructIn(t.mm, a.u64(2), size, k.scratch, OPEN_HOW.SIZE);
  if (r < 0) return r;
  const v = k.scratchView;
  const flags = v.getInt32(OPEN_HOW.flags, true);
  const mode = v.getUint32(OPEN_HOW.mode, true);
  const resolve = v.getUint32(OPEN_HOW.resolve, true);
  if (v.getUint32(OPEN_HOW.flags + 4, true) !== 0 || (flags & ~VALID_OPEN_FLAGS) !== 0) return -EINVAL;
  if (v.getUint32(OPEN_HOW.resolve + 4, true) !== 0 || (resolve & ~RESOLVE_VALID) !== 0) return -EINVAL;
  if ((resolve & RESOLVE_BENEATH) !== 0 && (resolve & RESOLVE_IN_ROOT) !== 0) return -EINVAL;
  const creating = (flags & (O_CREAT | __O_TMPFILE)) !== 0;
  if (v.getUint32(OPEN_HOW.mode + 4, true) !== 0 || (creating ? mode & ~0o7777 : mode) !== 0) return -EINVAL;
  if ((flags & O_PATH) !== 0 && (flags & ~O_PATH_FLAGS) !== 0) return -EINVAL;
  const checked = checkOpenFlags((flags & O_PATH) !== 0 ? flags : flags | O_LARGEFILE);
  if (checked < 0) return checked;
  // Only what is cached: nothing that would create, truncate or sleep (openat2(2)).
  if ((resolve & RESOLVE_CACHED) !== 0 && (flags & (O_TRUNC | O_CREAT | __O_TMPFILE)) !== 0) return -EAGAIN;
  return openAt(t, a.i32(0), a.u64(1), checked, mode, resolve);
}

const OPEN_FLAGS = {
  base: { O_RDONLY, O_WRONLY, O_RDWR },
  baseMask: 3,
  flags: {
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_SYNC,
    O_DSYNC,
    O_DIRECT,
    O_LARGEFILE,
    O_TMPFILE,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NOATIME,
    O_CLOEXEC,
    O_PATH,
    __O_SYNC,
  },
} as const;

export const rows = [
  row(SYS_open, 'open', sysOpen, ['path', OPEN_FLAGS, 'mode']),
  row(SYS_creat, 'creat', sysCreat, ['path', 'mode']),
  row(SYS_openat, 'openat', sysOpenat, ['dirfd', 'path', OPEN_FLAGS, 'mode']),
  row(SYS_openat2, 'openat2', sysOpenat2, ['dirfd', 'path', 'ptr', 'size']),
];

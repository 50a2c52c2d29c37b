import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EBADF,
  EFAULT,
  EINVAL,
  O_PATH,
  SYS_futimesat,
  SYS_utime,
  SYS_utimensat,
  SYS_utimes,
  UTIME_NOW,
  UTIME_OMIT,
} from '@sandbox/abi';
import type { AttrTarget } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { resolveTarget } from './paths.js';

/** Access and modification time of one call; nanoseconds may be UTIME_NOW or UTIME_OMIT. */
const times = { atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0 };

function setNow(): void {
  times.atimeNsec = times.mtimeNsec = UTIME_NOW;
}

/** A `long` of the kernel's scratch: exact within +-2^53. */
function long(t: Task, offset: number): number {
  const v = t.kernel.scratchView;
  return v.getUint32(offset, true) + v.getInt32(offset + 4, true) * 4294967296;
}

/** Two struct timeval. 0, -EFAULT, -EINVAL. */
function readTimevals(t: Task, addr: number): number {
  if (addr === 0) {
    setNow();
    return 0;
  }
  if (t.mm.copyIn(addr, t.kernel.scratch, 0, 32) !== 0) return -EFAULT;
  const ausec = long(t, 8);
  const musec = long(t, 24);
  if (ausec < 0 || ausec >= 1_000_000 || musec < 0 || musec >= 1_000_000) return -EINVAL;
  times.atimeSec = long(t, 0);
  times.atimeNsec = ausec * 1000;
  times.mtimeSec = long(t, 16);
  times.mtimeNsec = musec * 1000;
  return 0;
}

function validNsec(n: number): boolean {
  return n === UTIME_NOW || n === UTIME_OMIT || (n >= 0 && n < 1_000_000_000);
}

/** Two struct timespec. 0, -EFAULT; `validNsec` judges them later. */
function readTimespecs(t: Task, addr: number): number {
  if (addr === 0) {
    setNow();
    return 0;
  }
  if (t.mm.copyIn(addr, t.kernel.scratch, 0, 32) !== 0) return -EFAULT;
  times.atimeSec = long(t, 0);
  times.atimeNsec = long(t, 8);
  times.mtimeSec = long(t, 16);
  times.mtimeNsec = long(t, 24);
  return 0;
}

function apply(t: Task, target: AttrTarget | number): number {
  if (typeof target === 'number') return target;
  return t.kernel.vfs.utimens(
    target,
    t.cred,
    times.atimeSec,
    times.atimeNsec,
    times.mtimeSec,
    times.mtimeNsec,
  );
}

/** utime(2) */
function sysUtime(t: Task, a: SyscallArgs): number {
  const addr = a.u64(1);
  setNow();
  if (addr !== 0) {
    if (t.mm.copyIn(addr, t.kernel.scratch, 0, 16) !== 0) return -EFAULT;
    times.atimeSec = long(t, 0);
    times.mtimeSec = long(t, 8);
    times.atimeNsec = times.mtimeNsec = 0;
  }
  return apply(t, resolveTarget(t, AT_FDCWD, a.u64(0), 0));
}

/** utimes(2) */
function sysUtimes(t: Task, a: SyscallArgs): number {
  return readTimevals(t, a.u64(1)) || apply(t, resolveTarget(t, AT_FDCWD, a.u64(0), 0));
}

/** A null path means the descriptor itself (utimensat(2), C library/kernel differences). */
function targetOf(t: Task, dirfd: number, pathAddr: number, flags: number): AttrTarget | number {
  if (pathAddr !== 0 || dirfd === AT_FDCWD) return resolveTarget(t, dirfd, pathAddr, flags);
  if (flags !== 0) return -EINVAL;
  const file = t.files.get(dirfd);
  return file === null || (file.flags & O_PATH) !== 0 ? -EBADF : file;
}

/** futimesat(2) */
function sysFutimesat(t: Task, a: SyscallArgs): number {
  return readTimevals(t, a.u64(2)) || apply(t, targetOf(t, a.i32(0), a.u64(1), 0));
}

/** utimensat(2) */
function sysUtimensat(t: Task, a: SyscallArgs): number {
  const e = readTimespecs(t, a.u64(2));
  if (e !== 0) return e;
  // Nothing to do: not even the path is looked at.
  if (times.atimeNsec === UTIME_OMIT && times.mtimeNsec === UTIME_OMIT) return 0;
  const flags = a.u32(3);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const target = targetOf(t, a.i32(0), a.u64(1), flags);
  if (typeof target === 'number') return target;
  // Only once there is a file do the times matter (vfs_utimes).
  return validNsec(times.atimeNsec) && validNsec(times.mtimeNsec) ? apply(t, target) : -EINVAL;
}

export const rows = [
  row(SYS_utime, 'utime', sysUtime, ['path', 'ptr']),
  row(SYS_utimes, 'utimes', sysUtimes, ['path', 'timeval']),
  row(SYS_futimesat, 'futimesat', sysFutimesat, ['dirfd', 'path', 'timeval']),
  row(SYS_utimensat, 'utimensat', sysUtimensat, [
    'dirfd',
    'path',
    'timespec',
    { flags: { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH } },
  ]),
];

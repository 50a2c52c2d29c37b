import {
  AT_FDCWD,
  EAGAIN,
  EBADF,
  EFBIG,
  EINTR,
  EINVAL,
  EISDIR,
  ENODEV,
  EOPNOTSUPP,
  ESPIPE,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_UNSHARE_RANGE,
  FALLOC_FL_ZERO_RANGE,
  IN_MODIFY,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_NOREUSE,
  POSIX_FADV_NORMAL,
  POSIX_FADV_RANDOM,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
  RLIMIT_FSIZE,
  S_IFBLK,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  SYS_fadvise64,
  SYS_fallocate,
  SYS_ftruncate,
  SYS_readahead,
  SYS_truncate,
} from '@sandbox/abi';
import { type File, LOOKUP_FOLLOW } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf, mayRead, mayWrite, raiseSigxfsz } from '../../files/io/files.js';
import { awaitLease } from '../../files/locks/leases.js';
import type { Task } from '../../process/task/task.js';
import { resolveArg } from './paths.js';

/** Beyond this a loff_t is no exact number; Linux's own limit lies higher, file systems' limits lower. */
const MAX_SIZE = Number.MAX_SAFE_INTEGER;

/** An -EFBIG that came from RLIMIT_FSIZE brings SIGXFSZ with it. */
function checkLimit(t: Task, result: number, size: number): number {
  if (result === -EFBIG && size > t.group.limits.soft[RLIMIT_FSIZE]) raiseSigxfsz(t);
  return result;
}

/** truncate(2) */
function sysTruncate(t: Task, a: SyscallArgs): number {
  const size = a.s64(1);
  if (size < 0) return -EINVAL;
  const path = resolveArg(t, AT_FDCWD, a.u64(0), LOOKUP_FOLLOW);
  if (typeof path === 'number') return path;
  const { vfs } = t.kernel;
  const r = vfs.truncate(path, t.cred, size, t.group.limits.soft[RLIMIT_FSIZE]);
  return r === -EAGAIN && vfs.leaseInTheWay !== null ? awaitLease(t, false) : checkLimit(t, r, size);
}

/** ftruncate(2) */
function sysFtruncate(t: Task, a: SyscallArgs): number {
  const size = a.s64(1);
  if (size < 0) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  return checkLimit(t, t.kernel.vfs.ftruncate(file, size, t.group.limits.soft[RLIMIT_FSIZE]), size);
}

const FALLOC_KNOWN =
  FALLOC_FL_KEEP_SIZE |
  FALLOC_FL_PUNCH_HOLE |
  FALLOC_FL_COLLAPSE_RANGE |
  FALLOC_FL_ZERO_RANGE |
  FALLOC_FL_INSERT_RANGE |
  FALLOC_FL_UNSHARE_RANGE;

/** Which combinations of modes exist (vfs_fallocate). */
function fallocModeOk(mode: number): boolean {
  if ((mode & ~FALLOC_KNOWN) !== 0) return false;
  switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
    case FALLOC_FL_UNSHARE_RANGE:
    case FALLOC_FL_ZERO_RANGE:
      return true;
    case FALLOC_FL_PUNCH_HOLE:
      return (mode & FALLOC_FL_KEEP_SIZE) !== 0;
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
      return (mode & FALLOC_FL_KEEP_SIZE) === 0;
    default:
      return false;
  }
}

/** Room is made in pieces of this size, and the embedder's loop turns in between. */
const SLICE = 32 * 1024 * 1024;

/**
 * The file's part of fallocate(2), or BLOCKED: the rest follows when the call runs again. A signal ends it
 * (EINTR), what is there stays.
 */
function allocate(t: Task, file: File, mode: number, offset: number, length: number): number {
  const { wait } = t;
  const done = typeof wait.data === 'number' ? wait.data : 0;
  const left = length - done;
  const inPieces = (mode & ~FALLOC_FL_KEEP_SIZE) === 0 && left > SLICE && (done > 0 || fits(file, length));
  if (!inPieces) return file.fallocate(mode, offset + done, left);
  const e = file.fallocate(mode | FALLOC_FL_KEEP_SIZE, offset + done, SLICE);
  if (e !== 0) return e;
  wait.data = done + SLICE;
  wait.holdFile(file);
  wait.timedOut = false;
  wait.deadline = t.kernel.clock.monotonic();
  return t.sleep(null, 0, -EINTR);
}

/** There is room for it all: where there is not, nothing is to stay behind of the attempt. */
function fits(file: File, length: number): boolean {
  const { bfree, bsize } = file.inode.fs.statfs();
  return length <= bfree * bsize + file.inode.blocks * 512;
}

/** fallocate(2) */
function sysFallocate(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  const mode = a.i32(1);
  const offset = a.s64(2);
  const length = a.s64(3);
  if (offset < 0 || length <= 0) return -EINVAL;
  if (!fallocModeOk(mode)) return -EOPNOTSUPP;
  if (!mayWrite(file.flags)) return -EBADF;
  const type = file.inode.mode & S_IFMT;
  if (type === S_IFIFO) return -ESPIPE;
  if (type === S_IFDIR) return -EISDIR;
  if (type !== S_IFREG && type !== S_IFBLK) return -ENODEV;
  const end = offset + length;
  if (end > MAX_SIZE) return -EFBIG;
  if ((mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) === 0 && end > file.inode.size) {
    if (end > t.group.limits.soft[RLIMIT_FSIZE]) return checkLimit(t, -EFBIG, end);
  }
  if (file.cred !== null) t.kernel.vfs.removePrivileges(file.inode, file.path?.mount ?? null, file.cred);
  const e = allocate(t, file, mode, offset, length);
  if (e === 0) file.notify(IN_MODIFY);
  return e;
}

/**
 * fadvise64: posix_fadvise(2). All content is in memory, so the advice is checked and there is nothing left
 * to do.
 */
function sysFadvise64(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  if (file.inode.type === S_IFIFO) return -ESPIPE;
  if (a.s64(2) < 0) return -EINVAL;
  const advice = a.i32(3);
  return advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}

/** readahead(2): as for fadvise64. */
function sysReadahead(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null || !mayRead(file.flags)) return -EBADF;
  const type = file.inode.type;
  return type === S_IFREG || type === S_IFBLK ? 0 : -EINVAL;
}

const FALLOC_FLAGS = {
  flags: {
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_COLLAPSE_RANGE,
    FALLOC_FL_ZERO_RANGE,
    FALLOC_FL_INSERT_RANGE,
    FALLOC_FL_UNSHARE_RANGE,
  },
} as const;
const ADVICE = {
  base: {
    POSIX_FADV_NORMAL,
    POSIX_FADV_RANDOM,
    POSIX_FADV_SEQUENTIAL,
    POSIX_FADV_WILLNEED,
    POSIX_FADV_DONTNEED,
    POSIX_FADV_NOREUSE,
  },
  flags: {},
  baseMask: 7,
} as const;

export const rows = [
  row(SYS_truncate, 'truncate', sysTruncate, ['path', 'off']),
  row(SYS_ftruncate, 'ftruncate', sysFtruncate, ['fd', 'off']),
  row(SYS_fallocate, 'fallocate', sysFallocate, ['fd', FALLOC_FLAGS, 'off', 'off'], {
    support: 'partial',
    note: 'FALLOC_FL_COLLAPSE_RANGE and INSERT_RANGE are EOPNOTSUPP on all file systems here',
  }),
  row(SYS_fadvise64, 'fadvise64', sysFadvise64, ['fd', 'off', 'off', ADVICE]),
  row(SYS_readahead, 'readahead', sysReadahead, ['fd', 'off', 'size']),
];

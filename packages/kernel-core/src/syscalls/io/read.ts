import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  ESPIPE,
  IN_ACCESS,
  MAX_RW_COUNT,
  RWF_NOWAIT,
  SYS_pread64,
  SYS_preadv,
  SYS_preadv2,
  SYS_read,
  SYS_readv,
  TASK_SIZE_MAX,
} from '@sandbox/abi';
import type { File, IoBuf } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { askAccess } from '../../files/fanotify/permission.js';
import { blockRead, fileOf, isUnreadable, mayRead } from '../../files/io/files.js';
import { countRead } from '../../process/task/io-accounting.js';
import type { Task } from '../../process/task/task.js';
import { RWF_FLAGS, rwfCheck } from './rwf.js';

/** The largest offset of a file (loff_t), as far as a number is exact. */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

/** Read at the file's own position. `nowait`: do not sleep (RWF_NOWAIT). */
export function readCurrent(t: Task, file: File, io: IoBuf, nowait = false): number {
  if (file.asksAccess) {
    const asked = askAccess(t, file);
    if (asked === BLOCKED) t.wait.holdFile(file);
    if (asked !== 0) return asked;
  }
  const n = file.read(io, file.pos);
  if (n > 0) {
    if (file.seekable) file.pos += n;
    file.notify(IN_ACCESS);
    return n;
  }
  return n === -EAGAIN && !nowait ? blockRead(t, file) : n;
}

/** Read at `pos`, which has been checked. */
export function readAt(t: Task, file: File, io: IoBuf, pos: number, nowait = false): number {
  if (pos > MAX_OFFSET && file.inode.isRegular)
    return io.remaining > 0 && pos + io.remaining >= 2 ** 63 ? -EINVAL : 0;
  if (file.asksAccess) {
    const asked = askAccess(t, file);
    if (asked === BLOCKED) t.wait.holdFile(file);
    if (asked !== 0) return asked;
  }
  const n = file.read(io, pos);
  if (n > 0) file.notify(IN_ACCESS);
  return n === -EAGAIN && !nowait ? blockRead(t, file) : n;
}

/** read(2) */
function sysRead(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null || !mayRead(file.flags)) return -EBADF;
  const addr = a.u64(1);
  const count = a.u64(2);
  if (addr + count > TASK_SIZE_MAX) return isUnreadable(file) ? -EINVAL : -EFAULT;
  return countRead(t, readCurrent(t, file, t.mm.io(addr, Math.min(count, MAX_RW_COUNT))));
}

/** pread64: pread(2) */
function sysPread64(t: Task, a: SyscallArgs): number {
  const pos = a.s64(3);
  if (pos < 0) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  if (!file.seekable) return -ESPIPE;
  if (!mayRead(file.flags)) return -EBADF;
  const addr = a.u64(1);
  const count = a.u64(2);
  if (addr + count > TASK_SIZE_MAX) return isUnreadable(file) ? -EINVAL : -EFAULT;
  return countRead(t, readAt(t, file, t.mm.io(addr, Math.min(count, MAX_RW_COUNT)), pos));
}

/** readv(2) */
function sysReadv(t: Task, a: SyscallArgs): number {
  return readvCurrent(t, a, 0);
}

function readvCurrent(t: Task, a: SyscallArgs, rwf: number): number {
  const file = fileOf(t, a.i32(0));
  if (file === null || !mayRead(file.flags)) return -EBADF;
  const io = t.mm.iov(a.u64(1), a.u32(2));
  if (typeof io === 'number') return isUnreadable(file) ? -EINVAL : io;
  return readVector(t, file, io, -1, rwf);
}

/**
 * Read into a vector, at `pos` or (-1) at the file's own position; `file` can be read, and at a position if
 * that is asked for.
 */
export function readVector(t: Task, file: File, io: IoBuf, pos: number, rwf: number): number {
  if (io.remaining === 0) return isUnreadable(file) ? -EINVAL : 0;
  const r = rwfCheck(file, rwf);
  if (r < 0) return r;
  const nowait = (rwf & RWF_NOWAIT) !== 0;
  return countRead(t, pos < 0 ? readCurrent(t, file, io, nowait) : readAt(t, file, io, pos, nowait));
}

/** preadv(2). The offset is one register on x86-64; the "high half" argument means nothing. */
function sysPreadv(t: Task, a: SyscallArgs): number {
  return readvAt(t, a, a.s64(3), 0);
}

function readvAt(t: Task, a: SyscallArgs, pos: number, rwf: number): number {
  if (pos < 0) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  if (!file.seekable) return -ESPIPE;
  if (!mayRead(file.flags)) return -EBADF;
  const io = t.mm.iov(a.u64(1), a.u32(2));
  if (typeof io === 'number') return isUnreadable(file) ? -EINVAL : io;
  return readVector(t, file, io, pos, rwf);
}

/** preadv2(2): position -1 is the file's own. */
function sysPreadv2(t: Task, a: SyscallArgs): number {
  const pos = a.s64(3);
  return pos === -1 ? readvCurrent(t, a, a.u32(5)) : readvAt(t, a, pos, a.u32(5));
}

export const rows = [
  row(SYS_read, 'read', sysRead, ['fd', 'outbuf', 'size']),
  row(SYS_pread64, 'pread64', sysPread64, ['fd', 'outbuf', 'size', 'off']),
  row(SYS_readv, 'readv', sysReadv, ['fd', 'iovec', 'ulong']),
  row(SYS_preadv, 'preadv', sysPreadv, ['fd', 'iovec', 'ulong', 'off']),
  row(SYS_preadv2, 'preadv2', sysPreadv2, ['fd', 'iovec', 'ulong', 'off', 'ulong', RWF_FLAGS]),
];

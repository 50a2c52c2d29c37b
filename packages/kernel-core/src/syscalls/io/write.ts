import {
  EAGAIN,
  EBADF,
  EFAULT,
  EFBIG,
  EINVAL,
  EPIPE,
  ESPIPE,
  IN_MODIFY,
  MAX_RW_COUNT,
  O_APPEND,
  O_DSYNC,
  O_SYNC,
  RLIMIT_FSIZE,
  RWF_APPEND,
  RWF_DSYNC,
  RWF_NOAPPEND,
  RWF_NOWAIT,
  RWF_SYNC,
  S_ISGID,
  S_ISUID,
  SYS_pwrite64,
  SYS_pwritev,
  SYS_pwritev2,
  SYS_write,
  SYS_writev,
  TASK_SIZE_MAX,
  XATTR_NAME_CAPS,
} from '@sandbox/abi';
import { ATTR_MODE, type File, type IoBuf, modeAfterWrite } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import {
  blockWrite,
  fileOf,
  isUnwritable,
  mayWrite,
  raiseSigpipe,
  raiseSigxfsz,
} from '../../files/io/files.js';
import { SocketFile } from '../../files/socket/socket-file.js';
import { countWrite } from '../../process/task/io-accounting.js';
import type { Task } from '../../process/task/task.js';
import { LimitedIo } from './limited-io.js';
import { MAX_OFFSET } from './read.js';
import { RWF_FLAGS, rwfCheck } from './rwf.js';

/**
 * Write at the file's own position. Streams are written to the end, sleeping in between: `wait.progress`
 * counts what earlier runs of the call wrote, and `io` has been advanced by it.
 */
export function writeCurrent(t: Task, file: File, io: IoBuf, rwf = 0): number {
  if (file.inode.isRegular) {
    const pos = startOf(file, file.pos, rwf);
    if (pos < 0) return pos;
    const n = writeRegular(t, file, io, pos, rwf);
    if (n > 0) file.pos = pos + n;
    return n === -EAGAIN && (rwf & RWF_NOWAIT) === 0 ? blockWrite(t, file) : n;
  }
  return writeStream(t, file, io, (rwf & RWF_NOWAIT) !== 0);
}

/** Write at `pos`, which has been checked. */
export function writeAt(t: Task, file: File, io: IoBuf, pos: number, rwf: number): number {
  if (!file.inode.isRegular) {
    const n = file.write(io, pos);
    if (n > 0) file.notify(IN_MODIFY);
    return n === -EAGAIN && (rwf & RWF_NOWAIT) === 0 ? blockWrite(t, file) : n;
  }
  if (pos > MAX_OFFSET) {
    if (io.remaining === 0) return 0;
    return pos + io.remaining >= 2 ** 63 ? -EINVAL : -EFBIG;
  }
  const start = startOf(file, pos, rwf);
  if (start < 0) return start;
  const n = writeRegular(t, file, io, start, rwf);
  // Files of an embedder's (jsfs) may have to wait for their answer.
  return n === -EAGAIN && (rwf & RWF_NOWAIT) === 0 ? blockWrite(t, file) : n;
}

/**
 * Where a write to a regular file begins: its end with O_APPEND, for positional writes too (pwrite(2), BUGS).
 */
function startOf(file: File, pos: number, rwf: number): number {
  if ((file.flags & O_APPEND) === 0 && (rwf & RWF_APPEND) === 0) return pos;
  if ((rwf & RWF_NOAPPEND) !== 0) return pos;
  const r = file.inode.getattr();
  return r < 0 ? r : file.inode.size;
}

export function writeRegular(t: Task, file: File, io: IoBuf, pos: number, rwf: number): number {
  const length = io.remaining;
  if (length === 0) return 0;
  const limit = t.group.limits.soft[RLIMIT_FSIZE];
  let source = io;
  if (pos + length > limit || pos + length > MAX_OFFSET) {
    if (pos >= limit) {
      raiseSigxfsz(t);
      return -EFBIG;
    }
    if (pos >= MAX_OFFSET) return -EFBIG;
    source = new LimitedIo(io, Math.min(limit, MAX_OFFSET) - pos);
  }
  const inode = file.inode;
  if (!inode.withoutCaps || (inode.mode & (S_ISUID | S_ISGID)) !== 0) dropPrivileges(t, file);
  const n = file.write(source, pos);
  if (n > 0) {
    if ((file.flags & O_DSYNC) !== 0 || (rwf & (RWF_DSYNC | RWF_SYNC)) !== 0) {
      const full = (file.flags & O_SYNC) === O_SYNC || (rwf & RWF_SYNC) !== 0;
      const r = file.fsync(!full);
      if (r < 0) return r;
    }
    file.notify(IN_MODIFY);
  }
  return n;
}

/**
 * Writing takes set-user-ID and set-group-ID away, unless the writer has CAP_FSETID, and file capabilities
 * always (file_remove_privs).
 */
function dropPrivileges(t: Task, file: File): void {
  const { inode, path } = file;
  if (!inode.withoutCaps) {
    if (typeof inode.getxattr(XATTR_NAME_CAPS) !== 'number') inode.removexattr(XATTR_NAME_CAPS);
    inode.withoutCaps = true;
  }
  const mode = modeAfterWrite(inode, path === null ? t.cred : path.mount.credentials(t.cred));
  if (mode === inode.mode) return;
  const change = t.kernel.vfs.setAttr;
  change.valid = ATTR_MODE;
  change.mode = mode;
  inode.setattr(change);
}

function writeStream(t: Task, file: File, io: IoBuf, nowait: boolean): number {
  const wait = t.wait;
  for (;;) {
    const n = file.write(io, file.pos);
    if (n > 0) {
      if (file.seekable) file.pos += n;
      file.notify(IN_MODIFY);
      wait.progress += n;
      if (io.remaining === 0) return wait.progress;
      continue;
    }
    if (n === -EAGAIN && !nowait) return blockWrite(t, file);
    if (n === -EPIPE && signalsBrokenPipe(file, wait.progress)) raiseSigpipe(t);
    return wait.progress > 0 ? wait.progress : n;
  }
}

/** A broken pipe signals whatever was written before; a stream socket only when nothing was, others never. */
function signalsBrokenPipe(file: File, written: number): boolean {
  return file instanceof SocketFile ? file.raisesSigpipe && written === 0 : true;
}

/** write(2) */
function sysWrite(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null || !mayWrite(file.flags)) return -EBADF;
  const addr = a.u64(1);
  let count = a.u64(2);
  if (addr + count > TASK_SIZE_MAX) return isUnwritable(file) ? -EINVAL : -EFAULT;
  if (count > MAX_RW_COUNT) count = MAX_RW_COUNT;
  const done = t.wait.progress;
  return countWrite(t, writeCurrent(t, file, t.mm.io(addr + done, count - done)));
}

/** pwrite64: pwrite(2) */
function sysPwrite64(t: Task, a: SyscallArgs): number {
  const pos = a.s64(3);
  if (pos < 0) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  if (!file.positionedWrites) return -ESPIPE;
  if (!mayWrite(file.flags)) return -EBADF;
  const addr = a.u64(1);
  const count = a.u64(2);
  if (addr + count > TASK_SIZE_MAX) return isUnwritable(file) ? -EINVAL : -EFAULT;
  return countWrite(t, writeAt(t, file, t.mm.io(addr, Math.min(count, MAX_RW_COUNT)), pos, 0));
}

/** writev(2) */
function sysWritev(t: Task, a: SyscallArgs): number {
  return writevCurrent(t, a, 0);
}

function writevCurrent(t: Task, a: SyscallArgs, rwf: number): number {
  const file = fileOf(t, a.i32(0));
  if (file === null || !mayWrite(file.flags)) return -EBADF;
  const io = t.mm.iov(a.u64(1), a.u32(2));
  if (typeof io === 'number') return isUnwritable(file) ? -EINVAL : io;
  return writeVector(t, file, io, -1, rwf);
}

/**
 * Write a vector, at `pos` or (-1) at the file's own position; `file` can be written, and at a position if
 * that is asked for.
 */
export function writeVector(t: Task, file: File, io: IoBuf, pos: number, rwf: number): number {
  if (io.remaining === 0) return isUnwritable(file) ? -EINVAL : 0;
  const r = rwfCheck(file, rwf);
  if (r < 0) return r;
  if (pos >= 0) return countWrite(t, writeAt(t, file, io, pos, rwf));
  skip(io, t.wait.progress);
  return countWrite(t, writeCurrent(t, file, io, rwf));
}

/** Pass over `count` bytes that an earlier run of the call took. */
export function skip(io: IoBuf, count: number): void {
  while (count > 0) {
    const n = io.window(count, false);
    // Memory that has gone since: the write will find that out.
    if (n === 0) return;
    io.advance(n);
    count -= n;
  }
}

/** pwritev(2). The offset is one register on x86-64; the "high half" argument means nothing. */
function sysPwritev(t: Task, a: SyscallArgs): number {
  return writevAt(t, a, a.s64(3), 0);
}

function writevAt(t: Task, a: SyscallArgs, pos: number, rwf: number): number {
  if (pos < 0) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  if (!file.positionedWrites) return -ESPIPE;
  if (!mayWrite(file.flags)) return -EBADF;
  const io = t.mm.iov(a.u64(1), a.u32(2));
  if (typeof io === 'number') return isUnwritable(file) ? -EINVAL : io;
  return writeVector(t, file, io, pos, rwf);
}

/** pwritev2(2): position -1 is the file's own. */
function sysPwritev2(t: Task, a: SyscallArgs): number {
  const pos = a.s64(3);
  return pos === -1 ? writevCurrent(t, a, a.u32(5)) : writevAt(t, a, pos, a.u32(5));
}

export const rows = [
  row(SYS_write, 'write', sysWrite, ['fd', 'buf', 'size']),
  row(SYS_pwrite64, 'pwrite64', sysPwrite64, ['fd', 'buf', 'size', 'off']),
  row(SYS_writev, 'writev', sysWritev, ['fd', 'iovec', 'ulong']),
  row(SYS_pwritev, 'pwritev', sysPwritev, ['fd', 'iovec', 'ulong', 'off']),
  row(SYS_pwritev2, 'pwritev2', sysPwritev2, ['fd', 'iovec', 'ulong', 'off', 'ulong', RWF_FLAGS]),
];

import {
  CLOSE_RANGE_CLOEXEC,
  CLOSE_RANGE_UNSHARE,
  EBADF,
  EINTR,
  EINVAL,
  ERESTART_RESTARTBLOCK,
  ERESTARTSYS,
  O_CLOEXEC,
  RLIMIT_NOFILE,
  SYS_close,
  SYS_close_range,
  SYS_dup,
  SYS_dup2,
  SYS_dup3,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { FdTable } from '../../process/files/fd-table.js';
import type { Task } from '../../process/task/task.js';

/** close(2). The descriptor is gone whatever is answered, so a restart is no option: EINTR. */
function sysClose(t: Task, a: SyscallArgs): number {
  const r = t.files.close(a.i32(0));
  return r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK ? -EINTR : r;
}

/** close_range(2) */
function sysCloseRange(t: Task, a: SyscallArgs): number {
  const first = a.u32(0);
  const last = a.u32(1);
  const flags = a.u32(2);
  if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) !== 0) return -EINVAL;
  if (first > last) return -EINVAL;
  if ((flags & CLOSE_RANGE_UNSHARE) !== 0) unshareFiles(t);
  const files = t.files;
  const end = Math.min(last + 1, files.size);
  if ((flags & CLOSE_RANGE_CLOEXEC) !== 0) {
    for (let fd = first; fd < end; fd++) files.setCloexec(fd, true);
    return 0;
  }
  for (let fd = end - 1; fd >= first; fd--) if (files.get(fd) !== null) files.close(fd);
  return 0;
}

/** Give the task a descriptor table of its own (unshare(2) CLONE_FILES). */
export function unshareFiles(t: Task): void {
  if (t.files.users === 1) return;
  t.files.users--;
  t.files = t.files.clone();
}

/** dup(2) */
function sysDup(t: Task, a: SyscallArgs): number {
  return dupTo(t.files, a.i32(0), 0, false, t.group.limits.soft[RLIMIT_NOFILE]);
}

/** A further descriptor for what `fd` refers to, the lowest free one from `min` on. -EBADF, -EMFILE. */
export function dupTo(files: FdTable, fd: number, min: number, cloexec: boolean, limit: number): number {
  const file = files.get(fd);
  if (file === null) return -EBADF;
  const r = files.install(file, cloexec, limit, min);
  if (r >= 0) file.refs++;
  return r;
}

/** dup2(2) */
function sysDup2(t: Task, a: SyscallArgs): number {
  const from = a.i32(0);
  const to = a.u32(1);
  if (from === to) return t.files.get(from) === null ? -EBADF : from;
  return replace(t, from, to, false);
}

/** dup3(2) */
function sysDup3(t: Task, a: SyscallArgs): number {
  const flags = a.u32(2);
  if ((flags & ~O_CLOEXEC) !== 0) return -EINVAL;
  const from = a.i32(0);
  const to = a.u32(1);
  if (from === to) return -EINVAL;
  return replace(t, from, to, flags !== 0);
}

function replace(t: Task, from: number, to: number, cloexec: boolean): number {
  if (to >= t.group.limits.soft[RLIMIT_NOFILE]) return -EBADF;
  const file = t.files.get(from);
  if (file === null) return -EBADF;
  file.refs++;
  t.files.installAt(to, file, cloexec);
  return to;
}

export const rows = [
  row(SYS_close, 'close', sysClose, ['fd']),
  row(SYS_close_range, 'close_range', sysCloseRange, [
    'uint',
    'uint',
    { flags: { CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC } },
  ]),
  row(SYS_dup, 'dup', sysDup, ['fd']),
  row(SYS_dup2, 'dup2', sysDup2, ['fd', 'fd']),
  row(SYS_dup3, 'dup3', sysDup3, ['fd', 'fd', { flags: { O_CLOEXEC } }]),
];

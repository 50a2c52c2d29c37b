import {
  CAP_SYS_NICE,
  EBADF,
  EINVAL,
  EPERM,
  ESRCH,
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_PAGEOUT,
  MADV_WILLNEED,
  SYS_process_madvise,
  SYS_process_mrelease,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { asPidfd, type PidfdFile } from '../../process/files/pidfd.js';
import { ptraceAccess } from '../../process/task/access.js';
import type { Task } from '../../process/task/task.js';

const IOVEC = 16;
const MAX_VECTOR = 1024;
/** What may be advised to another process: nothing that loses content. */
const HARMLESS = [MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED, MADV_COLLAPSE];

/** The live thread a pidfd stands for. */
function targetOf(t: Task, fd: number): Task | number {
  const file = asPidfd(t.files.get(fd));
  if (file === null) return -EBADF;
  return file.hasExited ? -ESRCH : threadOf(file);
}

function threadOf(file: PidfdFile): Task {
  return file.isThread ? file.task : (file.group.tasks[0] ?? file.group.leader);
}

/**
 * process_madvise(2): bytes advised, or the error met before the first. EBADF, EFAULT, EINVAL, EPERM, ESRCH.
 */
function sysProcessMadvise(t: Task, a: SyscallArgs): number {
  if (a.u32(4) !== 0) return -EINVAL;
  const vector = a.u64(1);
  const count = a.u64(2);
  if (count > MAX_VECTOR) return -EINVAL;
  const target = targetOf(t, a.i32(0));
  if (typeof target === 'number') return target;
  const advice = a.i32(3);
  const self = target.mm === t.mm;
  if (!self) {
    if (!HARMLESS.includes(advice)) return -EINVAL;
    if (ptraceAccess(t, target, false) < 0 || !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
  }
  let done = 0;
  for (let i = 0; i < count; i++) {
    const addr = t.mm.load64(vector + i * IOVEC);
    const length = addr < 0 ? addr : t.mm.load64(vector + i * IOVEC + 8);
    if (length < 0) return done > 0 ? done : length;
    const { pages } = target.mm;
    const outer = pages.foreign;
    pages.foreign ||= !self;
    const r = target.mm.madvise(addr, length, advice);
    pages.foreign = outer;
    if (r < 0) return done > 0 ? done : r;
    done += length;
  }
  return done;
}

/** process_mrelease(2): memory goes with a process at once here. EBADF, EINVAL (it is not dying), ESRCH. */
function sysProcessMrelease(t: Task, a: SyscallArgs): number {
  const file = asPidfd(t.files.get(a.i32(0)));
  if (a.u32(1) !== 0) return -EINVAL;
  if (file === null) return -EBADF;
  if (file.hasExited) return -ESRCH;
  return file.group.exiting || threadOf(file).signals.exiting ? 0 : -EINVAL;
}

export const rows = [
  row(SYS_process_madvise, 'process_madvise', sysProcessMadvise, ['fd', 'iovec', 'ulong', 'int', 'uint']),
  row(SYS_process_mrelease, 'process_mrelease', sysProcessMrelease, ['fd', 'uint']),
];

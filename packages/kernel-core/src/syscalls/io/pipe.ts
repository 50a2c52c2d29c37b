import {
  EFAULT,
  EINVAL,
  ENFILE,
  ENOPKG,
  O_CLOEXEC,
  O_DIRECT,
  O_EXCL,
  O_NONBLOCK,
  RLIMIT_NOFILE,
  SYS_pipe,
  SYS_pipe2,
} from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import type { Task } from '../../process/task/task.js';
import { row } from '../row.js';

/** O_NOTIFICATION_PIPE: watch_queue(7), which kernels may be built without. */
const O_NOTIFICATION_PIPE = O_EXCL;

/** pipe(2) */
function sysPipe(t: Task, a: SyscallArgs): number {
  return pipe(t, a.u64(0), 0);
}

/** pipe2(2) */
function sysPipe2(t: Task, a: SyscallArgs): number {
  const flags = a.u32(1);
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_NOTIFICATION_PIPE)) !== 0) return -EINVAL;
  if ((flags & O_NOTIFICATION_PIPE) !== 0) return -ENOPKG;
  return pipe(t, a.u64(0), flags);
}

function pipe(t: Task, addr: number, flags: number): number {
  const ends: File[] = [];
  const r = t.kernel.io.makePipe(t.cred, flags, ends);
  if (r < 0) return r;
  return installPair(t, ends[0], ends[1], addr, (flags & O_CLOEXEC) !== 0);
}

/**
 * Give two new anonymous descriptions descriptors and store them as two ints at `addr`. The references are taken over, or
 * dropped on failure: -EMFILE, -ENFILE, -EFAULT.
 */
export function installPair(t: Task, first: File, second: File, addr: number, cloexec: boolean): number {
  if (!countOpen(t, first) || !countOpen(t, second)) {
    releaseFile(first);
    releaseFile(second);
    return -ENFILE;
  }
  const limit = t.group.limits.soft[RLIMIT_NOFILE];
  const fd0 = t.files.install(first, cloexec, limit);
  if (fd0 < 0) {
    releaseFile(first);
    releaseFile(second);
    return fd0;
  }
  const fd1 = t.files.install(second, cloexec, limit);
  if (fd1 < 0) {
    t.files.close(fd0);
    releaseFile(second);
    return fd1;
  }
  const { scratch, scratchView } = t.kernel;
  scratchView.setInt32(0, fd0, true);
  scratchView.setInt32(4, fd1, true);
  if (t.mm.copyOut(addr, scratch, 0, 8) < 0) {
    t.files.close(fd0);
    t.files.close(fd1);
    return -EFAULT;
  }
  return 0;
}

/** Count a new description against the kernel's limit. False: there are too many (ENFILE). */
function countOpen(t: Task, file: File): boolean {
  const { vfs, limits } = t.kernel;
  // A connection that was waiting to be accepted is counted already.
  if (file.openCounter !== null) return true;
  if (vfs.openFiles >= limits.openFiles) return false;
  vfs.openFiles++;
  file.openCounter = vfs;
  return true;
}

/** Give a new anonymous description a descriptor; drops the reference on failure (-EMFILE, -ENFILE). */
export function installFile(t: Task, file: File, cloexec: boolean): number {
  const fd = countOpen(t, file)
    ? t.files.install(file, cloexec, t.group.limits.soft[RLIMIT_NOFILE])
    : -ENFILE;
  if (fd < 0) releaseFile(file);
  return fd;
}

export const rows = [
  row(SYS_pipe, 'pipe', sysPipe, ['pipefds']),
  row(SYS_pipe2, 'pipe2', sysPipe2, ['pipefds', { flags: { O_CLOEXEC, O_NONBLOCK, O_DIRECT } }], {
    support: 'partial',
    note: 'O_NOTIFICATION_PIPE answers ENOPKG, as a kernel without watch queues does',
  }),
];

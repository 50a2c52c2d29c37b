import { EINVAL, ENOPKG, O_CLOEXEC, O_DIRECT, O_EXCL, O_NONBLOCK, SYS_pipe, SYS_pipe2 } from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { ioOf } from '../../files/io-state.js';
import { installPair } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';

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
  const r = ioOf(t.kernel).makePipe(t.cred, flags, ends);
  if (r < 0) return r;
  return installPair(t, ends[0], ends[1], addr, (flags & O_CLOEXEC) !== 0);
}

export const rows = [
  row(SYS_pipe, 'pipe', sysPipe, ['pipefds']),
  row(SYS_pipe2, 'pipe2', sysPipe2, ['pipefds', { flags: { O_CLOEXEC, O_NONBLOCK, O_DIRECT } }], {
    support: 'partial',
    note: 'O_NOTIFICATION_PIPE answers ENOPKG, as a kernel without watch queues does',
  }),
];

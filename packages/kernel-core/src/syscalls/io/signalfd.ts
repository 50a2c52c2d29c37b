import {
  EBADF,
  EFAULT,
  EINVAL,
  POLLIN,
  SFD_CLOEXEC,
  SFD_NONBLOCK,
  SYS_signalfd,
  SYS_signalfd4,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { SignalFile } from '../../files/event/signalfd.js';
import { fileOf } from '../../files/io/files.js';
import { installFile } from '../../process/files/install.js';
import { UNBLOCKABLE_LO } from '../../process/signal/sigset.js';
import type { Task } from '../../process/task/task.js';

const SIGSET_SIZE = 8;

/** signalfd(2) as it was before flags. */
function sysSignalfd(t: Task, a: SyscallArgs): number {
  return signalfd(t, a, 0);
}

/** signalfd4: signalfd(2) */
function sysSignalfd4(t: Task, a: SyscallArgs): number {
  return signalfd(t, a, a.u32(3));
}

function signalfd(t: Task, a: SyscallArgs, flags: number): number {
  if (a.u64(2) !== SIGSET_SIZE) return -EINVAL;
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(a.u64(1), scratch, 0, SIGSET_SIZE) < 0) return -EFAULT;
  const lo = scratchView.getUint32(0, true) & ~UNBLOCKABLE_LO;
  const hi = scratchView.getUint32(4, true);
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) !== 0) return -EINVAL;
  const fd = a.i32(0);
  if (fd === -1) {
    const file = new SignalFile(t.kernel.anonInode, t.kernel, flags);
    file.mask.set(lo, hi);
    return installFile(t, file, (flags & SFD_CLOEXEC) !== 0);
  }
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!(file instanceof SignalFile)) return -EINVAL;
  file.mask.set(lo, hi);
  t.signals.queueChanged.wake(POLLIN);
  return fd;
}

export const rows = [
  row(SYS_signalfd, 'signalfd', sysSignalfd, ['fd', 'sigset', 'size']),
  row(SYS_signalfd4, 'signalfd4', sysSignalfd4, [
    'fd',
    'sigset',
    'size',
    { flags: { SFD_CLOEXEC, SFD_NONBLOCK } },
  ]),
];

import { EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE, EINVAL, SYS_eventfd, SYS_eventfd2 } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { EventFile } from '../../files/event/eventfd.js';
import { ioOf } from '../../files/io-state.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';

/** eventfd(2) */
function sysEventfd(t: Task, a: SyscallArgs): number {
  return eventfd(t, a.u32(0), 0);
}

/** eventfd2: eventfd(2) with flags. */
function sysEventfd2(t: Task, a: SyscallArgs): number {
  const flags = a.u32(1);
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) !== 0) return -EINVAL;
  return eventfd(t, a.u32(0), flags);
}

function eventfd(t: Task, initial: number, flags: number): number {
  const io = ioOf(t.kernel);
  const semaphore = (flags & EFD_SEMAPHORE) !== 0;
  const file = new EventFile(t.kernel.anonInode, io.nextEventId(), initial, semaphore, flags);
  return installFile(t, file, (flags & EFD_CLOEXEC) !== 0);
}

export const rows = [
  row(SYS_eventfd, 'eventfd', sysEventfd, ['uint']),
  row(SYS_eventfd2, 'eventfd2', sysEventfd2, [
    'uint',
    { flags: { EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE } },
  ]),
];

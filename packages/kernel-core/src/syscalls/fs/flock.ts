import {
  EAGAIN,
  EBADF,
  EINVAL,
  ERESTARTSYS,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_ACCMODE,
  POLLIN,
  SYS_flock,
} from '@sandbox/abi';
import { locksOf } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';

/** flock(2) */
function sysFlock(t: Task, a: SyscallArgs): number {
  const op = a.u32(1) & ~LOCK_NB;
  if (op !== LOCK_SH && op !== LOCK_EX && op !== LOCK_UN) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  // Access mode 3 locks nothing.
  if (op !== LOCK_UN && (file.flags & O_ACCMODE) === O_ACCMODE) return -EBADF;
  if (op === LOCK_UN && file.inode.locks === null) return 0;
  const locks = locksOf(file.inode);
  const r = locks.flock(file, op);
  if (r !== -EAGAIN || (a.u32(1) & LOCK_NB) !== 0) return r;
  t.wait.holdFile(file);
  return t.sleep(locks.queue, POLLIN, -ERESTARTSYS);
}

export const rows = [
  row(SYS_flock, 'flock', sysFlock, [
    'fd',
    { base: { LOCK_SH, LOCK_EX, LOCK_UN }, baseMask: 11, flags: { LOCK_NB } },
  ]),
];

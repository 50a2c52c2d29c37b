import {
  EBUSY,
  EFAULT,
  EINVAL,
  EPERM,
  RSEQ,
  RSEQ_FLAG_UNREGISTER,
  SYS_rseq,
  TASK_SIZE_MAX,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { Rseq } from '../../process/task/rseq.js';
import type { Task } from '../../process/task/task.js';
import { virtualCpusOf } from '../../process/task/virtual-cpus.host.js';

function unregister(task: Task, area: number, length: number, signature: number): number {
  const { rseq } = task;
  if (rseq === null || rseq.area !== area || rseq.length !== length) return -EINVAL;
  if (rseq.signature !== signature) return -EPERM;
  if (!rseq.reset()) return -EFAULT;
  rseq.leave();
  task.rseq = null;
  return 0;
}

/**
 * The first version of `struct rseq` is aligned to its size; longer ones reach at least to the end of the
 * fields known here.
 */
function isWellFormed(area: number, length: number): boolean {
  return length >= RSEQ.SIZE && area % RSEQ.SIZE === 0;
}

/**
 * rseq(2), rseq(area, length, flags, signature): EBUSY (registered already), EFAULT, EINVAL, EPERM (another
 * signature). A bad area is found when the thread is to run: SIGSEGV.
 */
function sysRseq(task: Task, args: SyscallArgs): number {
  const area = args.u64(0);
  const length = args.u32(1);
  const flags = args.u32(2);
  const signature = args.u32(3);
  if ((flags & RSEQ_FLAG_UNREGISTER) !== 0) {
    return flags === RSEQ_FLAG_UNREGISTER ? unregister(task, area, length, signature) : -EINVAL;
  }
  if (flags !== 0) return -EINVAL;
  const { rseq } = task;
  if (rseq !== null) {
    if (rseq.area !== area || rseq.length !== length) return -EINVAL;
    return rseq.signature === signature ? -EBUSY : -EPERM;
  }
  if (!isWellFormed(area, length)) return -EINVAL;
  if (area + length > TASK_SIZE_MAX) return -EFAULT;
  task.rseq = new Rseq(task, area, length, signature, virtualCpusOf(task.kernel, task.mm));
  return 0;
}

export const rows = [
  row(SYS_rseq, 'rseq', sysRseq, ['ptr', 'uint', 'int', 'uint'], {
    note: 'processor numbers are given out within an address space: processes that share memory may have the same at a time',
  }),
];

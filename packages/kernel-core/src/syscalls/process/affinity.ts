import {
  CAP_SYS_NICE,
  EFAULT,
  EINVAL,
  EPERM,
  ESRCH,
  SYS_sched_getaffinity,
  SYS_sched_setaffinity,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { findTask } from './sched.js';

/** Bytes of the kernel's own mask: one `unsigned long`. */
const MASK_SIZE = 8;

/** Processors that exist, as bits; at most 32 are offered. */
function present(t: Task): number {
  return t.kernel.cpus >= 32 ? 0xffffffff : (2 ** t.kernel.cpus - 1) >>> 0;
}

/** sched_setaffinity(2): EFAULT, EINVAL (no processor left), EPERM, ESRCH. */
function sysSchedSetaffinity(t: Task, a: SyscallArgs): number {
  const size = Math.min(a.u32(1), MASK_SIZE);
  const { scratch, scratchView } = t.kernel;
  scratch.fill(0, 0, MASK_SIZE);
  if (t.mm.copyIn(a.u64(2), scratch, 0, size) < 0) return -EFAULT;
  const mask = (scratchView.getUint32(0, true) & present(t)) >>> 0;
  const target = findTask(t, a.i32(0), -ESRCH);
  if (typeof target === 'number') return target;
  const own = t.cred.euid;
  if (own !== target.cred.euid && own !== target.cred.uid && !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
  if (mask === 0) return -EINVAL;
  target.attributes.affinity = mask;
  const { rseq } = target;
  if (rseq !== null && !rseq.allows(rseq.cpu)) {
    rseq.preempt();
    target.kick();
  }
  return 0;
}

/** sched_getaffinity(2): the number of bytes stored; EFAULT, EINVAL (buffer too small or odd), ESRCH. */
function sysSchedGetaffinity(t: Task, a: SyscallArgs): number {
  const size = a.u32(1);
  // Linux counts the bits in an unsigned int, which wraps.
  if ((size << 3) >>> 0 < t.kernel.cpus || size % MASK_SIZE !== 0) return -EINVAL;
  const target = findTask(t, a.i32(0), -ESRCH);
  if (typeof target === 'number') return target;
  const { scratch, scratchView } = t.kernel;
  scratchView.setUint32(0, target.attributes.affinity & present(t), true);
  scratchView.setUint32(4, 0, true);
  return t.mm.copyOut(a.u64(2), scratch, 0, MASK_SIZE) < 0 ? -EFAULT : MASK_SIZE;
}

export const rows = [
  row(SYS_sched_setaffinity, 'sched_setaffinity', sysSchedSetaffinity, ['pid', 'size', 'ptr'], {
    support: 'partial',
    note: 'recorded; guests run on the host scheduler',
  }),
  row(SYS_sched_getaffinity, 'sched_getaffinity', sysSchedGetaffinity, ['pid', 'size', 'ptr']),
];

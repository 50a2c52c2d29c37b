import {
  CAP_SYS_ADMIN,
  EACCES,
  EFAULT,
  EINVAL,
  ENOENT,
  PTRACE_PEEKSIGINFO_ARGS,
  PTRACE_PEEKSIGINFO_SHARED,
  PTRACE_RSEQ_CONFIGURATION,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_MODE_DISABLED,
  SECCOMP_MODE_FILTER,
  SI_MAX_SIZE,
} from '@sandbox/abi';
import type { SeccompFilter } from '../seccomp/filter.js';
import { writeSiginfo } from '../signal/siginfo-layout.js';
import type { Task } from '../task/task.js';

/** PTRACE_PEEKSIGINFO: queued signals from `off` on, not taken away. How many; EFAULT, EINVAL. */
export function peekSiginfo(task: Task, other: Task, addr: number, data: number): number {
  const { scratch, scratchView } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, PTRACE_PEEKSIGINFO_ARGS.SIZE) < 0) return -EFAULT;
  const off =
    scratchView.getUint32(PTRACE_PEEKSIGINFO_ARGS.off, true) +
    scratchView.getUint32(PTRACE_PEEKSIGINFO_ARGS.off + 4, true) * 4294967296;
  const flags = scratchView.getUint32(PTRACE_PEEKSIGINFO_ARGS.flags, true);
  const nr = scratchView.getInt32(PTRACE_PEEKSIGINFO_ARGS.nr, true);
  if ((flags & ~PTRACE_PEEKSIGINFO_SHARED) !== 0 || nr < 0) return -EINVAL;
  const shared = (flags & PTRACE_PEEKSIGINFO_SHARED) !== 0;
  const { queue } = shared ? other.group.signals.pending : other.signals.pending;
  let done = 0;
  for (; done < nr && off + done < queue.length; done++) {
    writeSiginfo(scratchView, 0, queue[off + done]!);
    if (task.mm.copyOut(data + done * SI_MAX_SIZE, scratch, 0, SI_MAX_SIZE) < 0)
      return done > 0 ? done : -EFAULT;
  }
  return done;
}

/** PTRACE_GET_RSEQ_CONFIGURATION: the size of the struct, all zero when none is registered; EFAULT. */
export function rseqConfiguration(task: Task, other: Task, size: number, data: number): number {
  const { scratch, scratchView } = task.kernel;
  const R = PTRACE_RSEQ_CONFIGURATION;
  scratch.fill(0, 0, R.SIZE);
  const { rseq } = other;
  if (rseq !== null) {
    scratchView.setUint32(R.rseq_abi_pointer, rseq.area >>> 0, true);
    scratchView.setUint32(R.rseq_abi_pointer + 4, Math.floor(rseq.area / 4294967296), true);
    scratchView.setUint32(R.rseq_abi_size, rseq.length, true);
    scratchView.setUint32(R.signature, rseq.signature, true);
  }
  return task.mm.copyOut(data, scratch, 0, Math.min(size, R.SIZE)) < 0 ? -EFAULT : R.SIZE;
}

/** The `index`th filter counted from the oldest; EACCES, EINVAL, ENOENT. */
function nthFilter(task: Task, other: Task, index: number): SeccompFilter | number {
  if (!task.cred.capable(CAP_SYS_ADMIN) || task.seccompMode !== SECCOMP_MODE_DISABLED) return -EACCES;
  if (other.seccompMode !== SECCOMP_MODE_FILTER || other.seccomp === null) return -EINVAL;
  for (let f: SeccompFilter | null = other.seccomp; f !== null; f = f.prev)
    if (f.depth === index + 1) return f;
  return -ENOENT;
}

/** PTRACE_SECCOMP_GET_FILTER: the number of instructions, stored when `data` is not null. */
export function filterOf(task: Task, other: Task, index: number, data: number): number {
  const filter = nthFilter(task, other, index);
  if (typeof filter === 'number') return filter;
  if (data !== 0) {
    const bytes = filter.program.toBytes();
    if (task.mm.copyOut(data, bytes, 0, bytes.length) < 0) return -EFAULT;
  }
  return filter.program.length;
}

/**
 * PTRACE_SECCOMP_GET_METADATA: struct { filter_off, flags }. The bytes stored; EINVAL, EFAULT and the above.
 */
export function filterMetadata(task: Task, other: Task, size: number, data: number): number {
  if (!task.cred.capable(CAP_SYS_ADMIN) || task.seccompMode !== SECCOMP_MODE_DISABLED) return -EACCES;
  const length = Math.min(size, 16);
  if (length < 8) return -EINVAL;
  const { scratch, scratchView } = task.kernel;
  if (task.mm.copyIn(data, scratch, 0, 8) < 0) return -EFAULT;
  const index = scratchView.getUint32(0, true);
  const filter = nthFilter(
    task,
    other,
    scratchView.getUint32(4, true) !== 0 ? Number.POSITIVE_INFINITY : index,
  );
  if (typeof filter === 'number') return filter;
  scratchView.setUint32(8, filter.log ? SECCOMP_FILTER_FLAG_LOG : 0, true);
  scratchView.setUint32(12, 0, true);
  return task.mm.copyOut(data, scratch, 0, length) < 0 ? -EFAULT : length;
}

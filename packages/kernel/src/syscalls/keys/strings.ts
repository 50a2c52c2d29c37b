import { EFAULT, EINVAL, EPERM } from '@sandbox/abi';
import type { Task } from '../../task/task.js';

const TYPE_SIZE = 32;
const DESCRIPTION_SIZE = 4096;

/** A NUL-terminated byte string of less than `max` bytes. -EFAULT, -EINVAL when it is longer. */
function loadString(t: Task, addr: number, max: number): string | number {
  const { scratch } = t.kernel;
  const n = t.mm.copyInPartial(addr, scratch, 0, max);
  if (n <= 0) return -EFAULT;
  const end = scratch.subarray(0, n).indexOf(0);
  if (end < 0) return n < max ? -EFAULT : -EINVAL;
  return Buffer.from(scratch.subarray(0, end)).toString('latin1');
}

/** The name of a type; those with a dot in front are the kernel's (-EPERM). */
export function loadType(t: Task, addr: number): string | number {
  const name = loadString(t, addr, TYPE_SIZE);
  if (typeof name === 'number') return name;
  if (name.length === 0) return -EINVAL;
  return name.startsWith('.') ? -EPERM : name;
}

export function loadDescription(t: Task, addr: number): string | number {
  return loadString(t, addr, DESCRIPTION_SIZE);
}

import { EFAULT, EINVAL, EPERM } from '@sandbox/abi';
import type { Task } from '../../process/task/task.js';

const TYPE_SIZE = 32;
const DESCRIPTION_SIZE = 4096;

/** A NUL-terminated byte string of less than `max` bytes. -EFAULT, -EINVAL when it is longer. */
function loadString(t: Task, addr: number, max: number): string | number {
  const text = t.mm.readString(addr, max);
  return typeof text === 'number' && text !== -EFAULT ? -EINVAL : text;
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

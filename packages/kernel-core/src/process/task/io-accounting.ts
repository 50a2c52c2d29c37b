import { BLOCKED } from '../../call/result.js';
import type { Task } from './task.js';

/**
 * Fields of what is counted (proc_pid_io(5)): bytes read and written by calls of read's and write's kind, and
 * how many such calls.
 */
export const RCHAR = 0;
export const WCHAR = 1;
export const SYSCR = 2;
export const SYSCW = 3;

/** Bytes of I/O, and calls. */
export function newIoCount(): Float64Array {
  return new Float64Array(4);
}

/** `n` is what a call that read answers: count it, unless the call goes on. */
export function countRead(t: Task, n: number): number {
  if (n === BLOCKED) return n;
  if (n > 0) t.io[RCHAR]! += n;
  t.io[SYSCR]!++;
  return n;
}

/** The same of a call that wrote. */
export function countWrite(t: Task, n: number): number {
  if (n === BLOCKED) return n;
  if (n > 0) t.io[WCHAR]! += n;
  t.io[SYSCW]!++;
  return n;
}

/** Of a call that did both (sendfile(2), copy_file_range(2)). */
export function countCopy(t: Task, n: number): number {
  countRead(t, n);
  return countWrite(t, n);
}

export function addIo(to: Float64Array, from: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i]! += from[i]!;
}

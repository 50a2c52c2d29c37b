/**
 * Calls whose answer stays the same for long (getpid, getuid and their kin): a platform may give it without
 * asking again, as long as nobody wants to see each call.
 */
import type { KernelCore } from '../kernel/kernel-core.js';
import type { IdMap } from '../ns/user-ns.js';
import type { Task } from './task.js';
import type { ThreadGroup } from './thread-group.js';

/** The result of call `nr`, and what it will be until `withdrawAnswers`. */
export function constantAnswer(t: Task, nr: number, value: number): number {
  const { kernel } = t;
  if (kernel.tracer === null && kernel.syscalls.latency === null && t.syscallWork === 0) {
    t.context.offerAnswer?.(nr, value);
  }
  return value;
}

/**
 * The same for a kernel `id` as `map` shows it. Maps of namespaces made later can still be written: theirs
 * are not constant.
 */
export function shownAnswer(t: Task, nr: number, map: IdMap, id: number): number {
  return map.ranges === null ? constantAnswer(t, nr, id) : map.show(id);
}

/** What was constant for `t` may have changed, or somebody wants to see its calls from now on. */
export function withdrawAnswers(t: Task): void {
  t.context.withdrawAnswers?.();
}

export function withdrawGroupAnswers(group: ThreadGroup): void {
  for (const t of group.tasks) withdrawAnswers(t);
}

export function withdrawAllAnswers(kernel: KernelCore): void {
  for (const t of kernel.pids.tasks.values()) withdrawAnswers(t);
}

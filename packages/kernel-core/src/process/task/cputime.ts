import type { Task } from './task.js';
import type { ThreadGroup } from './thread-group.js';

/**
 * CPU time of tasks and processes, in nanoseconds. What the guest's own instructions took comes from the
 * platform; the kernel's work for a task is not measured, so system time is 0 but for what has been booked on
 * a process.
 */

/** Time in user mode of a living thread; 0 where the platform cannot tell. */
export function taskUserTime(task: Task): number {
  const context = task.context;
  return context.cpuTimeNs ? context.cpuTimeNs() : 0;
}

export function taskSystemTime(_task: Task): number {
  return 0;
}

export function taskCpuTime(task: Task): number {
  return taskUserTime(task) + taskSystemTime(task);
}

/** User time of a process: its threads now and those that have exited. */
export function processUserTime(group: ThreadGroup): number {
  let sum = group.deadUtime;
  for (const task of group.tasks) sum += taskUserTime(task);
  return sum;
}

export function processSystemTime(group: ThreadGroup): number {
  let sum = group.deadStime;
  for (const task of group.tasks) sum += taskSystemTime(task);
  return sum;
}

export function processCpuTime(group: ThreadGroup): number {
  return processUserTime(group) + processSystemTime(group);
}

/** Nanoseconds in units of USER_HZ (100 a second), as times(2) and siginfo_t report CPU time. */
export function toTicks(ns: number): number {
  return Math.floor(ns / 10_000_000);
}

import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import type { ProcessWatcher } from './process-watcher.js';

/**
 * Places where subsystems that own something of a task or process let go of it. Called in order of
 * registration.
 */
export class KernelHooks {
  /** A thread leaves: its memory, files and context are still there. */
  readonly taskExit: ((task: Task) => void)[] = [];
  /** The last thread (`task`) of a process leaves: timers, locks. Its memory and files are still there. */
  readonly processExit: ((group: ThreadGroup, task: Task) => void)[] = [];
  /** execve has passed the point of no return; `task` is the only thread, its memory still the old one. */
  readonly exec: ((task: Task) => void)[] = [];
  /** Whoever hears of all processes: nobody, most of the time. */
  readonly watchers: ProcessWatcher[] = [];
}

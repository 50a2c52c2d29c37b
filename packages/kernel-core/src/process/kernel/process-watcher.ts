import type { Task } from '../task/task.js';

/**
 * Somebody who hears what becomes of all processes (the process connector, taskstats):
 * `KernelHooks.watchers`.
 */
export interface ProcessWatcher {
  /** A thread or process was made, and has not run yet. */
  forked?(child: Task): void;
  /** It runs another program. */
  execed?(task: Task): void;
  /** Its real or effective, or another user id changed; group ids likewise. */
  uidChanged?(task: Task): void;
  gidChanged?(task: Task): void;
  /** It leads a new session. */
  sessionBegan?(task: Task): void;
  /** It is traced by `tracer` from now on; null: no more. */
  traced?(task: Task, tracer: Task | null): void;
  /** It has another name (comm). */
  renamed?(task: Task): void;
  /** A signal ends it that is worth a core dump. */
  dumping?(task: Task): void;
  /** It ends, and has what it had; `last`: of its process. */
  exiting?(task: Task, last: boolean): void;
  /** It has ended, and perhaps is gone already; `status` is a wait status word. */
  exited?(task: Task, status: number): void;
}

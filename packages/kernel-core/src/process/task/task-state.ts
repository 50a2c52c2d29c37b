/** Executing guest code on the platform (or about to). */
export const TASK_RUNNING = 0;
/** Inside a system call or an event handler of ours. */
export const TASK_KERNEL = 1;
/** Waiting in a blocked system call. */
export const TASK_BLOCKED = 2;
/** Stopped by a signal (job control). */
export const TASK_STOPPED = 3;
/** Stopped for its tracer (ptrace(2)). */
export const TASK_TRACED = 4;
/** Exited; a leader, or a traced thread, waits to be reaped. */
export const TASK_ZOMBIE = 5;
/** Reaped: only stale references remain. */
export const TASK_DEAD = 6;

export type TaskState = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/**
 * Bits of `Task.syscallWork`: its calls are filtered; stop at their entries and exits; do not make them;
 * step.
 */
export const WORK_SECCOMP = 1;
export const WORK_TRACE = 2;
export const WORK_EMU = 4;
export const WORK_STEP = 8;
/** They may be for the program itself to answer (`dispatch`). */
export const WORK_DISPATCH = 16;

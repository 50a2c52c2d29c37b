/**
 * What a thread does next once its tracer lets it go on: a stop is a state, not a call on a stack, so where
 * it came from is a number kept in the task.
 */
export const STAGE_NONE = 0;
/** Stopped at the entry of a system call. */
export const STAGE_ENTRY = 1;
/** The same under PTRACE_SYSEMU: the call is not made. */
export const STAGE_EMULATED = 2;
/** Stopped by a filter (SECCOMP_RET_TRACE) before the call. */
export const STAGE_SECCOMP = 3;
/** An event within a call: its handler runs again. */
export const STAGE_HANDLER = 4;
/** An event at the end of a call (execve): what comes at the end of calls follows. */
export const STAGE_CALL_END = 5;
/** Stopped at the exit of a system call. */
export const STAGE_EXIT = 6;
/** A signal was shown to the tracer, which decides about it. */
export const STAGE_SIGNAL = 7;
/** A stop of its own (group stop, PTRACE_INTERRUPT, the end of the thread): signal delivery goes on. */
export const STAGE_DELIVER = 8;

export type Stage = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

import type { Handler, Row } from '../../call/row.js';
import type { Task } from '../task/task.js';

/** The code of one system call. */
export type SyscallHandler = Handler<Task>;

/** One row of the system call table, for a task. */
export type SyscallRow = Row<Task>;

/** How long one call took, from its entry to its result, sleeps included. */
export interface CallLatency {
  readonly count: number;
  /** Nanoseconds of all together, and of the longest. */
  readonly totalNs: number;
  readonly maxNs: number;
  /**
   * Calls by duration: `belowNs` is the (exclusive) upper bound, Infinity in the last. Empty ones are left
   * out.
   */
  readonly histogram: readonly { readonly belowNs: number; readonly count: number }[];
}

/** Times calls: `enter` when a call starts, `leave` when it has its result. */
export interface CallTimer {
  enter(task: Task): void;
  leave(task: Task, nr: number): void;
  /** Of call `nr`; null when it was not made. */
  read(nr: number): CallLatency | null;
}

/**
 * The system call table as tasks use it; the table itself is built above them, from every layer's rows
 * (table/table.ts).
 */
export interface CallTable {
  /** Calls answered per number since start. */
  readonly counts: Float64Array;
  /** Times calls; null unless the embedder asked for it. */
  latency: CallTimer | null;
  row(nr: number): SyscallRow | null;
  /** First run of a call. */
  dispatch(task: Task, nr: number): number;
  /** Later runs, after a wait. */
  redispatch(task: Task, nr: number): number;
}

import { EAGAIN, EFAULT, ENOSYS, SYSCALL_NAMES } from '@sandbox/abi';
import { BLOCKED } from '../call/result.js';
import { ALL_EVENTS } from '../process/files/events.js';
import type { CallTable, CallTimer, SyscallHandler, SyscallRow } from '../process/kernel/call-table.js';
import { awaitMissingForCall } from '../process/memory/await-page.js';
import type { Task } from '../process/task/task.js';

/** Calls by number: dispatch, and the data documentation and tracing derive from. */
export class SyscallTable implements CallTable {
  private readonly rows: (SyscallRow | null)[] = new Array(512).fill(null);
  private readonly handlers: (SyscallHandler | null)[] = new Array(512).fill(null);
  /** Calls answered per number since start. */
  readonly counts = new Float64Array(512);

  constructor(rows: Iterable<SyscallRow>) {
    for (const r of rows) {
      if (this.rows[r.nr]) throw new Error(`two rows for system call ${r.nr} (${r.name})`);
      this.rows[r.nr] = r;
      this.handlers[r.nr] = r.handler;
    }
  }

  row(nr: number): SyscallRow | null {
    return this.rows[nr] ?? null;
  }

  /** Times calls; null unless the embedder asked for it. */
  latency: CallTimer | null = null;

  /** First run of a call. */
  dispatch(task: Task, nr: number): number {
    const tracer = task.kernel.tracer;
    if (tracer) tracer.enter(task, nr);
    if (this.latency) this.latency.enter(task);
    let result = this.call(task, nr);
    if (result === -EAGAIN && task.kernel.mountEnv.awaited) result = awaitContent(task);
    else if (result === -EFAULT && task.mm.missing >= 0) result = awaitMissingForCall(task);
    if (this.latency && result !== BLOCKED) this.latency.leave(task, nr);
    if (tracer) tracer.exit(task, nr, result);
    return result;
  }

  /** Later runs, after a wait. */
  redispatch(task: Task, nr: number): number {
    let result = this.handlers[nr]!(task, task.args);
    if (result === -EAGAIN && task.kernel.mountEnv.awaited) result = awaitContent(task);
    else if (result === -EFAULT && task.mm.missing >= 0) result = awaitMissingForCall(task);
    if (this.latency && result !== BLOCKED) this.latency.leave(task, nr);
    const tracer = task.kernel.tracer;
    if (tracer) tracer.exit(task, nr, result);
    return result;
  }

  private call(task: Task, nr: number): number {
    if (nr < 0 || nr >= 512) return this.unknown(task, nr);
    const handler = this.handlers[nr];
    if (!handler) return this.unknown(task, nr);
    this.counts[nr]!++;
    return handler(task, task.args);
  }

  private unknown(task: Task, nr: number): number {
    task.kernel.reporter.unimplemented(task, SYSCALL_NAMES[nr] ?? `syscall_${nr}`, '');
    return -ENOSYS;
  }
}

/** A file that the call has to copy up first comes from the embedder (jsfs), and is not there yet. */
function awaitContent(task: Task): number {
  const env = task.kernel.mountEnv;
  const file = env.awaited!;
  env.awaited = null;
  task.wait.holdContent(file);
  return task.sleep(file.waitQueue, ALL_EVENTS);
}

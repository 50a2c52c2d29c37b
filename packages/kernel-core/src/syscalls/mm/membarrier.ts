import {
  EINVAL,
  EPERM,
  ERESTARTNOINTR,
  MEMBARRIER_CMD_FLAG_CPU,
  MEMBARRIER_CMD_GET_REGISTRATIONS,
  MEMBARRIER_CMD_GLOBAL,
  MEMBARRIER_CMD_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
  MEMBARRIER_CMD_QUERY,
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
  SYS_membarrier,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import type { Task } from '../../process/task/task.js';
import { TASK_RUNNING } from '../../process/task/task-state.js';

const COMMANDS =
  MEMBARRIER_CMD_GLOBAL |
  MEMBARRIER_CMD_GLOBAL_EXPEDITED |
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED |
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ |
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ |
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
  MEMBARRIER_CMD_GET_REGISTRATIONS;
/** How long to let interrupted threads come in before looking again. */
const POLL_NS = 20_000;

/** Threads that were executing when the barrier began, with the number of times each had stopped by then. */
class Barrier {
  readonly tasks: Task[] = [];
  readonly stops: number[] = [];

  constructor(task: Task, mm: MemoryManager | null, registered: number) {
    for (const other of task.kernel.pids.tasks.values()) {
      if (other === task || other.state !== TASK_RUNNING) continue;
      if (mm !== null && other.mm !== mm) continue;
      if (registered !== 0 && (other.mm.membarrier & registered) === 0) continue;
      this.tasks.push(other);
      this.stops.push(other.stops);
      other.context.interrupt();
    }
  }

  /**
   * Every one of them has stopped since: a stop orders all its memory accesses, and serialises the processor.
   */
  get passed(): boolean {
    for (let i = 0; i < this.tasks.length; i++) {
      const t = this.tasks[i]!;
      if (t.state === TASK_RUNNING && t.stops === this.stops[i]) return false;
    }
    return true;
  }
}

/** A barrier on all running threads of `mm` (null: of everybody, or of those registered for `registered`). */
function barrier(task: Task, mm: MemoryManager | null, registered = 0): number {
  let b = task.wait.data instanceof Barrier ? task.wait.data : null;
  if (b === null) {
    b = new Barrier(task, mm, registered);
    task.wait.data = b;
  }
  if (b.passed) return 0;
  task.wait.deadline = task.kernel.clock.monotonic() + POLL_NS;
  task.wait.timedOut = false;
  return task.sleepEnqueued(-ERESTARTNOINTR);
}

/** Restartable sequences of the other threads, those on processor `cpu` (-1: on any), start again. */
function restartSequences(task: Task, mm: MemoryManager, cpu: number): number {
  if (task.wait.data === null) {
    for (const other of task.kernel.pids.tasks.values()) {
      const { rseq } = other;
      if (other !== task && other.mm === mm && rseq !== null && (cpu < 0 || rseq.cpu === cpu)) rseq.preempt();
    }
  }
  return barrier(task, mm);
}

/** membarrier(2). */
function sysMembarrier(task: Task, args: SyscallArgs): number {
  const command = args.i32(0);
  const flags = args.u32(1);
  const { mm } = task;
  if (command === MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) {
    if ((flags & ~MEMBARRIER_CMD_FLAG_CPU) !== 0) return -EINVAL;
    if ((mm.membarrier & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) === 0) return -EPERM;
    return restartSequences(task, mm, (flags & MEMBARRIER_CMD_FLAG_CPU) === 0 ? -1 : args.i32(2));
  }
  if (flags !== 0) return -EINVAL;
  switch (command) {
    case MEMBARRIER_CMD_QUERY:
      return COMMANDS;
    case MEMBARRIER_CMD_GLOBAL:
      return barrier(task, null);
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
      return barrier(task, null, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
      mm.membarrier |= command;
      return 0;
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
      // The special ones imply the plain one.
      mm.membarrier |= command | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
      return 0;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
      if ((mm.membarrier & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) === 0) return -EPERM;
      return barrier(task, mm);
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
      if ((mm.membarrier & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) === 0) return -EPERM;
      return barrier(task, mm);
    case MEMBARRIER_CMD_GET_REGISTRATIONS:
      return mm.membarrier;
    default:
      return -EINVAL;
  }
}

export const rows = [row(SYS_membarrier, 'membarrier', sysMembarrier, ['int', 'uint', 'int'])];

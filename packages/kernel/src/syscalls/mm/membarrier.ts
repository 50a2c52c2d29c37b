import {
  EINVAL,
  EPERM,
  ERESTARTNOINTR,
  MEMBARRIER_CMD_GET_REGISTRATIONS,
  MEMBARRIER_CMD_GLOBAL,
  MEMBARRIER_CMD_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
  MEMBARRIER_CMD_QUERY,
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
  SYS_membarrier,
} from '@sandbox/abi';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { TASK_RUNNING, type Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { row } from '../row.js';

const COMMANDS =
  MEMBARRIER_CMD_GLOBAL |
  MEMBARRIER_CMD_GLOBAL_EXPEDITED |
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED |
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
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

  /** Every one of them has stopped since: a stop orders all its memory accesses, and serialises the processor. */
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

/** membarrier(2). */
function sysMembarrier(task: Task, args: SyscallArgs): number {
  const command = args.i32(0);
  if (args.u32(1) !== 0) return -EINVAL;
  const { mm } = task;
  switch (command) {
    case MEMBARRIER_CMD_QUERY:
      return COMMANDS;
    case MEMBARRIER_CMD_GLOBAL:
      return barrier(task, null);
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
      return barrier(task, null, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
      mm.membarrier |= command;
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

export const rows = [
  row(SYS_membarrier, 'membarrier', sysMembarrier, ['int', 'uint', 'int'], {
    support: 'partial',
    note: 'no MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ',
  }),
];

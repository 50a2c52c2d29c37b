import { CAP_SYS_PTRACE } from '@sandbox/abi';
import type { Inode } from '@sandbox/vfs';
import type { MemoryManager } from '../../mm/memory-manager.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { PidTable } from '../../process/kernel/pid-table.js';
import { ptraceAccess } from '../../process/task/access.js';
import type { Task } from '../../process/task/task.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';

/** What a directory of /proc is about: a process (/proc/PID), or one of its threads (/proc/PID/task/TID). */
export class ProcSubject {
  constructor(
    readonly kernel: KernelCore,
    readonly group: ThreadGroup,
    /** The thread; 0: the process as a whole. */
    readonly tid: number,
    /** The pid namespace its numbers are told in. */
    readonly pids: PidTable = kernel.pids,
  ) {}

  /** Figures are sums over all threads. */
  get whole(): boolean {
    return this.tid === 0;
  }

  /**
   * The thread it shows: for a process its leader, dead or alive. Null for process 1, which has no thread,
   * and when it is gone.
   */
  get task(): Task | null {
    if (this.tid === 0) return this.group.leader ?? null;
    const task = this.kernel.pids.tasks.get(this.tid);
    return task !== undefined && task.group === this.group ? task : null;
  }

  /** Still there: not reaped. */
  get alive(): boolean {
    // Process 1 has no thread, but shows one.
    if (this.tid === 0 || this.group.leader === undefined) {
      return this.kernel.pids.processes.get(this.group.pid) === this.group;
    }
    return this.task !== null;
  }

  /** Its memory; null for what has exited, and for process 1. */
  get mm(): MemoryManager | null {
    const task = this.task;
    return task === null || task.state >= TASK_ZOMBIE ? null : task.mm;
  }

  /** pid or tid. */
  get id(): number {
    if (this.tid === 0 || this.group.leader === undefined) return this.group.pidFor(this);
    return this.task?.tidFor(this) ?? 0;
  }

  /** task_dump_owner: whoever its effective ids say, but root where it must not be looked into. */
  own(inode: Inode): void {
    const task = this.task;
    const open = inode.mode === 0o40555 || (this.mm !== null && this.group.dumpable === 1);
    inode.uid = task !== null && open ? task.cred.euid : 0;
    inode.gid = task !== null && open ? task.cred.egid : 0;
  }

  /**
   * May the present caller look into it (ptrace(2), PTRACE_MODE_READ_FSCREDS)? Its own threads; the same user
   * with all its ids, unless it is not dumpable or holds capabilities the caller lacks; CAP_SYS_PTRACE. The
   * embedder may.
   */
  get mayInspect(): boolean {
    const caller = this.kernel.current;
    if (caller === null || caller.group === this.group) return true;
    const { task } = this;
    if (task === null) return caller.cred.capable(CAP_SYS_PTRACE);
    return ptraceAccess(caller, task, false) === 0;
  }
}

import type { ProcessGroup, Session } from '../task/session.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';

/** Numbers of tasks, processes, process groups and sessions (one pid namespace). Ids are handed out upwards and wrap at `max`. */
export class PidTable {
  readonly tasks = new Map<number, Task>();
  readonly processes = new Map<number, ThreadGroup>();
  readonly groups = new Map<number, ProcessGroup>();
  readonly sessions = new Map<number, Session>();
  private last = 0;

  constructor(readonly max = 32768) {}

  /** The number handed out last (/proc/loadavg). */
  get lastAllocated(): number {
    return this.last;
  }

  /** A free number, or -1 when all are taken. */
  allocate(): number {
    for (let tries = 0; tries < this.max; tries++) {
      this.last = this.last + 1 >= this.max ? 2 : this.last + 1;
      const id = this.last;
      if (this.isFree(id)) return id;
    }
    return -1;
  }

  /** Names `id` no task, process, group or session? */
  isFree(id: number): boolean {
    return !this.tasks.has(id) && !this.processes.has(id) && !this.groups.has(id) && !this.sessions.has(id);
  }

  releaseGroup(pgid: number): void {
    const group = this.groups.get(pgid);
    if (!group) return;
    this.groups.delete(pgid);
    if (group.session.groups.size === 0) this.sessions.delete(group.session.sid);
  }
}

import { CLONE_NEWPID } from '@sandbox/abi';
import { INITIAL_USER_NS, type UserNamespace } from '../ns/user-ns.js';
import type { ProcessGroup, Session } from '../task/session.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';

/** Inode number of the first pid namespace. */
const FIRST_INO = 4026531836;

/** Who or what tells pids as one namespace has them. */
export interface PidView {
  readonly pids: PidTable;
}

/** The numbers of something that has a pid: in the first namespace, and in those below it down to its own. */
export interface PidNumbers extends PidView {
  /** By level of namespace; null where there is only the first. */
  readonly ids: readonly number[] | null;
}

/**
 * A pid namespace (pid_namespaces(7)): numbers of tasks, processes, process groups and sessions. Everything
 * has a number in each namespace from its own up to the first. Numbers are handed out upwards and wrap at
 * `max`.
 */
export class PidTable {
  readonly kind = 'pid';
  readonly flag = CLONE_NEWPID;
  readonly level: number;
  readonly tasks = new Map<number, Task>();
  readonly processes = new Map<number, ThreadGroup>();
  readonly groups = new Map<number, ProcessGroup>();
  readonly sessions = new Map<number, Session>();
  /** Its process 1, which adopts orphans; null before there is one, and in the first namespace. */
  init: ThreadGroup | null = null;
  /** Process 1 has ended: nothing new begins here. */
  ended = false;
  /** The signal process 1 is said to have died of, whatever it did; 0: none (reboot(2)). */
  rebootSignal = 0;
  private last = 0;

  constructor(
    readonly max = 32768,
    readonly parent: PidTable | null = null,
    readonly ino: number = FIRST_INO,
    readonly userNs: UserNamespace = INITIAL_USER_NS,
  ) {
    this.level = parent === null ? 0 : parent.level + 1;
  }

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

  /** The process 1 to be did not come to be: numbers begin anew. */
  restart(): void {
    if (this.init === null) this.last = 0;
  }

  /** Names `id` no task, process, group or session? */
  isFree(id: number): boolean {
    return !this.tasks.has(id) && !this.processes.has(id) && !this.groups.has(id) && !this.sessions.has(id);
  }

  /** Is it `other`, or does it lie within? */
  isWithin(other: PidTable): boolean {
    for (let ns: PidTable | null = this; ns !== null; ns = ns.parent) if (ns === other) return true;
    return false;
  }

  /**
   * The number here of what has `numbers` and `first` in the first namespace; 0 when it is not in this one.
   */
  numberOf(first: number, numbers: PidNumbers): number {
    if (this.parent === null) return first;
    if (numbers.ids === null || !numbers.pids.isWithin(this)) return 0;
    return numbers.ids[this.level] ?? 0;
  }

  /**
   * The number here of the process whose number in the first namespace is `pid`; 0 when it is not here, or
   * gone.
   */
  seen(first: PidTable, pid: number): number {
    if (this.parent === null || pid <= 0) return pid;
    const group = first.processes.get(pid) ?? first.tasks.get(pid)?.group;
    return group ? this.numberOf(pid, group) : 0;
  }

  // Entering and leaving all namespaces something is in -----------------------------------------------------

  addTask(task: Task): void {
    for (let ns: PidTable | null = task.pids; ns !== null; ns = ns.parent)
      ns.tasks.set(ns.numberOf(task.tid, task), task);
  }
  removeTask(task: Task): void {
    for (let ns: PidTable | null = task.pids; ns !== null; ns = ns.parent)
      ns.tasks.delete(ns.numberOf(task.tid, task));
  }
  addProcess(group: ThreadGroup): void {
    for (let ns: PidTable | null = group.pids; ns !== null; ns = ns.parent)
      ns.processes.set(ns.numberOf(group.pid, group), group);
  }
  removeProcess(group: ThreadGroup): void {
    for (let ns: PidTable | null = group.pids; ns !== null; ns = ns.parent)
      ns.processes.delete(ns.numberOf(group.pid, group));
  }
  addGroup(group: ProcessGroup): void {
    for (let ns: PidTable | null = group.pids; ns !== null; ns = ns.parent)
      ns.groups.set(ns.numberOf(group.pgid, group), group);
  }
  addSession(session: Session): void {
    for (let ns: PidTable | null = session.pids; ns !== null; ns = ns.parent)
      ns.sessions.set(ns.numberOf(session.sid, session), session);
  }

  releaseGroup(group: ProcessGroup): void {
    for (let ns: PidTable | null = group.pids; ns !== null; ns = ns.parent)
      ns.groups.delete(ns.numberOf(group.pgid, group));
    const { session } = group;
    if (session.groups.size > 0) return;
    for (let ns: PidTable | null = session.pids; ns !== null; ns = ns.parent)
      ns.sessions.delete(ns.numberOf(session.sid, session));
  }
}

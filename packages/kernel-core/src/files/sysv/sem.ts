import { EAGAIN, EIDRM, ENOSPC, ERANGE, IPC_NOWAIT, SEM_UNDO, SEMAEM, SEMVMX } from '@sandbox/abi';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { Task } from '../../process/task/task.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import { IpcIds, IpcObject } from './ids.js';
import type { SysvLimits } from './limits.js';

/** All semaphores of a namespace together, whatever SEMMNS allows: they are our memory. */
const SEMAPHORES_MAX = 1_024_000;

/** Must wait: no errno. */
const WOULD_BLOCK = 1;

/** One semop(2): the operations as triples of number, amount, flags. */
export class SemOperation {
  /** Result for the caller that sleeps: null while it waits. */
  status: number | null = null;
  /** Index of the operation that could not be done. */
  blocking = -1;

  constructor(
    readonly task: Task,
    readonly numbers: Uint16Array,
    readonly amounts: Int16Array,
    readonly flags: Int16Array,
    /** What the process's exit takes back, when any operation says SEM_UNDO. */
    readonly undo: SemUndo | null,
  ) {}

  get alters(): boolean {
    return this.amounts.some((amount) => amount !== 0);
  }
}

/** One process's adjustments of one set (semadj). */
export class SemUndo {
  readonly adjust: Int16Array;
  constructor(
    readonly set: SemSet,
    readonly group: ThreadGroup,
  ) {
    this.adjust = new Int16Array(set.count);
  }
}

/** A set of semaphores (semget(2)). */
export class SemSet extends IpcObject {
  readonly values: Uint16Array;
  readonly pids: Int32Array;
  /** Blocked operations in order of arrival. */
  readonly pending: SemOperation[] = [];
  readonly undos = new Map<ThreadGroup, SemUndo>();
  otime = 0;
  ctime = 0;

  constructor(readonly count: number) {
    super();
    this.values = new Uint16Array(count);
    this.pids = new Int32Array(count);
  }

  /** The process's adjustments, made now if it has none. */
  undoOf(group: ThreadGroup): SemUndo {
    let undo = this.undos.get(group);
    if (!undo) {
      undo = new SemUndo(this, group);
      this.undos.set(group, undo);
    }
    return undo;
  }

  /** Do all operations or none: 0, -EAGAIN (IPC_NOWAIT), -ERANGE, or WOULD_BLOCK with `op.blocking` set. */
  tryOperation(op: SemOperation, pid: number): number {
    const { numbers, amounts, flags, undo } = op;
    let result = 0;
    let i = 0;
    for (; i < numbers.length; i++) {
      const n = numbers[i]!;
      const amount = amounts[i]!;
      const value = this.values[n]!;
      if ((amount === 0 && value !== 0) || value + amount < 0) {
        op.blocking = i;
        result = (flags[i]! & IPC_NOWAIT) !== 0 ? -EAGAIN : WOULD_BLOCK;
        break;
      }
      if (value + amount > SEMVMX) {
        result = -ERANGE;
        break;
      }
      if (undo && (flags[i]! & SEM_UNDO) !== 0) {
        const adjusted = undo.adjust[n]! - amount;
        if (adjusted < -SEMAEM - 1 || adjusted > SEMAEM) {
          result = -ERANGE;
          break;
        }
        undo.adjust[n] = adjusted;
      }
      this.values[n] = value + amount;
    }
    if (result !== 0) this.takeBack(op, i);
    else for (const n of numbers) this.pids[n] = pid;
    return result;
  }

  private takeBack(op: SemOperation, done: number): void {
    for (let i = done - 1; i >= 0; i--) {
      const n = op.numbers[i]!;
      this.values[n] -= op.amounts[i]!;
      if (op.undo && (op.flags[i]! & SEM_UNDO) !== 0) op.undo.adjust[n] += op.amounts[i]!;
    }
  }

  /**
   * Values changed: do what blocked operations can be done now, in order; each that changes values gives all
   * another chance.
   */
  update(now: number): void {
    for (let i = 0; i < this.pending.length; ) {
      const op = this.pending[i]!;
      if (op.task.state >= TASK_ZOMBIE) {
        this.pending.splice(i, 1);
        continue;
      }
      const r = this.tryOperation(op, op.task.pidFor(op.task));
      if (r === WOULD_BLOCK) {
        i++;
        continue;
      }
      this.pending.splice(i, 1);
      this.finish(op, r);
      if (r === 0) this.otime = now;
      if (r === 0 && op.alters) i = 0;
    }
  }

  private finish(op: SemOperation, status: number): void {
    op.status = status;
    op.task.wakeUp();
  }

  /** The sleeper gave up. */
  withdraw(op: SemOperation): void {
    const i = this.pending.indexOf(op);
    if (i >= 0) this.pending.splice(i, 1);
  }

  /** Sleepers on semaphore `n`: those that wait for it to grow, or (`zero`) to become 0. */
  waiting(n: number, zero: boolean): number {
    let count = 0;
    for (const op of this.pending) {
      if (op.numbers[op.blocking] === n && (op.amounts[op.blocking] === 0) === zero) count++;
    }
    return count;
  }

  /** SETVAL, SETALL: adjustments of the semaphore are void (semctl(2)). */
  clearUndo(n: number): void {
    for (const undo of this.undos.values()) undo.adjust[n] = 0;
  }

  /** IPC_RMID: everybody who waits is told. */
  remove(): void {
    for (const op of this.pending.splice(0)) this.finish(op, -EIDRM);
    this.undos.clear();
  }
}

/** All semaphore sets of a kernel. */
export class Semaphores {
  readonly ids: IpcIds<SemSet>;
  /** Semaphores of all sets. */
  total = 0;

  constructor(
    kernel: KernelCore,
    private readonly limits: SysvLimits,
  ) {
    this.ids = new IpcIds<SemSet>(() => limits.semmni);
    kernel.hooks.processExit.push((group) => this.exit(group, kernel.clock.realtimeSec()));
  }

  create(count: number): SemSet | number {
    const { semmns, semmni } = this.limits;
    if (this.total + count > Math.min(semmns, SEMAPHORES_MAX) || this.ids.size >= semmni) return -ENOSPC;
    this.total += count;
    return new SemSet(count);
  }

  destroy(set: SemSet): void {
    this.ids.remove(set);
    this.total -= set.count;
    set.remove();
  }

  /** `group` has adjustments to undo. */
  hasUndo(group: ThreadGroup): boolean {
    for (const set of this.ids.objects) if (set.undos.has(group)) return true;
    return false;
  }

  /** SEM_UNDO: a process that ends takes back what it did. */
  private exit(group: ThreadGroup, now: number): void {
    for (const set of this.ids.objects) {
      const undo = set.undos.get(group);
      if (!undo) continue;
      set.undos.delete(group);
      for (let n = 0; n < set.count; n++) {
        if (undo.adjust[n] === 0) continue;
        set.values[n] = Math.min(SEMVMX, Math.max(0, set.values[n]! + undo.adjust[n]!));
        set.pids[n] = group.pid;
      }
      set.update(now);
    }
  }
}

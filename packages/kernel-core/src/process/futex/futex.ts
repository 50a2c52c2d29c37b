import { EAGAIN, EFAULT, EINVAL, ENOSYS, ERESTARTSYS, ETIMEDOUT, FUTEX_BITSET_MATCH_ANY } from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import type { Task } from '../task/task.js';
import { FutexKey } from './futex-key.js';
import { FutexPi } from './futex-pi.js';
import { expired, FutexQueues, waiterOf } from './futex-queues.js';
import { FUTEX_PLAIN, FutexHash, type FutexWaiter } from './futex-waiter.js';

/** Highest number of FUTEX_WAKE_OP's operations and comparisons. */
const OP_XOR = 4;

/**
 * Futexes (futex(2)): tasks waiting for words of their memory.
 *
 * A waiter's handler runs again whenever its task is woken for any reason; what counts is
 * `FutexWaiter.woken`, set only by a wake-up meant for it, which also takes it out of the table. A wake-up
 * that comes together with a signal or a timeout wins, as in Linux, so none is lost.
 */
export class FutexTable extends FutexQueues {
  readonly pi = new FutexPi(this);
  private readonly key2 = new FutexKey();

  /**
   * FUTEX_WAIT, FUTEX_WAIT_BITSET. `task.wait.deadline` is set; `timed` says whether it counts. EAGAIN,
   * EFAULT, EINVAL, ETIMEDOUT.
   */
  wait(task: Task, addr: number, isPrivate: boolean, value: number, bitset: number, timed: boolean): number {
    const w = waiterOf(task);
    if (task.wait.round === 0) {
      if (bitset === 0) return -EINVAL;
      const r = this.start(task, w, addr, isPrivate, value);
      if (r < 0) return r;
      w.bitset = bitset | 0;
    }
    return this.park(task, w, timed, timed ? 0 : -ERESTARTSYS);
  }

  /**
   * futex_waitv: the first run links one waiter a word, then all of them park. The index of the word woken.
   */
  parkVector(task: Task, waiters: readonly FutexWaiter[], count: number, timed: boolean): number {
    let result = BLOCKED;
    for (let i = 0; i < count; i++) if (waiters[i]!.woken) result = i;
    if (result === BLOCKED) {
      if (timed && expired(task)) result = -ETIMEDOUT;
      else if (task.interrupted) result = -ERESTARTSYS;
    }
    if (result !== BLOCKED) for (let i = 0; i < count; i++) this.hash.remove(waiters[i]!);
    return result;
  }

  /**
   * The waiting part, run again after each wake-up. `onSignal` 0: go on with the same deadline by
   * restart_syscall.
   */
  park(task: Task, w: FutexWaiter, timed: boolean, onSignal: number): number {
    if (w.woken) return 0;
    if (timed && expired(task)) {
      this.hash.remove(w);
      return -ETIMEDOUT;
    }
    if (task.interrupted) {
      this.hash.remove(w);
      return onSignal === 0 ? task.restartBlock() : onSignal;
    }
    return BLOCKED;
  }

  /**
   * FUTEX_WAKE, FUTEX_WAKE_BITSET: the number woken. EINVAL (bitset 0, waiters of another kind there),
   * EFAULT.
   */
  wake(task: Task, addr: number, isPrivate: boolean, count: number, bitset: number): number {
    if (bitset === 0) return -EINVAL;
    const r = this.key.resolve(task, addr, isPrivate, false);
    if (r < 0) return r;
    return this.wakeKey(this.key.space, this.key.key, count, bitset | 0);
  }

  private wakeKey(space: object | null, key: number, count: number, bitset: number): number {
    const hash = this.hash;
    let woken = 0;
    let w = hash.match(hash.first(FutexHash.bucketOf(key)), space, key);
    while (w) {
      if (w.kind !== FUTEX_PLAIN) return -EINVAL;
      const next = hash.match(w.next, space, key);
      if ((w.bitset & bitset) !== 0) {
        this.release(w);
        // Linux counts before it compares: a count of zero or less wakes one.
        if (++woken >= count) break;
      }
      w = next;
    }
    return woken;
  }

  /** Only the checks of a wake-up: futex_wake of none. EFAULT, EINVAL. */
  check(task: Task, addr: number, isPrivate: boolean): number {
    return this.key.resolve(task, addr, isPrivate, false);
  }

  /**
   * The kernel's own wake-up of a word in `mm`, as for clear_child_tid: FUTEX_WAKE on a futex that is not
   * private (mm_release in Linux). `task` is one of those using `mm`.
   */
  wakeAddress(task: Task, addr: number, count: number): void {
    if (this.key.resolve(task, addr, false, false) < 0) return;
    this.wakeKey(this.key.space, this.key.key, count, FUTEX_BITSET_MATCH_ANY | 0);
  }

  /**
   * FUTEX_REQUEUE, FUTEX_CMP_REQUEUE: wake `nrWake`, move up to `nrRequeue` others to the second word. The
   * number of both together. `compare`: the first word must hold `value` (EAGAIN). EINVAL, EFAULT.
   */
  requeue(
    task: Task,
    addr: number,
    isPrivate: boolean,
    addr2: number,
    isPrivate2: boolean,
    nrWake: number,
    nrRequeue: number,
    compare: boolean,
    value: number,
  ): number {
    if (nrWake < 0 || nrRequeue < 0) return -EINVAL;
    const r = this.resolvePair(task, addr, isPrivate, addr2, isPrivate2, false);
    if (r < 0) return r;
    if (compare) {
      const now = task.mm.load32(addr);
      if (now < 0) return -EFAULT;
      if (now !== value) return -EAGAIN;
    }
    return this.moveWaiters(nrWake, nrRequeue);
  }

  private resolvePair(
    task: Task,
    addr: number,
    isPrivate: boolean,
    addr2: number,
    isPrivate2: boolean,
    write2: boolean,
  ): number {
    const r = this.key.resolve(task, addr, isPrivate, false);
    return r < 0 ? r : this.key2.resolve(task, addr2, isPrivate2, write2);
  }

  private moveWaiters(nrWake: number, nrRequeue: number): number {
    const hash = this.hash;
    const { space, key } = this.key;
    const { space: space2, key: key2 } = this.key2;
    const same = space === space2 && key === key2;
    let done = 0;
    let w = hash.match(hash.first(FutexHash.bucketOf(key)), space, key);
    while (w && done - nrWake < nrRequeue) {
      if (w.kind !== FUTEX_PLAIN) return -EINVAL;
      const next = hash.match(w.next, space, key);
      if (++done <= nrWake) {
        this.release(w);
      } else if (!same) {
        hash.remove(w);
        hash.add(w, space2, key2);
      }
      w = next;
    }
    return done;
  }

  /**
   * FUTEX_WAKE_OP: change the second word, wake at the first, and at the second when its old value compares
   * so. EINVAL, EFAULT, ENOSYS.
   */
  wakeOp(
    task: Task,
    addr: number,
    addr2: number,
    isPrivate: boolean,
    count: number,
    count2: number,
    encoded: number,
  ): number {
    const r = this.resolvePair(task, addr, isPrivate, addr2, isPrivate, true);
    if (r < 0) return r;
    const hit = this.updateWord(task, addr2, encoded);
    if (hit < 0) return hit;
    const woken = this.wakeKey(this.key.space, this.key.key, count, -1);
    if (woken < 0 || hit === 0) return woken;
    const woken2 = this.wakeKey(this.key2.space, this.key2.key, count2, -1);
    return woken2 < 0 ? woken2 : woken + woken2;
  }

  /** futex_atomic_op_inuser: 1 when the comparison holds, 0 when not, or -errno. */
  private updateWord(task: Task, addr: number, encoded: number): number {
    const op = (encoded >>> 28) & 7;
    let arg = (encoded << 8) >> 20;
    if (encoded < 0) arg = 1 << (arg & 31);
    if (op > OP_XOR) return -ENOSYS;
    const at = task.mm.translate(addr, true);
    if (at < 0) return -EFAULT;
    const old = this.words.update(at, op, arg);
    const against = (encoded << 20) >> 20;
    switch ((encoded >>> 24) & 15) {
      case 0:
        return old === against ? 1 : 0;
      case 1:
        return old !== against ? 1 : 0;
      case 2:
        return old < against ? 1 : 0;
      case 3:
        return old <= against ? 1 : 0;
      case 4:
        return old > against ? 1 : 0;
      case 5:
        return old >= against ? 1 : 0;
      default:
        return -ENOSYS;
    }
  }

  /** The task waits no more, whatever it waited for (it is dead, or its call was abandoned). */
  forget(task: Task): void {
    if (task.futex) this.hash.remove(task.futex);
    for (const w of task.futexVector) this.hash.remove(w);
  }
}

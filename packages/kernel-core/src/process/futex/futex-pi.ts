import {
  EAGAIN,
  EDEADLK,
  EFAULT,
  EINVAL,
  EPERM,
  ERESTARTNOINTR,
  ESRCH,
  ETIMEDOUT,
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
} from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import type { Task } from '../task/task.js';
import { TASK_DEAD, TASK_ZOMBIE } from '../task/task-state.js';
import { FutexKey } from './futex-key.js';
import { expired, type FutexQueues, waiterOf } from './futex-queues.js';
import { FUTEX_PI, FUTEX_REQUEUE_PI, FutexHash, type FutexWaiter } from './futex-waiter.js';

/**
 * Guest threads may change the word between our look and our exchange; so often we try again before EAGAIN.
 */
const ATTEMPTS = 128;
/**
 * Length of a chain of lock owners that wait for each other, beyond which it counts as a deadlock
 * (max_lock_depth).
 */
const MAX_LOCK_DEPTH = 1024;

/**
 * Priority-inheriting futexes (futex(2), "Priority-inheritance futexes"): the word holds the owner's tid, and
 * the kernel hands the lock over. Tasks here have no priorities of ours to inherit; owner, waiters bit,
 * hand-over, deadlock detection and death of the owner are Linux's.
 */
export class FutexPi {
  private readonly key = new FutexKey();
  private readonly key2 = new FutexKey();
  /** Set by `acquire` when it must wait: the task that holds the lock. */
  private holder: Task | null = null;
  /** Some task has waited for such a lock: exits must look for those of a dying owner. */
  private used = false;

  constructor(private readonly table: FutexQueues) {}

  /** FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI. EAGAIN, EDEADLK, EFAULT, EINVAL, ESRCH, ETIMEDOUT. */
  lock(task: Task, addr: number, isPrivate: boolean, timed: boolean, trylock: boolean): number {
    const w = waiterOf(task);
    if (task.wait.round === 0) {
      this.table.hash.remove(w);
      const r = this.key.resolve(task, addr, isPrivate, true);
      if (r < 0) return r;
      const got = this.acquire(task, this.key, task.mm.translate(addr, true));
      if (got > 0) return 0;
      if (got < 0) return got;
      if (trylock) return -EAGAIN;
      this.enqueue(w, this.key);
    }
    if (w.woken) return 0;
    let result = BLOCKED;
    if (timed && expired(task)) result = -ETIMEDOUT;
    else if (task.interrupted) result = -ERESTARTNOINTR;
    if (result !== BLOCKED) this.table.hash.remove(w);
    return result;
  }

  private enqueue(w: FutexWaiter, key: FutexKey): void {
    this.used = true;
    w.woken = false;
    w.kind = FUTEX_PI;
    w.owner = this.holder;
    this.table.hash.remove(w);
    this.table.hash.add(w, key.space, key.key);
  }

  private first(key: FutexKey): FutexWaiter | null {
    const hash = this.table.hash;
    return hash.match(hash.first(FutexHash.bucketOf(key.key)), key.space, key.key);
  }

  /**
   * Take the lock at `at` for `task`: 1 taken, 0 it has an owner (`holder`; the waiters bit is set), or
   * -errno.
   */
  private acquire(task: Task, key: FutexKey, at: number): number {
    if (at < 0) return -EFAULT;
    const words = this.table.words;
    for (let i = 0; i < ATTEMPTS; i++) {
      const value = words.load(at);
      const owner = value & FUTEX_TID_MASK;
      if (owner === task.ownTid) return -EDEADLK;
      const top = this.first(key);
      if (!top && owner === 0) {
        if (words.replace(at, value, ((value & FUTEX_OWNER_DIED) | task.ownTid) >>> 0)) return 1;
        continue;
      }
      const r = top ? this.checkHolder(top, owner) : this.findHolder(task, owner);
      if (r < 0) return r;
      if (this.wouldDeadlock(task)) return -EDEADLK;
      if (words.replace(at, value, (value | FUTEX_WAITERS) >>> 0)) return 0;
    }
    return -EAGAIN;
  }

  /** There are waiters already: the word must name the owner they wait for. */
  private checkHolder(top: FutexWaiter, owner: number): number {
    if (top.kind !== FUTEX_PI || !top.owner || top.owner.ownTid !== owner) return -EINVAL;
    this.holder = top.owner;
    return 0;
  }

  private findHolder(task: Task, owner: number): number {
    const holder = task.pids.tasks.get(owner);
    if (!holder || holder.state === TASK_ZOMBIE || holder.state === TASK_DEAD) return -ESRCH;
    this.holder = holder;
    return 0;
  }

  /** The holder waits, perhaps through others, for a lock of `task`. */
  private wouldDeadlock(task: Task): boolean {
    let holder = this.holder;
    for (let depth = 0; holder && depth < MAX_LOCK_DEPTH; depth++) {
      if (holder === task) return true;
      const w: FutexWaiter | null = holder.futex;
      if (!w || w.bucket < 0 || w.kind !== FUTEX_PI) return false;
      holder = w.owner;
    }
    return holder !== null;
  }

  /** FUTEX_UNLOCK_PI. EFAULT, EPERM (not the owner), EINVAL. */
  unlock(task: Task, addr: number, isPrivate: boolean): number {
    const now = task.mm.load32(addr);
    if (now < 0) return -EFAULT;
    if ((now & FUTEX_TID_MASK) !== task.ownTid) return -EPERM;
    const r = this.key.resolve(task, addr, isPrivate, true);
    if (r < 0) return r;
    const at = task.mm.translate(addr, true);
    if (at < 0) return -EFAULT;
    const top = this.first(this.key);
    if (top) {
      if (top.kind !== FUTEX_PI || top.owner !== task) return -EINVAL;
      return this.handOver(top, at, task.ownTid, 0);
    }
    for (let i = 0; i < ATTEMPTS; i++) {
      const value = this.table.words.load(at);
      if ((value & FUTEX_TID_MASK) !== task.ownTid) return -EINVAL;
      if (this.table.words.replace(at, value, 0)) return 0;
    }
    return -EAGAIN;
  }

  /** Make `top` the owner of the lock at `at` and wake it; those behind it now wait for it. */
  private handOver(top: FutexWaiter, at: number, oldOwner: number, bits: number): number {
    const words = this.table.words;
    const value = (FUTEX_WAITERS | bits | top.task.ownTid) >>> 0;
    let done = false;
    for (let i = 0; i < ATTEMPTS && !done; i++) {
      const old = words.load(at);
      if (oldOwner !== 0 && (old & FUTEX_TID_MASK) !== oldOwner) return -EINVAL;
      done = words.replace(at, old, value);
    }
    if (!done) return -EAGAIN;
    const hash = this.table.hash;
    for (let w = hash.match(top.next, top.space, top.key); w; w = hash.match(w.next, w.space, w.key)) {
      if (w.kind === FUTEX_PI) w.owner = top.task;
    }
    this.table.release(top);
    return 0;
  }

  /**
   * A task dies: locks others wait for it to release go to the first of each, marked FUTEX_OWNER_DIED
   * (exit_pi_state_list).
   */
  ownerDied(task: Task): void {
    if (!this.used) return;
    this.table.hash.forEach((w) => {
      if (w.kind !== FUTEX_PI || w.owner !== task) return;
      // A shared word's key is its place; a private one is found through the waiter's own memory.
      const at = w.space === null ? w.key : w.task.mm.translate(w.key - (w.key % 4), true);
      w.owner = null;
      if (at < 0) this.table.release(w);
      else this.handOver(w, at, 0, FUTEX_OWNER_DIED);
    });
  }

  /**
   * FUTEX_WAIT_REQUEUE_PI: wait at `addr`, to be woken as owner of the PI futex `addr2`. EAGAIN, EFAULT,
   * EINVAL, ETIMEDOUT.
   */
  waitRequeue(
    task: Task,
    addr: number,
    isPrivate: boolean,
    value: number,
    bitset: number,
    timed: boolean,
    addr2: number,
  ): number {
    const w = waiterOf(task);
    if (task.wait.round === 0) {
      if (addr === addr2 || bitset === 0) return -EINVAL;
      let r = this.key2.resolve(task, addr2, isPrivate, true);
      if (r < 0) return r;
      r = this.table.start(task, w, addr, isPrivate, value);
      if (r < 0) return r;
      if (w.space === this.key2.space && w.key === this.key2.key) {
        this.table.hash.remove(w);
        return -EINVAL;
      }
      w.bitset = bitset | 0;
      w.kind = FUTEX_REQUEUE_PI;
      w.targetSpace = this.key2.space;
      w.targetKey = this.key2.key;
    }
    if (w.woken) return 0;
    let result = BLOCKED;
    if (timed && expired(task)) result = -ETIMEDOUT;
    // Already requeued, the first word has changed and a restart would only find that.
    else if (task.interrupted) result = w.kind === FUTEX_PI ? -EAGAIN : -ERESTARTNOINTR;
    if (result !== BLOCKED) this.table.hash.remove(w);
    return result;
  }

  /** FUTEX_CMP_REQUEUE_PI: give the lock at `addr2` to one waiter of `addr`, or let all wait for it. */
  requeue(
    task: Task,
    addr: number,
    isPrivate: boolean,
    addr2: number,
    nrWake: number,
    nrRequeue: number,
    value: number,
  ): number {
    if (nrWake < 0 || nrRequeue < 0 || addr === addr2 || nrWake !== 1) return -EINVAL;
    let r = this.key.resolve(task, addr, isPrivate, false);
    if (r === 0) r = this.key2.resolve(task, addr2, isPrivate, true);
    if (r < 0) return r;
    if (this.key.space === this.key2.space && this.key.key === this.key2.key) return -EINVAL;
    const now = task.mm.load32(addr);
    if (now < 0) return -EFAULT;
    if (now !== value) return -EAGAIN;
    return this.moveWaiters(task.mm.translate(addr2, true), nrWake, nrRequeue);
  }

  private moveWaiters(at: number, nrWake: number, nrRequeue: number): number {
    const hash = this.table.hash;
    let done = 0;
    let w = this.first(this.key);
    while (w && done - nrWake < nrRequeue) {
      if (w.kind !== FUTEX_REQUEUE_PI || w.targetSpace !== this.key2.space || w.targetKey !== this.key2.key) {
        return -EINVAL;
      }
      const next = hash.match(w.next, w.space, w.key);
      const got = this.acquire(w.task, this.key2, at);
      if (got < 0) return done > 0 ? done : got;
      done++;
      if (got > 0) this.table.release(w);
      else this.enqueue(w, this.key2);
      w = next;
    }
    return done;
  }
}

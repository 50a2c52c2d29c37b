import { EAGAIN, EFAULT } from '@sandbox/abi';
import type { PageStore } from '@sandbox/vfs';
import type { Task } from '../task/task.js';
import { FutexKey, FutexWords } from './futex-key.js';
import { FUTEX_PLAIN, FutexHash, FutexWaiter } from './futex-waiter.js';

/** What all futex operations share: the waiters, the words, joining and leaving. */
export class FutexQueues {
  readonly hash = new FutexHash();
  readonly words: FutexWords;
  protected readonly key = new FutexKey();

  constructor(store: PageStore) {
    this.words = new FutexWords(store);
  }

  /** Link `w` at the word, when that still holds `value`. */
  start(task: Task, w: FutexWaiter, addr: number, isPrivate: boolean, value: number): number {
    this.hash.remove(w);
    const r = this.key.resolve(task, addr, isPrivate, false);
    if (r < 0) return r;
    const now = task.mm.load32(addr);
    if (now < 0) return -EFAULT;
    if (now !== value) return -EAGAIN;
    w.woken = false;
    w.kind = FUTEX_PLAIN;
    w.bitset = -1;
    this.hash.add(w, this.key.space, this.key.key);
    return 0;
  }

  /** Take `w` out and let its task go on with the wake-up in hand. */
  release(w: FutexWaiter): void {
    this.hash.remove(w);
    w.woken = true;
    w.task.wakeUp();
  }
}

export function waiterOf(task: Task): FutexWaiter {
  return (task.futex ??= new FutexWaiter(task));
}

/** The deadline of the call has passed. Asked before the first sleep as well, where no timer has run yet. */
export function expired(task: Task): boolean {
  return task.wait.timedOut || task.wait.deadline <= task.kernel.clock.monotonic();
}

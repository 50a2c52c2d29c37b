import type { Task } from '../task/task.js';

/** What a waiter waits for, since that decides who may wake it. */
export const FUTEX_PLAIN = 0;
/** FUTEX_LOCK_PI: woken only by being handed the lock. */
export const FUTEX_PI = 1;
/** FUTEX_WAIT_REQUEUE_PI, not yet requeued: woken only by FUTEX_CMP_REQUEUE_PI. */
export const FUTEX_REQUEUE_PI = 2;

export type FutexKind = 0 | 1 | 2;

/**
 * A task waiting on a futex word: an element of one bucket's list. Each task owns one (and an array of them
 * for futex_waitv) and links it anew for each wait, so waiting allocates nothing.
 */
export class FutexWaiter {
  next: FutexWaiter | null = null;
  prev: FutexWaiter | null = null;
  /** Bucket it is linked in, -1 when in none. */
  bucket = -1;
  /** Key: see `FutexKey`. */
  space: object | null = null;
  key = 0;
  /** FUTEX_WAIT_BITSET's mask, as signed 32 bits. */
  bitset = -1;
  kind: FutexKind = FUTEX_PLAIN;
  /** A wake-up (or the lock) was given to it; read by the waiter's next run. */
  woken = false;
  /** FUTEX_PI: the task that held the lock when this one began to wait; null once that died. */
  owner: Task | null = null;
  /** FUTEX_REQUEUE_PI: key of the PI futex it must be requeued to. */
  targetSpace: object | null = null;
  targetKey = 0;

  constructor(readonly task: Task) {}
}

/**
 * Power of two, so that a mask picks the bucket. Waiters are few (tasks), collisions only cost a comparison.
 */
const BUCKETS = 1024;

/** The waiters of a kernel, hashed by key; each bucket in the order of arrival. */
export class FutexHash {
  private readonly heads: (FutexWaiter | null)[] = new Array(BUCKETS).fill(null);
  private readonly tails: (FutexWaiter | null)[] = new Array(BUCKETS).fill(null);

  /** Bucket of a key. Forked processes share addresses and so buckets: the comparison tells them apart. */
  static bucketOf(key: number): number {
    const word = key / 4;
    const high = (word / 1024) | 0;
    return ((word | 0) ^ high ^ (high >>> 10)) & (BUCKETS - 1);
  }

  first(bucket: number): FutexWaiter | null {
    return this.heads[bucket]!;
  }

  /** First waiter of this key, from `from` on in its bucket; null when there is none. */
  match(from: FutexWaiter | null, space: object | null, key: number): FutexWaiter | null {
    let w = from;
    while (w !== null && (w.key !== key || w.space !== space)) w = w.next;
    return w;
  }

  add(w: FutexWaiter, space: object | null, key: number): void {
    const bucket = FutexHash.bucketOf(key);
    w.space = space;
    w.key = key;
    w.bucket = bucket;
    w.next = null;
    const tail = this.tails[bucket]!;
    w.prev = tail;
    if (tail) tail.next = w;
    else this.heads[bucket] = w;
    this.tails[bucket] = w;
  }

  remove(w: FutexWaiter): void {
    const bucket = w.bucket;
    if (bucket < 0) return;
    if (w.prev) w.prev.next = w.next;
    else this.heads[bucket] = w.next;
    if (w.next) w.next.prev = w.prev;
    else this.tails[bucket] = w.prev;
    w.bucket = -1;
    w.next = null;
    w.prev = null;
    w.space = null;
    w.targetSpace = null;
  }

  /**
   * Call `visit` for every waiter; it may remove the one it is given. For rare sweeps (exit of a lock owner).
   */
  forEach(visit: (w: FutexWaiter) => void): void {
    for (let i = 0; i < BUCKETS; i++) {
      let w = this.heads[i]!;
      while (w) {
        const next: FutexWaiter | null = w.next;
        visit(w);
        w = next!;
      }
    }
  }
}

/**
 * Wait queues: how an object tells those waiting on it that its readiness changed.
 *
 * A wake-up runs synchronously: when `wake` returns, every waiter has been told. Waiters are told in the order they
 * came; an exclusive waiter that takes the wake-up (returns true) ends the round, as in Linux's
 * `__wake_up_common` (autoremove, WQ_FLAG_EXCLUSIVE).
 */
export interface Waiter {
  /** The object became ready for (some of) `events` (POLL* bits). True when the wake-up was used. */
  onWake(events: number): boolean;
}

/** One waiter's place in one queue. Reusable: a task keeps its own and links them anew for each wait. */
export class WaitEntry {
  queue: WaitQueue | null = null;
  next: WaitEntry | null = null;
  prev: WaitEntry | null = null;
  /** POLL* bits the waiter cares for. */
  mask = 0;
  exclusive = false;

  constructor(readonly waiter: Waiter) {}

  /** Leave the queue; no effect when in none. */
  remove(): void {
    this.queue?.unlink(this);
  }
}

export class WaitQueue {
  private head: WaitEntry | null = null;
  private tail: WaitEntry | null = null;

  get empty(): boolean {
    return this.head === null;
  }

  /** Append `entry` (which must be in no queue) for `mask`. */
  add(entry: WaitEntry, mask: number, exclusive = false): void {
    entry.queue = this;
    entry.mask = mask;
    entry.exclusive = exclusive;
    entry.next = null;
    entry.prev = this.tail;
    if (this.tail) this.tail.next = entry;
    else this.head = entry;
    this.tail = entry;
  }

  unlink(entry: WaitEntry): void {
    if (entry.queue !== this) return;
    if (entry.prev) entry.prev.next = entry.next;
    else this.head = entry.next;
    if (entry.next) entry.next.prev = entry.prev;
    else this.tail = entry.prev;
    entry.queue = null;
    entry.next = null;
    entry.prev = null;
  }

  /** Tell waiters whose mask meets `events`. Waiters may leave or join while this runs. */
  wake(events: number): void {
    let entry = this.head;
    const last = this.tail;
    while (entry) {
      const next: WaitEntry | null = entry.next;
      const isLast = entry === last;
      if ((entry.mask & events) !== 0) {
        const exclusive = entry.exclusive;
        if (entry.waiter.onWake(events) && exclusive) return;
      }
      if (isLast || next === null || next.queue !== this) return;
      entry = next;
    }
  }
}

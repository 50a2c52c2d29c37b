/**
 * Wait queues: how an object tells those waiting on it that its readiness changed.
 *
 * A wake-up runs synchronously: when `wake` returns, every waiter has been told. Waiters are told in the
 * order they came. Of the exclusive ones only the first that takes the wake-up (returns true) is told, as in
 * Linux's `__wake_up_common` (WQ_FLAG_EXCLUSIVE); the others are told always.
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
  /** A `wake` is under way: the entry it looks at next, and the last one it will look at. */
  private waking = false;
  private scan: WaitEntry | null = null;
  private scanEnd: WaitEntry | null = null;
  /** Events of wakes asked for by a waiter while it was being told. */
  private again = 0;

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

  /** Like `add`, but before all others: the last to come is told first (epoll_wait's order). */
  addFirst(entry: WaitEntry, mask: number, exclusive = false): void {
    entry.queue = this;
    entry.mask = mask;
    entry.exclusive = exclusive;
    entry.prev = null;
    entry.next = this.head;
    if (this.head) this.head.prev = entry;
    else this.tail = entry;
    this.head = entry;
  }

  unlink(entry: WaitEntry): void {
    if (entry.queue !== this) return;
    // A waiter may take any entries out, its neighbours' too, while a wake walks the list: the walk steps
    // aside.
    if (this.scanEnd === entry) this.scanEnd = entry.prev;
    if (this.scan === entry) this.scan = this.scanEnd === entry.prev ? null : entry.next;
    if (entry.prev) entry.prev.next = entry.next;
    else this.head = entry.next;
    if (entry.next) entry.next.prev = entry.prev;
    else this.tail = entry.prev;
    entry.queue = null;
    entry.next = null;
    entry.prev = null;
  }

  /**
   * Tell waiters whose mask meets `events`. Waiters may leave or join while this runs; those that join are
   * not told. A wake that a waiter asks for on this same queue runs after the one under way, not inside it.
   */
  wake(events: number): void {
    if (this.head === null) return;
    if (this.waking) {
      this.again |= events;
      return;
    }
    this.waking = true;
    try {
      this.round(events);
      while (this.again !== 0) {
        const more = this.again;
        this.again = 0;
        this.round(more);
      }
    } finally {
      this.waking = false;
      this.scan = null;
      this.scanEnd = null;
      this.again = 0;
    }
  }

  private round(events: number): void {
    let exclusiveTaken = false;
    this.scan = this.head;
    this.scanEnd = this.tail;
    while (this.scan !== null) {
      const entry = this.scan;
      this.scan = entry === this.scanEnd ? null : entry.next;
      if ((entry.mask & events) === 0 || (entry.exclusive && exclusiveTaken)) continue;
      const exclusive = entry.exclusive;
      if (entry.waiter.onWake(events) && exclusive) exclusiveTaken = true;
    }
  }
}

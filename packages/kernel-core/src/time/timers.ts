/**
 * Something that happens at a time. Embed one per timer and arm it again and again; the heap allocates
 * nothing.
 */
export class Timer {
  /** Absolute CLOCK_MONOTONIC nanoseconds; Infinity when not armed. */
  when = Number.POSITIVE_INFINITY;
  /** Place in the heap, -1 when not in it. */
  index = -1;
  constructor(readonly fire: () => void) {}
  get armed(): boolean {
    return this.index >= 0;
  }
}

/** Somebody whose call may have a deadline: a task. */
export interface Sleeper {
  readonly wait: { readonly deadline: number };
  onDeadline(): void;
}

/**
 * All timers of a kernel: a binary heap by due time, with the platform's alarm set to the earliest.
 * Timers due at the same instant fire in the order they were armed as far as the heap keeps it.
 */
export class Timers {
  private readonly heap: Timer[] = [];
  private alarm = Number.POSITIVE_INFINITY;
  private readonly bySleeper = new WeakMap<Sleeper, Timer>();

  constructor(
    private readonly now: () => number,
    /** Have `runDue` called at this time (absolute, Infinity: not at all). */
    private readonly setAlarm: (when: number) => void,
  ) {}

  arm(timer: Timer, when: number): void {
    if (when === Number.POSITIVE_INFINITY) {
      this.cancel(timer);
      return;
    }
    timer.when = when;
    if (timer.index < 0) {
      timer.index = this.heap.length;
      this.heap.push(timer);
    }
    this.up(timer.index);
    this.down(timer.index);
    this.program();
  }

  cancel(timer: Timer): void {
    const i = timer.index;
    timer.when = Number.POSITIVE_INFINITY;
    if (i < 0) return;
    timer.index = -1;
    const last = this.heap.pop()!;
    if (last !== timer) {
      this.heap[i] = last;
      last.index = i;
      this.up(i);
      this.down(last.index);
    }
    // An alarm that is too early only costs one look; it is not reprogrammed for a cancelled timer.
  }

  /** Fire everything due. */
  runDue(): void {
    this.alarm = Number.POSITIVE_INFINITY;
    for (;;) {
      const first = this.heap[0];
      if (!first || first.when > this.now()) break;
      this.cancel(first);
      first.fire();
    }
    this.program();
  }

  /** Wake `sleeper` at its call's deadline. */
  setDeadline(sleeper: Sleeper, when: number): void {
    if (when === Number.POSITIVE_INFINITY) return;
    let timer = this.bySleeper.get(sleeper);
    if (!timer) {
      timer = new Timer(() => sleeper.onDeadline());
      this.bySleeper.set(sleeper, timer);
    }
    this.arm(timer, when);
  }

  clearDeadline(sleeper: Sleeper): void {
    if (sleeper.wait.deadline === Number.POSITIVE_INFINITY) return;
    const timer = this.bySleeper.get(sleeper);
    if (timer) this.cancel(timer);
  }

  private program(): void {
    const first = this.heap[0];
    const when = first ? first.when : Number.POSITIVE_INFINITY;
    if (when < this.alarm) {
      this.alarm = when;
      this.setAlarm(when);
    }
  }

  private up(i: number): void {
    const heap = this.heap;
    const t = heap[i]!;
    while (i > 0) {
      const p = (i - 1) >> 1;
      const parent = heap[p]!;
      if (parent.when <= t.when) break;
      heap[i] = parent;
      parent.index = i;
      i = p;
    }
    heap[i] = t;
    t.index = i;
  }

  private down(i: number): void {
    const heap = this.heap;
    const t = heap[i];
    if (!t) return;
    for (;;) {
      let c = 2 * i + 1;
      if (c >= heap.length) break;
      if (c + 1 < heap.length && heap[c + 1]!.when < heap[c]!.when) c++;
      const child = heap[c]!;
      if (child.when >= t.when) break;
      heap[i] = child;
      child.index = i;
      i = c;
    }
    heap[i] = t;
    t.index = i;
  }
}

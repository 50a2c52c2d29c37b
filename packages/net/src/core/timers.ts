import type { StackHost } from './host.js';

/** Whoever owns timers. `kind` is the owner's own number, to tell its timers apart without a closure each. */
export interface TimerOwner {
  onTimer(kind: number): void;
}

/** Something that happens at a time. Made once, armed again and again. */
export class Timer {
  /** Milliseconds, as `StackHost.now()`; Infinity when not armed. */
  deadline = Number.POSITIVE_INFINITY;
  /** @internal When the heap looks at it: never after `deadline`. */
  wake = Number.POSITIVE_INFINITY;
  /** @internal Place in the heap, -1 when not in it. */
  index = -1;

  constructor(
    readonly owner: TimerOwner,
    readonly kind = 0,
  ) {}

  get armed(): boolean {
    return this.deadline !== Number.POSITIVE_INFINITY;
  }
}

/**
 * The timers of a stack: a binary heap by time. A timer armed for later than it stands in the heap stays
 * where it is and is put right when its turn comes, and a cancelled one is only marked: the timers of TCP
 * move with every segment and hardly ever fire.
 */
export class Timers {
  private readonly heap: Timer[] = [];
  private alarm = Number.POSITIVE_INFINITY;
  private readonly fire = () => this.onAlarm();

  /**
   * @param run brackets what timers do, as every entry into the stack is bracketed
   * @param time what owners take for the time while they run: what is not due by it must wait, or an owner
   * that finds itself too early would
   *   be called for ever
   */
  constructor(
    private readonly host: StackHost,
    private readonly run: (work: () => void) => void,
    private readonly time: () => number = () => host.now(),
  ) {}

  /** The host's time. */
  now(): number {
    return this.host.now();
  }

  /** Timers waiting, cancelled ones not yet forgotten included. */
  get size(): number {
    return this.heap.length;
  }

  /** Fire at `deadline`, an absolute time; an earlier deadline of the same timer is replaced. */
  arm(timer: Timer, deadline: number): void {
    if (!(deadline < Number.POSITIVE_INFINITY)) {
      this.cancel(timer);
      return;
    }
    timer.deadline = deadline;
    if (timer.index >= 0) {
      if (deadline >= timer.wake) return;
      timer.wake = deadline;
      this.up(timer.index);
    } else {
      timer.wake = deadline;
      timer.index = this.heap.length;
      this.heap.push(timer);
      this.up(timer.index);
    }
    this.program();
  }

  armIn(timer: Timer, milliseconds: number): void {
    this.arm(timer, this.host.now() + milliseconds);
  }

  cancel(timer: Timer | null): void {
    if (timer !== null) timer.deadline = Number.POSITIVE_INFINITY;
  }

  /** Take a timer out for good: its owner goes away and must not be kept in memory by it. */
  remove(timer: Timer | null): void {
    if (timer === null) return;
    timer.deadline = Number.POSITIVE_INFINITY;
    const i = timer.index;
    if (i < 0) return;
    timer.index = -1;
    const last = this.heap.pop()!;
    if (last === timer) return;
    this.heap[i] = last;
    last.index = i;
    this.up(i);
    this.down(last.index);
  }

  /** Forget every timer and the alarm: the stack is closed. */
  clear(): void {
    for (const timer of this.heap) {
      timer.index = -1;
      timer.deadline = Number.POSITIVE_INFINITY;
    }
    this.heap.length = 0;
    this.alarm = Number.POSITIVE_INFINITY;
    this.host.setAlarm(Number.POSITIVE_INFINITY, this.fire);
  }

  private onAlarm(): void {
    this.alarm = Number.POSITIVE_INFINITY;
    this.run(this.runDue);
    this.program();
  }

  private readonly runDue = () => {
    const now = this.time();
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.wake > now) return;
      if (first.deadline > now && first.deadline !== Number.POSITIVE_INFINITY) {
        first.wake = first.deadline;
        this.down(0);
        continue;
      }
      const due = first.deadline <= now;
      this.remove(first);
      if (due) first.owner.onTimer(first.kind);
    }
  };

  private program(): void {
    const first = this.heap[0];
    if (first === undefined || first.wake >= this.alarm) return;
    this.alarm = first.wake;
    this.host.setAlarm(first.wake, this.fire);
  }

  private up(i: number): void {
    const { heap } = this;
    const timer = heap[i];
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const other = heap[parent];
      if (other.wake <= timer.wake) break;
      heap[i] = other;
      other.index = i;
      i = parent;
    }
    heap[i] = timer;
    timer.index = i;
  }

  private down(i: number): void {
    const { heap } = this;
    const timer = heap[i];
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].wake < heap[child].wake) child++;
      const other = heap[child];
      if (other.wake >= timer.wake) break;
      heap[i] = other;
      other.index = i;
      i = child;
    }
    heap[i] = timer;
    timer.index = i;
  }
}

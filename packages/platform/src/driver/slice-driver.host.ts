import { hostMonotonicNs } from '@sandbox/native';
import type { Context } from '../contract.js';
import { HelperThreads } from './helper-threads.host.js';
import { SliceTimer } from './slice-timer.host.js';

/** State of a context as its driver sees it. */
export const STOPPED = 0;
/** `resume` was called; the driver lets it run when its turn comes. */
export const PENDING = 1;
export const RUNNING = 2;

/**
 * A slice of the event loop, in nanoseconds, and the shorter one after slices in which no guest had anything
 * for us.
 */
const SLICE = 2e6;
const QUIET_SLICE = 2e5;
/** Time between two ticks of a slice's timer. */
export const TICK = 1e6;

/** What a driver keeps of a sandbox. */
export interface DrivenInstance {
  /** `PlatformInstance.setActive`. */
  readonly active: boolean;
  /** `PlatformInstance.setAlarm`: Infinity and null when there is none. */
  alarmAt: number;
  alarmFn: (() => void) | null;
}

/** What it needs to know of a context. */
export interface DrivenContext extends Context {
  state: number;
  readonly disposed: boolean;
}

/**
 * Serves the guests of one JS thread, all sandboxes of one platform, in slices of Node's event loop: who
 * waits for its turn, alarms, when a slice begins and ends, and how the loop sleeps and is woken. How a guest
 * runs, and how one waits for many, is the platform's: it extends this class.
 *
 * A slice is bounded by a timer, whose signal interrupts what `serve` blocks in. While guests stay busy with
 * themselves slices are short, and in between the loop sleeps until a guest stops or an alarm is due; when
 * nothing runs, nothing is polled at all.
 */
export abstract class SliceDriver<I extends DrivenInstance, C extends DrivenContext, S> {
  /** Contexts to be run, in order. */
  protected pending: C[] = [];
  protected readonly instances = new Set<I>();
  protected readonly helpers = new HelperThreads(() => this.wake());
  protected readonly timer: SliceTimer;
  private changed: S[] = [];
  private readonly interruptedEarly: C[] = [];
  private scheduled: NodeJS.Immediate | null = null;
  private inSlice = false;
  /** The slice's timer runs. Nobody stops it when it is started elsewhere. */
  private serving = false;
  private quiet = 0;
  protected nextAlarm = Number.POSITIVE_INFINITY;
  protected sliceStart = 0;
  protected sliceEnd = 0;

  /** `signal`, `restart`: see `SliceTimer`. */
  protected constructor(signal: number, restart: boolean) {
    this.timer = new SliceTimer(signal, restart);
  }

  // What a platform does ------------------------------------------------------------------------------------

  /** For diagnosis. */
  abstract readonly counters: { slices: number; sleeps: number };
  /** A guest runs. */
  protected abstract get anyRunning(): boolean;
  /** Events are at hand that need no waiting for. */
  protected abstract get anyReady(): boolean;
  /** A slice has begun; alarms come next. */
  protected begin(): void {}
  /**
   * Let what is pending run and hand events to their sinks until `sliceEnd`, or until nothing can happen; see
   * to alarms (`runAlarms`) meanwhile. Returns how many events there were.
   */
  protected abstract serve(): number;
  /** Apply the changes of an address space for which `noteChanged` was called. */
  protected abstract applyChanges(space: S): void;
  /** The loop is going to sleep: from now on `wake` is called when a guest stops. False: one already has. */
  protected abstract watch(): boolean;
  /** `interrupt` came before `context` was run; it is stopped. */
  protected abstract deliverInterrupted(context: C): void;
  /** When the slice's timer is to interrupt `serve` for the first time, at the latest. */
  protected firstTick(): number {
    return this.sliceEnd;
  }

  // Sandboxes -----------------------------------------------------------------------------------------------

  register(instance: I): void {
    this.instances.add(instance);
  }

  unregister(instance: I): void {
    this.instances.delete(instance);
    this.updateReference();
  }

  updateReference(): void {
    let active = false;
    for (const i of this.instances) if (i.active) active = true;
    this.helpers.setReferenced(active);
  }

  // Whose turn it is ----------------------------------------------------------------------------------------

  enqueue(context: C): void {
    this.pending.push(context);
    this.schedule();
  }

  /** Take a pending context out again. */
  protected dequeue(context: C): void {
    const i = this.pending.indexOf(context);
    if (i >= 0) this.pending.splice(i, 1);
  }

  /**
   * A pending context is interrupted before its turn comes: it is told so in a round of its own, not from
   * inside the caller's.
   */
  protected interruptPending(context: C): void {
    this.dequeue(context);
    context.state = STOPPED;
    this.interruptedEarly.push(context);
    setImmediate(this.deliverEarly);
  }

  private readonly deliverEarly = (): void => {
    for (;;) {
      const context = this.interruptedEarly.shift();
      if (!context) return;
      if (!context.disposed && context.state === STOPPED) this.deliverInterrupted(context);
    }
  };

  /** Changes of `space` are applied when the slice ends, at the latest. */
  noteChanged(space: S): void {
    this.changed.push(space);
    this.schedule();
  }

  private applyAll(): void {
    const list = this.changed;
    if (list.length === 0) return;
    this.changed = [];
    for (const space of list) this.applyChanges(space);
  }

  // Slices --------------------------------------------------------------------------------------------------

  /** Have a slice soon; in a slice what is to be done is found by itself. */
  protected schedule(): void {
    if (!this.inSlice) this.scheduled ??= setImmediate(this.onImmediate);
  }
  private readonly onImmediate = (): void => {
    this.scheduled = null;
    this.slice();
  };
  private wake(): void {
    if (!this.inSlice) this.slice();
  }

  alarmChanged(when: number): void {
    if (when >= this.nextAlarm) return;
    this.nextAlarm = when;
    if (!this.inSlice) this.helpers.setAlarm(when);
    // What comes later finds the timer ticking already.
    else if (this.serving && when < this.firstTick()) this.timer.start(when, TICK);
  }

  protected runAlarms(now: number): void {
    if (now < this.nextAlarm) return;
    this.nextAlarm = Number.POSITIVE_INFINITY;
    for (const i of [...this.instances]) {
      if (i.alarmAt <= now) {
        i.alarmAt = Number.POSITIVE_INFINITY;
        i.alarmFn?.();
      }
    }
    let next = Number.POSITIVE_INFINITY;
    for (const i of this.instances) if (i.alarmAt < next) next = i.alarmAt;
    this.nextAlarm = next;
  }

  private slice(): void {
    this.inSlice = true;
    this.counters.slices++;
    const start = hostMonotonicNs();
    this.sliceStart = start;
    this.sliceEnd = start + (this.quiet > 1 ? QUIET_SLICE : SLICE);
    this.begin();
    this.runAlarms(start);
    let events = 0;
    if (this.pending.length > 0 || this.anyRunning || this.anyReady) {
      this.timer.start(Math.min(this.firstTick(), this.nextAlarm), TICK);
      this.serving = true;
      events = this.serve();
      this.serving = false;
      this.timer.stop();
    }
    this.applyAll();
    this.inSlice = false;
    this.quiet = events > 0 ? 0 : this.quiet + 1;
    this.goOn(events);
  }

  /** The slice had so many events: have another, or sleep. */
  private goOn(events: number): void {
    if (this.pending.length > 0 || this.anyReady || (this.anyRunning && events > 0)) {
      this.schedule();
      return;
    }
    if (this.nextAlarm !== Number.POSITIVE_INFINITY) this.helpers.setAlarm(this.nextAlarm);
    if (!this.mayStop) return;
    this.counters.sleeps++;
    if (!this.watch()) this.schedule();
  }

  /** Something may stop while the loop sleeps. */
  protected get mayStop(): boolean {
    return this.anyRunning;
  }
}

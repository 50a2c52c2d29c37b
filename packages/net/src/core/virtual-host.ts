import type { StackHost } from './host.js';

interface Alarm {
  at: number;
  fire: () => void;
}

/**
 * Virtual time: it stands still until it is advanced, and then alarms go off in order, at once. Randomness is
 * seeded. Several stacks share a clock by `fork`.
 */
export class VirtualHost implements StackHost {
  private readonly alarms: Set<Alarm>;
  private alarm: Alarm | null = null;
  private state: number;
  private readonly clock: { now: number };

  constructor(seed = 1, shared?: { clock: { now: number }; alarms: Set<Alarm> }) {
    this.state = seed >>> 0;
    this.clock = shared?.clock ?? { now: 1000 };
    this.alarms = shared?.alarms ?? new Set();
  }

  /** Another host with the same clock, for a second stack. */
  fork(seed: number): VirtualHost {
    return new VirtualHost(seed, { clock: this.clock, alarms: this.alarms });
  }

  now(): number {
    return this.clock.now;
  }

  setAlarm(at: number, fire: () => void): void {
    if (this.alarm !== null) this.alarms.delete(this.alarm);
    this.alarm = at === Number.POSITIVE_INFINITY ? null : { at, fire };
    if (this.alarm !== null) this.alarms.add(this.alarm);
  }

  /** mulberry32. */
  random32(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** When the next alarm goes off; Infinity: there is none. */
  get nextAlarm(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const alarm of this.alarms) next = Math.min(next, alarm.at);
    return next;
  }

  /** Let `milliseconds` pass. */
  advance(milliseconds: number): void {
    const end = this.clock.now + milliseconds;
    while (this.step(end));
    this.clock.now = end;
  }

  /** Let time pass until nothing is armed any more, or `limit` ms have passed. */
  settle(limit = 3_600_000): void {
    const end = this.clock.now + limit;
    while (this.step(end));
  }

  /** Advance to the next alarm, if it is due until `end`, and let it go off. */
  private step(end: number): boolean {
    let first: Alarm | null = null;
    for (const alarm of this.alarms) if (first === null || alarm.at < first.at) first = alarm;
    if (first === null || first.at > end) return false;
    this.alarms.delete(first);
    this.clock.now = Math.max(this.clock.now, first.at);
    first.fire();
    return true;
  }
}

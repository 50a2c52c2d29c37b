import type { Clock } from './source.js';

const NSEC_PER_SEC = 1_000_000_000;

/**
 * Time that moves only when told to: deterministic tests, and sandboxes whose clocks an embedder drives.
 * Timers run inside `advance`, each at its own instant.
 */
export class VirtualClock implements Clock {
  readonly real = false;
  realtimeNsec = 0;
  private now: number;
  private offsetSec: number;
  private offsetNsec: number;
  private alarmAt = Number.POSITIVE_INFINITY;
  private alarm: (() => void) | null = null;

  /** Starts with the machine `uptimeNs` up, at `epochSec` seconds of CLOCK_REALTIME. Throws RangeError. */
  constructor(epochSec = 1_735_689_600, uptimeNs = 10 * NSEC_PER_SEC) {
    if (!Number.isSafeInteger(epochSec)) throw new RangeError('the clock begins at a whole second');
    checkNanoseconds(uptimeNs);
    this.now = uptimeNs;
    const up = Math.floor(uptimeNs / NSEC_PER_SEC);
    this.offsetSec = epochSec - up;
    this.offsetNsec = -(uptimeNs - up * NSEC_PER_SEC);
    this.normalise();
  }

  private normalise(): void {
    const carry = Math.floor(this.offsetNsec / NSEC_PER_SEC);
    this.offsetSec += carry;
    this.offsetNsec -= carry * NSEC_PER_SEC;
  }

  monotonic(): number {
    return this.now;
  }

  realtimeSec(): number {
    const sec = Math.floor(this.now / NSEC_PER_SEC);
    const nsec = this.now - sec * NSEC_PER_SEC + this.offsetNsec;
    const carry = nsec >= NSEC_PER_SEC ? 1 : 0;
    this.realtimeNsec = Math.floor(nsec - carry * NSEC_PER_SEC);
    return sec + this.offsetSec + carry;
  }

  stepRealtime(seconds: number, nanoseconds: number): void {
    this.offsetSec += seconds;
    this.offsetNsec += nanoseconds;
    this.normalise();
  }

  setAlarm(when: number, fn: () => void): void {
    this.alarmAt = when;
    this.alarm = fn;
  }

  /**
   * Instant of the next timer (CLOCK_MONOTONIC ns), Infinity when none waits: where to jump to when all
   * sleep.
   */
  get nextAlarm(): number {
    return this.alarmAt;
  }

  /**
   * Jump to the next timer, when all sleep. False when none waits. Must not be called from inside the kernel.
   */
  advanceToNextAlarm(): boolean {
    if (this.alarmAt === Number.POSITIVE_INFINITY) return false;
    this.advance(Math.max(0, this.alarmAt - this.now));
    return true;
  }

  /**
   * Let `ns` nanoseconds pass. Must not be called from inside the kernel. Throws RangeError for a time that
   * would run back.
   */
  advance(ns: number): void {
    checkNanoseconds(ns);
    const end = this.now + ns;
    while (this.alarm && this.alarmAt <= end) {
      this.now = Math.max(this.now, this.alarmAt);
      this.alarmAt = Number.POSITIVE_INFINITY;
      this.alarm();
    }
    this.now = end;
  }
}

function checkNanoseconds(ns: number): void {
  if (!(Number.isFinite(ns) && ns >= 0)) throw new RangeError(`${ns} are no nanoseconds that can pass`);
}

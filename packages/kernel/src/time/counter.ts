import type { CounterParameters } from './vvar-page.js';

/** Shortest span two readings must lie apart to tell the counter's rate. */
const MIN_SPAN_NS = 1_000_000;
const MIN_INTERVAL_NS = 5_000_000;
const MAX_INTERVAL_NS = 1_000_000_000;
/** How long the reading the rate is measured from is kept: long enough for parts in 10^9, short enough to follow the host. */
const ANCHOR_NS = 16_000_000_000;
/** An error up to this is slewed away within one interval; a larger one forwards is jumped over. */
const SLEW_NS = 100_000;
/** A larger one backwards lets time run at half its pace, up to this; beyond it there is no choice but to step back. */
const MAX_BACK_NS = 200_000_000;

/** One simultaneous reading of the counter and the host's clocks, relative to a fixed origin so that all of it is exact. */
export interface CounterReading {
  /** Ticks since the origin. */
  ticks: number;
  /** CLOCK_MONOTONIC, nanoseconds since the origin. */
  monotonic: number;
  /** CLOCK_REALTIME - CLOCK_MONOTONIC, nanoseconds relative to the origin's. */
  offset: number;
  /** Nanoseconds the offset may be wrong by. */
  uncertainty: number;
}

/**
 * Steers the line time = base + slope * ticks along the host's clocks. The line is continuous: its readers never see
 * time go back, but when the host's own clocks or the counter were disturbed (a suspended machine).
 */
export class CounterDiscipline {
  /** The line; slope 0 until calibrated. */
  baseTicks = 0;
  baseNs = 0;
  slope = 0;
  /** Realtime offset in force, as `CounterReading.offset`. */
  offset = 0;
  /** Error found by the last refresh, ns (positive: the line was behind). */
  error = 0;
  /** Times the line had to be broken. */
  steps = 0;
  interval = MIN_INTERVAL_NS;
  private old: CounterReading | null = null;
  private young: CounterReading | null = null;

  get calibrated(): boolean {
    return this.slope > 0;
  }

  /** Time of the line at `ticks`. */
  at(ticks: number): number {
    return this.baseNs + Math.max(0, ticks - this.baseTicks) * this.slope;
  }

  /** Take a reading into account. True when CLOCK_REALTIME has been set since the last one. */
  update(r: CounterReading, pause: boolean): boolean {
    const stepped = this.old !== null && Math.abs(r.offset - this.offset) > Math.max(1000, r.uncertainty);
    if (stepped || this.old === null) this.offset = r.offset;
    const rate = this.measure(r);
    if (rate > 0) this.steer(r, rate, pause);
    return stepped;
  }

  /** The counter's pace in nanoseconds a tick, 0 when not known yet. */
  private measure(r: CounterReading): number {
    const old = this.old;
    // A counter that went back, or stood still, was reset while the machine slept: begin anew.
    if (!old || r.ticks <= old.ticks || r.monotonic <= old.monotonic) {
      this.old = { ...r };
      this.young = { ...r };
      this.slope = 0;
      this.interval = MIN_INTERVAL_NS;
      return 0;
    }
    const span = r.monotonic - old.monotonic;
    if (span < MIN_SPAN_NS) return 0;
    const rate = span / (r.ticks - old.ticks);
    if (r.monotonic - this.young!.monotonic > ANCHOR_NS) {
      this.old = this.young;
      this.young = { ...r };
    }
    this.interval = Math.min(MAX_INTERVAL_NS, Math.max(MIN_INTERVAL_NS, span));
    return rate;
  }

  private steer(r: CounterReading, rate: number, pause: boolean): void {
    if (!this.calibrated) {
      this.setLine(r.ticks, r.monotonic, rate);
      this.error = 0;
      return;
    }
    const now = this.at(r.ticks);
    const error = r.monotonic - now;
    this.error = error;
    if (error > SLEW_NS || error < -MAX_BACK_NS) {
      this.steps++;
      this.setLine(r.ticks, r.monotonic, rate);
    } else if (error >= -SLEW_NS) {
      // Unattended, a correction would go on too long.
      this.setLine(r.ticks, now, pause ? rate : rate * (1 + error / MAX_INTERVAL_NS));
    } else {
      this.interval = Math.min(this.interval, -2 * error);
      this.setLine(r.ticks, now, rate / 2);
    }
  }

  private setLine(ticks: number, ns: number, slope: number): void {
    this.baseTicks = ticks;
    // Rounded up: rounding down would let time step back by a nanosecond.
    this.baseNs = Math.ceil(ns);
    this.slope = slope;
  }

  /** Fill in what the readers' arithmetic needs, but for the origin's own values. */
  fill(p: CounterParameters): void {
    p.shift = this.slope < 2 ? 52 : 48;
    p.mult = Math.floor(this.slope * 2 ** p.shift);
  }
}

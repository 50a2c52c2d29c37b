import type { CounterParameters } from './vvar-page.js';

/** Shortest span two readings must lie apart to tell the counter's rate. */
const MIN_SPAN_NS = 1_000_000;
const MIN_INTERVAL_NS = 5_000_000;
const MAX_INTERVAL_NS = 1_000_000_000;
/**
 * How long the reading the rate is measured from is kept: long enough for parts in 10^9, short enough to
 * follow the host.
 */
const ANCHOR_NS = 16_000_000_000;
/** An error up to this is slewed away within one interval; a larger one forwards is jumped over. */
const SLEW_NS = 100_000;
/** By how much the host's clock and the counter may drift apart between two readings, as a fraction. */
const TOLERANCE = 500e-6;
/**
 * A larger one backwards lets time run at half its pace, up to this; beyond it there is no choice but to step
 * back.
 */
const MAX_BACK_NS = 200_000_000;

/**
 * One simultaneous reading of the counter and the host's clocks, relative to a fixed origin so that all of it
 * is exact.
 */
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
 * Steers the line time = base + slope * ticks along the host's clocks. The line is continuous: its readers
 * never see time go back, but when the host's own clocks or the counter were disturbed (a suspended machine).
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
  /** Times the clocks and the counter were found apart by more than drift explains. */
  steps = 0;
  interval = MIN_INTERVAL_NS;
  /** The counter's pace as last measured. */
  private rate = 0;
  private lastReading = 0;
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
    this.lastReading = r.monotonic;
    return stepped;
  }

  /** The counter's pace in nanoseconds a tick, 0 when not known yet. */
  private measure(r: CounterReading): number {
    const old = this.old;
    // A counter that went back, or stood still, was reset while the machine slept: begin anew.
    if (!old || r.ticks <= old.ticks || r.monotonic <= old.monotonic) {
      this.anchor(r);
      this.slope = 0;
      this.rate = 0;
      return 0;
    }
    const span = r.monotonic - old.monotonic;
    this.interval = Math.min(MAX_INTERVAL_NS, Math.max(MIN_INTERVAL_NS, span));
    return span < MIN_SPAN_NS ? this.rate : span / (r.ticks - old.ticks);
  }

  /** Measure the pace from here on. */
  private anchor(r: CounterReading): void {
    this.old = { ...r };
    this.young = this.old;
    this.interval = MIN_INTERVAL_NS;
  }

  private steer(r: CounterReading, rate: number, pause: boolean): void {
    if (!this.calibrated) {
      this.error = 0;
      this.rate = rate;
      this.setLine(r.ticks, r.monotonic, rate);
      return;
    }
    const now = this.at(r.ticks);
    const error = r.monotonic - now;
    this.error = error;
    if (Math.abs(error) > SLEW_NS + (r.monotonic - this.lastReading) * TOLERANCE) {
      // The clocks and the counter did not run together for a while: what was measured over that time says
      // nothing.
      this.anchor(r);
      this.steps++;
    } else {
      this.rate = rate;
      if (r.monotonic - this.young!.monotonic > ANCHOR_NS) {
        this.old = this.young;
        this.young = { ...r };
      }
    }
    this.correct(r, now, error, pause);
  }

  private correct(r: CounterReading, now: number, error: number, pause: boolean): void {
    const { rate } = this;
    if (error > SLEW_NS || error < -MAX_BACK_NS) {
      this.setLine(r.ticks, r.monotonic, rate);
    } else if (error < -SLEW_NS) {
      this.interval = Math.min(this.interval, -2 * error);
      this.setLine(r.ticks, now, rate / 2);
    } else {
      // Unattended, a correction would go on too long.
      this.setLine(r.ticks, now, pause ? rate : rate * (1 + error / MAX_INTERVAL_NS));
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

import {
  ADJ_ESTERROR,
  ADJ_FREQUENCY,
  ADJ_MAXERROR,
  ADJ_MICRO,
  ADJ_NANO,
  ADJ_OFFSET,
  ADJ_STATUS,
  ADJ_TAI,
  ADJ_TICK,
  ADJ_TIMECONST,
  STA_CLOCKERR,
  STA_FLL,
  STA_FREQHOLD,
  STA_NANO,
  STA_PLL,
  STA_RONLY,
  STA_UNSYNC,
  TIME_ERROR,
  TIME_OK,
} from '@sandbox/abi';
import type { Clock } from './source.js';
import { Timer, type Timers } from './timers.js';

const NSEC = 1e9;
/** How often the clock is moved on: 10 times a second, each time by at most what the rates below come to. */
const STEP_NS = 100_000_000;
/** adjtime(3): 500 us a second. */
const ADJTIME_NS = 500_000;
/** Frequency and errors grow by, or are bounded by, 500 ppm. */
const MAX_FREQUENCY = 500_000;
const PHASE_LIMIT_US = 16_000_000;
const MAX_PHASE_NS = 500_000_000;
const MAX_CONSTANT = 10;
const MAX_TAI = 100_000;
const SHIFT_PLL = 2;
const SHIFT_FLL = 2;
/** Least seconds between updates for the frequency-locked loop. */
const MIN_FLL_SECONDS = 256;
const USUAL_TICK = 10_000;

/** What one adjtimex(2) wants; units as in `struct timex`. */
export interface Adjustment {
  modes: number;
  offset: number;
  freq: number;
  maxerror: number;
  esterror: number;
  status: number;
  constant: number;
  tick: number;
}

/**
 * The discipline of CLOCK_REALTIME (kernel/time/ntp.c): a frequency, an offset to be worked off, and
 * adjtime's. The clock is moved on in small steps, while there is something to do. CLOCK_MONOTONIC stays with
 * the host.
 */
export class ClockDiscipline {
  status = STA_UNSYNC;
  constant = 2;
  tick = USUAL_TICK;
  tai = 0;
  esterror = PHASE_LIMIT_US;
  /** Of the frequency: ns a second. */
  private frequency = 0;
  /** Still to be worked off, ns. */
  private offset = 0;
  /** adjtime(3): us still to be worked off. */
  private single = 0;
  /** `maxerror` as of an instant; it grows. */
  private error = PHASE_LIMIT_US;
  private errorAt = 0;
  private updatedAt = 0;
  /** Fractions of a nanosecond not given yet. */
  private rest = 0;
  private lastStep = 0;
  private readonly timer = new Timer(() => this.step());

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
  ) {}

  /** TIME_*: what the calls answer. */
  get state(): number {
    this.growError();
    return (this.status & (STA_UNSYNC | STA_CLOCKERR)) !== 0 ? TIME_ERROR : TIME_OK;
  }

  get maxerror(): number {
    this.growError();
    return this.error;
  }

  /** ppm, times 2^16. */
  get freq(): number {
    return Math.floor((this.frequency / 1000) * 65536 + 0.5);
  }

  /** In the unit STA_NANO says. */
  get offsetLeft(): number {
    return Math.trunc((this.status & STA_NANO) !== 0 ? this.offset : this.offset / 1000);
  }

  /** adjtime(3): us left of the last one; `us` replaces it. */
  adjtime(us: number | null): number {
    this.step();
    const left = Math.trunc(this.single);
    if (us !== null) this.single = us;
    this.schedule();
    return left;
  }

  /** Everything but ADJ_SETOFFSET and adjtime's; the values have been checked. */
  adjust(a: Adjustment): void {
    this.step();
    const { modes } = a;
    if ((modes & ADJ_STATUS) !== 0) this.setStatus(a.status);
    if ((modes & ADJ_NANO) !== 0) this.status |= STA_NANO;
    if ((modes & ADJ_MICRO) !== 0) this.status &= ~STA_NANO;
    if ((modes & ADJ_FREQUENCY) !== 0) {
      this.frequency = clamp((a.freq / 65536) * 1000, -MAX_FREQUENCY, MAX_FREQUENCY);
    }
    if ((modes & ADJ_MAXERROR) !== 0) {
      this.error = clamp(a.maxerror, 0, PHASE_LIMIT_US);
      this.errorAt = this.clock.monotonic();
    }
    if ((modes & ADJ_ESTERROR) !== 0) this.esterror = clamp(a.esterror, 0, PHASE_LIMIT_US);
    if ((modes & ADJ_TIMECONST) !== 0) {
      const constant = clamp(a.constant, 0, MAX_CONSTANT);
      this.constant = clamp((this.status & STA_NANO) === 0 ? constant + 4 : constant, 0, MAX_CONSTANT);
    }
    if ((modes & ADJ_TAI) !== 0 && a.constant >= 0 && a.constant <= MAX_TAI) this.tai = a.constant;
    if ((modes & ADJ_OFFSET) !== 0) this.setOffset(a.offset);
    if ((modes & ADJ_TICK) !== 0) this.tick = a.tick;
    this.schedule();
  }

  /** The clock was set: what was known of its error is void (ntp_clear). */
  clockSet(): void {
    this.single = 0;
    this.offset = 0;
    this.status |= STA_UNSYNC;
    this.error = PHASE_LIMIT_US;
    this.esterror = PHASE_LIMIT_US;
    this.errorAt = this.clock.monotonic();
  }

  private setStatus(status: number): void {
    const now = this.clock.monotonic();
    if ((this.status & STA_PLL) !== 0 && (status & STA_PLL) === 0) this.status = STA_UNSYNC;
    if ((this.status & STA_PLL) === 0 && (status & STA_PLL) !== 0) this.updatedAt = now;
    this.growError();
    this.status = (this.status & STA_RONLY) | (status & ~STA_RONLY);
  }

  /**
   * A phase error was measured: the loops learn the frequency from it, and it is worked off
   * (ntp_update_offset).
   */
  private setOffset(value: number): void {
    if ((this.status & STA_PLL) === 0) return;
    const ns = (this.status & STA_NANO) !== 0 ? value : clamp(value, -MAX_PHASE_NS, MAX_PHASE_NS) * 1000;
    const offset = clamp(ns, -MAX_PHASE_NS, MAX_PHASE_NS);
    const now = this.clock.monotonic();
    const held = (this.status & STA_FREQHOLD) !== 0;
    const seconds = held ? 0 : Math.floor((now - this.updatedAt) / NSEC);
    this.updatedAt = now;
    let change = 0;
    if ((this.status & STA_FLL) !== 0 && seconds >= MIN_FLL_SECONDS)
      change = offset / (seconds * 2 ** SHIFT_FLL);
    const counted = Math.min(seconds, 2 ** (SHIFT_PLL + 1 + this.constant));
    change += (offset * counted) / 2 ** (2 * (SHIFT_PLL + 2 + this.constant));
    this.frequency = clamp(this.frequency + change, -MAX_FREQUENCY, MAX_FREQUENCY);
    this.offset = offset;
  }

  /** 500 us a second, as nobody says better; with it all is lost. */
  private growError(): void {
    const seconds = Math.floor((this.clock.monotonic() - this.errorAt) / NSEC);
    if (seconds <= 0) return;
    this.errorAt += seconds * NSEC;
    this.error += seconds * (MAX_FREQUENCY / 1000);
    if (this.error <= PHASE_LIMIT_US) return;
    this.error = PHASE_LIMIT_US;
    this.status |= STA_UNSYNC;
  }

  private get busy(): boolean {
    return (
      this.frequency !== 0 || this.tick !== USUAL_TICK || this.single !== 0 || Math.abs(this.offset) >= 1
    );
  }

  private schedule(): void {
    if (!this.busy) this.timers.cancel(this.timer);
    else if (!this.timer.armed) {
      this.lastStep = this.clock.monotonic();
      this.timers.arm(this.timer, this.lastStep + STEP_NS);
    }
  }

  /** Move the clock on for the time since the last step. */
  private step(): void {
    if (!this.busy) return;
    const now = this.clock.monotonic();
    const seconds = (now - this.lastStep) / NSEC;
    if (seconds <= 0) return;
    this.lastStep = now;
    let ns = this.rest + (this.frequency + (this.tick - USUAL_TICK) * 100_000) * seconds;
    if (this.single !== 0) {
      const most = ADJTIME_NS * seconds;
      const part = clamp(this.single * 1000, -most, most);
      this.single -= part / 1000;
      if (Math.abs(this.single) < 1e-6) this.single = 0;
      ns += part;
    }
    if (this.offset !== 0) {
      // The loop takes this part of what is left each second.
      const part = this.offset * (1 - (1 - 2 ** -(SHIFT_PLL + this.constant)) ** seconds);
      this.offset -= part;
      ns += part;
    }
    const whole = Math.trunc(ns);
    this.rest = ns - whole;
    if (whole !== 0) this.clock.stepRealtime(0, whole);
    this.timers.cancel(this.timer);
    this.schedule();
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

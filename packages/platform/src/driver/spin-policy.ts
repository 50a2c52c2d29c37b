/**
 * When to spin. Looking at shared memory from one CPU while the guest runs on another answers a call in a
 * fraction of a microsecond, but burns both, and makes every ordinary stop dearer, as it then crosses CPUs.
 * On a busy machine, or with guests that mostly compute, a stop on a shared CPU is better. So the account of
 * what spinning gained and lost is kept, in microseconds; when it is overdrawn, spinning pauses, longer each
 * time.
 */

/** What each event is worth, in microseconds gained (or, below zero, lost). */
export interface SpinWorth {
  /** A look found a call. */
  readonly hit: number;
  /** A whole round of looking found none. */
  readonly miss: number;
  /** A stop that shared memory could not avoid, beyond what it costs without spinning. */
  readonly slowStop: number;
  /**
   * Memory operations while the guest looks for its answer on another CPU, which has to be told to forget its
   * old mappings.
   */
  readonly list: number;
  /** A guest gave up looking for its answer. */
  readonly park: number;
  /** Calls in one slice that make spinning worth a try, if other stops were fewer than a quarter of them. */
  readonly beginCalls: number;
}

/** The most a long wait after a miss counts: the guest computes, or waits for a CPU itself. */
const LONGEST_WAIT = 600;
/** The spinning thread was taken off its CPU. */
const PREEMPTED = -500;
/** The account at the beginning, and the most that counts. */
const CREDIT = 1200;
const MOST_CREDIT = 6000;
const FIRST_PAUSE = 10e6;
const LONGEST_PAUSE = 100e6;
/** After so much gain, several times what giving up can have cost, the next pause is a short one again. */
const GOOD_GAIN = 20_000;

export class SpinPolicy {
  active = false;
  private credit = 0;
  private gain = 0;
  private pause = FIRST_PAUSE;
  private notBefore = 0;
  /** Nothing was reported since spinning began. */
  private fresh = false;

  constructor(
    private readonly possible: boolean,
    private readonly worth: SpinWorth,
  ) {}

  private always = false;
  /** Spin whatever it costs: for tests, so that they go through this code on busy machines too. */
  force(): void {
    this.always = true;
    this.active = true;
  }

  /** A look found a call. */
  hit(): void {
    this.gain += this.worth.hit;
    this.credit += this.worth.hit;
    if (this.credit > MOST_CREDIT) this.credit = MOST_CREDIT;
  }
  /** A whole round of looking found none, and the next event came `ns` later. */
  miss(ns: number): void {
    this.lose(this.worth.miss - Math.min(ns / 1000, LONGEST_WAIT));
  }
  /** Involuntary switches of the tracer's thread since the last report. */
  preempted(times: number): void {
    if (times > 0 && !this.fresh) this.lose(PREEMPTED * Math.min(times, 3));
    this.fresh = false;
  }
  /** A stop that shared memory could not avoid. */
  slowStop(): void {
    this.lose(this.worth.slowStop);
  }
  /** Memory operations were executed for a guest. */
  list(): void {
    this.lose(this.worth.list);
  }
  /** A guest gave up looking for its answer. */
  park(): void {
    this.lose(this.worth.park);
  }

  private lose(worth: number): void {
    if (!this.active || this.always) return;
    this.credit += worth;
    if (this.credit < 0) this.active = false;
  }

  /** The slice is over (`now` in ns); it had so many calls by shared memory, and so many other stops. */
  judge(now: number, fastCalls: number, slowStops: number): void {
    if (!this.possible || this.active) return;
    if (this.credit < 0) {
      // It was given up during this slice.
      if (this.gain > GOOD_GAIN) this.pause = FIRST_PAUSE;
      this.notBefore = now + this.pause;
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
      this.credit = 0;
      return;
    }
    if (fastCalls < this.worth.beginCalls || slowStops * 4 > fastCalls || now < this.notBefore) return;
    this.active = true;
    this.credit = CREDIT;
    this.gain = 0;
    this.fresh = true;
  }
}

import { MODE_SYSCALL, MODE_TSC, VVAR } from './vvar.js';

/** How a processor's time stamp counter relates to the clocks from some instant on. */
export interface CounterParameters {
  /** Counter value of the base, as two words. */
  tscLo: number;
  tscHi: number;
  /** Nanoseconds a tick: mult / 2^shift, with mult an integer below 2^53. */
  mult: number;
  shift: number;
  /** The clocks at the base: whole seconds, and whole nanoseconds below 10^9. */
  monotonicSec: number;
  monotonicNsec: number;
  realtimeSec: number;
  realtimeNsec: number;
}

/** A counter that guests may read the time from, kept in step with the host's clocks. */
export interface Counter {
  /** Keep `page` up to date from now on; `detach` before its memory goes. */
  attach(page: VvarPage): void;
  detach(page: VvarPage): void;
  /**
   * Compare with the host's clocks and correct all pages. `pause`: nobody is going to ask for a while. True
   * when the host's CLOCK_REALTIME has been set since the last time.
   */
  refresh(pause: boolean): boolean;
  /** Nanoseconds after which to refresh again. */
  readonly interval: number;
}

const SEQ = VVAR.seq / 4;
const NSEC_PER_SEC = 1_000_000_000;

/** The writer's side of a data page (`VVAR`), in memory that readers map. */
export class VvarPage {
  /** CLOCK_REALTIME of this page's kernel minus the host's. */
  aheadSec = 0;
  aheadNsec = 0;
  private last: CounterParameters | null = null;

  /** `words`: the page as 32-bit words. */
  constructor(private readonly words: Uint32Array) {}

  /** Readers make system calls from now on. */
  disable(): void {
    this.last = null;
    this.begin();
    this.words[VVAR.mode / 4] = MODE_SYSCALL;
    this.end();
  }

  write(p: CounterParameters): void {
    this.last = p;
    const w = this.words;
    this.begin();
    w[VVAR.tscBase / 4] = p.tscLo;
    w[VVAR.tscBase / 4 + 1] = p.tscHi;
    this.put64(VVAR.mult, p.mult);
    w[VVAR.shift / 4] = p.shift;
    this.put64(VVAR.monotonic, p.monotonicSec);
    this.put64(VVAR.monotonic + 8, p.monotonicNsec);
    const nsec = p.realtimeNsec + this.aheadNsec;
    const carry = nsec >= NSEC_PER_SEC ? 1 : 0;
    this.put64(VVAR.realtime, p.realtimeSec + this.aheadSec + carry);
    this.put64(VVAR.realtime + 8, nsec - carry * NSEC_PER_SEC);
    w[VVAR.mode / 4] = MODE_TSC;
    this.end();
  }

  /** This kernel's CLOCK_REALTIME was set: `sec`, `nsec` (0..10^9-1) ahead of the host's. */
  setAhead(sec: number, nsec: number): void {
    this.aheadSec = sec;
    this.aheadNsec = nsec;
    if (this.last) this.write(this.last);
  }

  private put64(at: number, value: number): void {
    this.words[at / 4] = value >>> 0;
    this.words[at / 4 + 1] = Math.floor(value / 4294967296);
  }

  private begin(): void {
    Atomics.store(this.words, SEQ, (this.words[SEQ]! | 1) >>> 0);
  }

  private end(): void {
    Atomics.store(this.words, SEQ, (this.words[SEQ]! + 1) >>> 0);
  }
}

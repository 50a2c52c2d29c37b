import type { CallLatency, CallTimer } from '../process/kernel/call-table.js';
import type { Task } from '../process/task/task.js';

/** Buckets of a histogram: bucket `i` counts calls of less than 2^(i + 8) ns, the last one all others. */
const BUCKETS = 32;
const FIRST_EXPONENT = 8;
const CALLS = 512;

/** Times calls (kernel option `measure`). Nothing is allocated for a call that has been made before. */
export class LatencyRecorder implements CallTimer {
  private readonly counts = new Float64Array(CALLS * BUCKETS);
  private readonly totals = new Float64Array(CALLS);
  private readonly longest = new Float64Array(CALLS);
  private readonly started = new WeakMap<Task, { at: number }>();

  constructor(private readonly now: () => number) {}

  enter(task: Task): void {
    let start = this.started.get(task);
    if (start === undefined) {
      start = { at: 0 };
      this.started.set(task, start);
    }
    start.at = this.now();
  }

  leave(task: Task, nr: number): void {
    const start = this.started.get(task);
    if (start === undefined || nr < 0 || nr >= CALLS) return;
    const ns = Math.max(0, this.now() - start.at);
    const bucket = Math.floor(Math.log2(Math.max(1, ns))) + 1 - FIRST_EXPONENT;
    this.counts[nr * BUCKETS + Math.min(BUCKETS - 1, Math.max(0, bucket))]!++;
    this.totals[nr]! += ns;
    if (ns > this.longest[nr]!) this.longest[nr] = ns;
  }

  /** Of call `nr`; null when it was not made. */
  read(nr: number): CallLatency | null {
    const histogram: { belowNs: number; count: number }[] = [];
    let count = 0;
    for (let i = 0; i < BUCKETS; i++) {
      const n = this.counts[nr * BUCKETS + i]!;
      if (n === 0) continue;
      count += n;
      histogram.push({
        belowNs: i === BUCKETS - 1 ? Number.POSITIVE_INFINITY : 2 ** (i + FIRST_EXPONENT),
        count: n,
      });
    }
    if (count === 0) return null;
    return { count, totalNs: this.totals[nr]!, maxNs: this.longest[nr]!, histogram };
  }
}

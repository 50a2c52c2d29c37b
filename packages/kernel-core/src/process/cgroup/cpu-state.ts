/** What cpu.weight is unless set, and bounds of it (CGROUP_WEIGHT_*). */
export const WEIGHT_DEFAULT = 100;
export const PERIOD_DEFAULT = 100_000;

/** What the cpu controller keeps, and the CPU time that counts without it. */
export class CpuState {
  weight = WEIGHT_DEFAULT;
  idle = false;
  /** cpu.max and cpu.max.burst, microseconds; no quota: Infinity. */
  quota = Number.POSITIVE_INFINITY;
  period = PERIOD_DEFAULT;
  burst = 0;
  /** When the period under way ends (CLOCK_MONOTONIC, ns), and the usage at which the group is throttled. */
  periodEnd = 0;
  budgetEnd = 0;
  /** It is throttled, since when. */
  throttledSince = -1;
  periods = 0;
  throttledPeriods = 0;
  throttledNs = 0;
  /** CPU time of tasks and groups that have left, ns. */
  past = 0;

  reset(): void {
    this.weight = WEIGHT_DEFAULT;
    this.idle = false;
    this.quota = Number.POSITIVE_INFINITY;
    this.period = PERIOD_DEFAULT;
    this.burst = 0;
    this.periods = this.throttledPeriods = this.throttledNs = 0;
  }
}

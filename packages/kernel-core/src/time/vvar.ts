/**
 * Layout of the page a guest's vDSO reads the time from (byte offsets), shared read-only with all guests of a
 * kernel.
 *
 * A time is base + ((tsc - tsc_base) * mult >> shift) nanoseconds, with one base for CLOCK_MONOTONIC and one
 * for CLOCK_REALTIME. A reader takes `SEQ`, the fields and the counter, and starts over when `SEQ` was odd or
 * has changed.
 */
export const VVAR = {
  SIZE: 4096,
  /** u32: odd while the fields change. */
  seq: 0,
  /** u32: MODE_*. */
  mode: 4,
  /** u64: counter value the bases belong to. */
  tscBase: 8,
  /** u64, below 2^53, and u32: nanoseconds a tick are mult / 2^shift. */
  mult: 16,
  shift: 24,
  /** u32: 1 when IA32_TSC_AUX holds the number of the processor as the guest knows it. */
  cpuNumbers: 28,
  /** u64 seconds and u64 nanoseconds below 10^9, each. */
  monotonic: 32,
  realtime: 48,
} as const;

/** The clocks are to be read by system calls: not yet calibrated, an unreliable counter, or virtual time. */
export const MODE_SYSCALL = 0;
/** The processor's time stamp counter is good. */
export const MODE_TSC = 1;

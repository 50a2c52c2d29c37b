import type { Counter } from './vvar-page.js';

/** Where a kernel's time comes from. All values are numbers; nothing else in the kernel reads a clock. */
export interface Clock {
  /** CLOCK_MONOTONIC in nanoseconds. */
  monotonic(): number;
  /** CLOCK_REALTIME whole seconds; sets `realtimeNsec` to the rest of the same instant. */
  realtimeSec(): number;
  readonly realtimeNsec: number;
  /**
   * True when it advances with the host's clocks, so that guests may read the processor's counter instead
   * (vDSO).
   */
  readonly real: boolean;
  /**
   * The processor's counter that tells the same time to guests (vDSO); null or absent when there is none to
   * trust.
   */
  readonly counter?: Counter | null;
  /**
   * Add to CLOCK_REALTIME (clock_settime by a privileged guest): this clock's readers see it, the host does
   * not.
   */
  stepRealtime(seconds: number, nanoseconds: number): void;
  /**
   * For a clock that is not the host's: have `fn` called when its time reaches `when` (one alarm; a new one
   * replaces it). Absent when the platform's alarm, which follows the host's CLOCK_MONOTONIC, is right.
   */
  setAlarm?(when: number, fn: () => void): void;
}

/** Where a kernel's randomness comes from. */
export interface Random {
  fill(bytes: Uint8Array, offset: number, length: number): void;
  uint32(): number;
}

/** Resolution of the coarse clocks, nanoseconds: a tick of CONFIG_HZ=250. */
export const COARSE_RESOLUTION_NS = 4_000_000;

/** Counters of memory.events. */
export interface MemoryEvents {
  low: number;
  high: number;
  max: number;
  oom: number;
  oom_kill: number;
  oom_group_kill: number;
}

const noEvents = (): MemoryEvents => ({ low: 0, high: 0, max: 0, oom: 0, oom_kill: 0, oom_group_kill: 0 });

/** What the memory controller keeps. Bytes. */
export class MemoryState {
  min = 0;
  low = 0;
  high = Number.POSITIVE_INFINITY;
  max = Number.POSITIVE_INFINITY;
  swapHigh = Number.POSITIVE_INFINITY;
  swapMax = Number.POSITIVE_INFINITY;
  oomGroup = false;
  /** Held when that was last looked at, and the most it ever was then. */
  used = 0;
  peak = 0;
  /** Here and within, and here alone. */
  readonly events = noEvents();
  readonly localEvents = noEvents();

  /** There is something to keep it within. */
  get limited(): boolean {
    return this.max !== Number.POSITIVE_INFINITY || this.high !== Number.POSITIVE_INFINITY;
  }
}

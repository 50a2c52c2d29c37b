/**
 * What a stack needs from outside. Nothing else in the package (but `*.host.ts`) reads time or randomness, so
 * a stack runs in virtual time as well as in real time.
 */
export interface StackHost {
  /** Monotonic milliseconds; fractions are welcome. */
  now(): number;
  /**
   * Have `fire` called once at or soon after `at` (as `now()`), replacing what was set before; Infinity: not
   * at all.
   */
  setAlarm(at: number, fire: () => void): void;
  /**
   * 32 random bits, 0 to 2^32-1. Ports, sequence numbers and IP ids are drawn from it: it must not be
   * guessable outside tests.
   */
  random32(): number;
  /**
   * Called around everything the stack does that may reach observers, when it was not called from within (a
   * packet of a link, a timer, a call of an endpoint). An embedder with a run queue of its own opens and
   * drains it here.
   */
  enter?(): void;
  leave?(): void;
}

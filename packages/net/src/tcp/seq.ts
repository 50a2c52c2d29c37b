/**
 * Sequence numbers (RFC 9293 section 3.4): 32-bit numbers modulo 2^32, kept as **signed** 32-bit integers so
 * that V8 never has to box one. `a - b | 0` is the distance from b to a, right as long as it is below 2^31.
 */

/** Whether `a` comes before `b`. */
export function seqLt(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** Whether `a` comes before `b` or is `b`. */
export function seqLe(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

/** Whether `a` comes after `b`. */
export function seqGt(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** Whether `a` comes after `b` or is `b`. */
export function seqGe(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** Whether `low <= seq <= high`. */
export function seqBetween(seq: number, low: number, high: number): boolean {
  return (high - low) >>> 0 >= (seq - low) >>> 0;
}

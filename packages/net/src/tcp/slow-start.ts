import type { CongestionView } from './congestion.js';

/**
 * Slow start (RFC 5681 section 3.1): one segment for each acknowledged. Returns those left over when the
 * threshold was reached.
 */
export function slowStart(view: CongestionView, acked: number): number {
  const cwnd = Math.min(view.cwnd + acked, view.ssthresh);
  const left = acked - (cwnd - view.cwnd);
  view.cwnd = Math.min(cwnd, MAX_CWND);
  return left;
}

/** Segments; a bound for counters, never reached by what buffers allow. */
export const MAX_CWND = 1 << 20;

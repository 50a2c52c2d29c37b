/**
 * Round trip time and RTO: RFC 6298, with Linux's variance (a maximum per round trip, and a floor of 200 ms
 * under RTTVAR x 4).
 */
import type { TcpConnection } from './connection.js';
import { RTO_MAX, RTO_MIN } from './constants.js';
import { seqGt } from './seq.js';

/** The lowest RTT counts this long, ms (tcp_min_rtt_wlen). */
const MIN_RTT_WINDOW = 300_000;
/** A measured 0 (the clock did not move) still is a measure. */
const LEAST = 0.001;

/** A sample, ms. */
export function sampleRtt(c: TcpConnection, sample: number): void {
  const m = Math.max(sample, LEAST);
  if (m <= c.minRtt || c.now - c.minRttAt > MIN_RTT_WINDOW) {
    c.minRtt = m;
    c.minRttAt = Math.floor(c.now);
  }
  // `mdev` and `rttvar` are four times what the RFC calls RTTVAR.
  if (c.srtt === 0) {
    c.srtt = m;
    c.mdev = 2 * m;
    c.rttvar = Math.max(c.mdev, RTO_MIN);
    c.mdevMax = c.rttvar;
    c.rttSeq = c.sndNxt;
  } else {
    let error = m - c.srtt;
    c.srtt += error / 8;
    if (error < 0) {
      // A falling RTT shall not look like variance.
      error = -error - c.mdev / 4;
      if (error > 0) error /= 8;
    } else {
      error -= c.mdev / 4;
    }
    c.mdev += error;
    if (c.mdev > c.mdevMax) {
      c.mdevMax = c.mdev;
      if (c.mdevMax > c.rttvar) c.rttvar = c.mdevMax;
    }
    if (seqGt(c.sndUna, c.rttSeq)) {
      if (c.mdevMax < c.rttvar) c.rttvar -= (c.rttvar - c.mdevMax) / 4;
      c.rttSeq = c.sndNxt;
      c.mdevMax = RTO_MIN;
    }
  }
  c.rto = Math.min(c.srtt + c.rttvar, RTO_MAX);
  c.backoff = 0;
}

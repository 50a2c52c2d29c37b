import type { CongestionControl, CongestionView } from './congestion.js';
import { seqGe } from './seq.js';
import { MAX_CWND, slowStart } from './slow-start.js';

/**
 * RFC 9438 section 4: constant C in segments per second cubed, multiplicative decrease factor, Reno-friendly
 * increase factor.
 */
const C = 0.4;
const BETA = 0.7;
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

// HyStart++ (RFC 9406 section 4.3), times in ms.
const MIN_RTT_THRESHOLD = 4;
const MAX_RTT_THRESHOLD = 16;
const RTT_SAMPLES = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;

/** CUBIC (RFC 9438) with HyStart++ (RFC 9406) as its slow start. */
export class Cubic implements CongestionControl {
  readonly name = 'cubic';
  /** When this stage of congestion avoidance began, ms; 0: not begun. */
  private epoch = 0;
  private wMax = 0;
  /** Seconds from the epoch until the window is at wMax again. */
  private k = 0;
  /** What Reno would have by now. */
  private wEst = 0;
  /** Part of a segment the window has grown by. */
  private credit = 0;
  private priorWMax = 0;

  // HyStart++: the round that ends when `roundEnd` is acknowledged.
  private roundEnd = 0;
  private inRound = false;
  private lastRoundMin = Number.POSITIVE_INFINITY;
  private roundMin = Number.POSITIVE_INFINITY;
  private samples = 0;
  private cssBaseline = 0;
  private cssRounds = 0;
  private cssCredit = 0;

  onCongestion(view: CongestionView): number {
    this.epoch = 0;
    this.priorWMax = this.wMax;
    // Fast convergence: a flow that falls before it got back to its last peak leaves room for others.
    this.wMax = view.cwnd < this.wMax ? (view.cwnd * (1 + BETA)) / 2 : view.cwnd;
    return Math.max(Math.floor(view.cwnd * BETA), 2);
  }

  onAck(view: CongestionView, acked: number, now: number): void {
    if (view.cwnd < view.ssthresh) {
      if (this.cssBaseline > 0) {
        // Conservative slow start: a quarter of the pace.
        this.cssCredit += acked;
        acked = Math.floor(this.cssCredit / CSS_GROWTH_DIVISOR);
        this.cssCredit -= acked * CSS_GROWTH_DIVISOR;
      }
      acked = slowStart(view, acked);
      if (acked === 0) return;
    }
    this.grow(view, acked, now);
  }

  private grow(view: CongestionView, acked: number, now: number): void {
    if (this.epoch === 0) {
      this.epoch = now;
      this.wEst = view.cwnd;
      this.credit = 0;
      if (view.cwnd < this.wMax) {
        this.k = Math.cbrt((this.wMax - view.cwnd) / C);
      } else {
        this.k = 0;
        this.wMax = view.cwnd;
      }
    }
    const cwnd = view.cwnd;
    const t = (now - this.epoch) / 1000;
    const rtt = view.srtt / 1000;
    const wCubic = C * (t - this.k) ** 3 + this.wMax;
    // Once it is back where it fell, Reno's own pace (section 4.3).
    this.wEst += (this.wEst >= this.wMax ? 1 : ALPHA) * (acked / cwnd);
    if (wCubic < this.wEst) {
      this.credit = Math.max(this.credit, this.wEst - cwnd);
    } else {
      const target = Math.min(Math.max(C * (t + rtt - this.k) ** 3 + this.wMax, cwnd), 1.5 * cwnd);
      this.credit += (acked * (target - cwnd)) / cwnd;
    }
    if (this.credit >= 1) {
      const whole = Math.min(Math.floor(this.credit), acked);
      view.cwnd = Math.min(cwnd + whole, MAX_CWND);
      this.credit = Math.min(this.credit - whole, 1);
    }
  }

  onRtt(view: CongestionView, rtt: number): void {
    if (view.cwnd >= view.ssthresh) return;
    if (!this.inRound || seqGe(view.sndUna, this.roundEnd)) this.newRound(view);
    this.roundMin = Math.min(this.roundMin, rtt);
    this.samples++;
    if (this.samples < RTT_SAMPLES || this.lastRoundMin === Number.POSITIVE_INFINITY) return;
    if (this.cssBaseline === 0) {
      const threshold = Math.max(MIN_RTT_THRESHOLD, Math.min(this.lastRoundMin / 8, MAX_RTT_THRESHOLD));
      if (this.roundMin >= this.lastRoundMin + threshold) {
        this.cssBaseline = this.roundMin;
        this.cssRounds = 0;
      }
    } else if (this.roundMin < this.cssBaseline) {
      this.cssBaseline = 0;
    }
  }

  private newRound(view: CongestionView): void {
    this.inRound = true;
    this.roundEnd = view.sndNxt;
    this.lastRoundMin = this.roundMin;
    this.roundMin = Number.POSITIVE_INFINITY;
    this.samples = 0;
    if (this.cssBaseline > 0 && ++this.cssRounds >= CSS_ROUNDS) {
      view.ssthresh = view.cwnd;
      this.cssBaseline = 0;
    }
  }

  onTimeout(): void {
    this.epoch = 0;
    this.inRound = false;
    this.roundMin = Number.POSITIVE_INFINITY;
    this.lastRoundMin = Number.POSITIVE_INFINITY;
    this.cssBaseline = 0;
  }

  onRestart(idle: number): void {
    // The curve goes on from where it stood, as if no time had passed (section 5.8).
    if (this.epoch > 0) this.epoch += idle;
  }

  onUndo(): void {
    this.wMax = Math.max(this.priorWMax, this.wMax);
  }
}

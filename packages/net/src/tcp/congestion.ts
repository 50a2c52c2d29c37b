import { Cubic } from './cubic.js';
import { NewReno } from './newreno.js';

/** What congestion control sees of its connection. Windows count segments. */
export interface CongestionView {
  cwnd: number;
  ssthresh: number;
  readonly minRtt: number;
  readonly srtt: number;
  /** Sequence numbers, for rounds. */
  readonly sndNxt: number;
  readonly sndUna: number;
}

/**
 * How a congestion window moves when there is no loss, and where it falls when there is. Fast recovery,
 * retransmission and reduction per acknowledgement (PRR) are the same for all and not in here.
 */
export interface CongestionControl {
  /** What TCP_CONGESTION calls it. */
  readonly name: string;
  /**
   * The slow start threshold after a loss or a mark of congestion; may remember the window it happened at.
   */
  onCongestion(view: CongestionView): number;
  /** `acked` segments were newly acknowledged while the window was used up. */
  onAck(view: CongestionView, acked: number, now: number): void;
  /** An RTT sample, ms. */
  onRtt(view: CongestionView, rtt: number, now: number): void;
  /** All is lost (RTO): begin anew. */
  onTimeout(): void;
  /** Nothing was under way for a while and now something is sent, at `now`; `idle` ms. */
  onRestart(idle: number): void;
  /** The last reduction was in error. */
  onUndo(): void;
}

const MAKERS: Record<string, () => CongestionControl> = {
  cubic: () => new Cubic(),
  reno: () => new NewReno(),
};

/** The controls there are (tcp_available_congestion_control). */
export const CONGESTION_CONTROLS = Object.keys(MAKERS);

/** By its name; the default for one that does not exist. */
export function makeCongestionControl(name: string): CongestionControl {
  return (MAKERS[name] ?? MAKERS.cubic)();
}

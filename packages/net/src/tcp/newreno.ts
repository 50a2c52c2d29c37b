import type { CongestionControl, CongestionView } from './congestion.js';
import { MAX_CWND, slowStart } from './slow-start.js';

/** RFC 5681: halve on loss, one segment a round trip otherwise. */
export class NewReno implements CongestionControl {
  readonly name = 'reno';
  /** Acknowledged segments not yet turned into window. */
  private count = 0;

  onCongestion(view: CongestionView): number {
    return Math.max(view.cwnd >> 1, 2);
  }

  onAck(view: CongestionView, acked: number): void {
    if (view.cwnd < view.ssthresh) {
      acked = slowStart(view, acked);
      if (acked === 0) return;
    }
    this.count += acked;
    if (this.count >= view.cwnd) {
      const steps = Math.floor(this.count / view.cwnd);
      this.count -= steps * view.cwnd;
      view.cwnd = Math.min(view.cwnd + steps, MAX_CWND);
    }
  }

  onRtt(): void {}

  onTimeout(): void {
    this.count = 0;
  }

  onRestart(): void {}

  onUndo(): void {}
}

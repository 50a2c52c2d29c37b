import { hostMonotonicNs, hostRealtimeNsec, hostRealtimeSec } from '@sandbox/native';
import type { Clock } from '../kernel/clock.js';

const NSEC_PER_SEC = 1_000_000_000;

/** The host's time. One per kernel: a guest that sets CLOCK_REALTIME sets it here. */
export class HostClock implements Clock {
  readonly real = true;
  realtimeNsec = 0;
  /** What the guest's clock was set ahead of the host's. */
  private aheadSec = 0;
  private aheadNsec = 0;

  monotonic(): number {
    return hostMonotonicNs();
  }

  realtimeSec(): number {
    const sec = hostRealtimeSec() + this.aheadSec;
    const nsec = hostRealtimeNsec() + this.aheadNsec;
    if (nsec < NSEC_PER_SEC) {
      this.realtimeNsec = nsec;
      return sec;
    }
    this.realtimeNsec = nsec - NSEC_PER_SEC;
    return sec + 1;
  }

  stepRealtime(seconds: number, nanoseconds: number): void {
    const nsec = this.aheadNsec + nanoseconds;
    const carry = Math.floor(nsec / NSEC_PER_SEC);
    this.aheadSec += seconds + carry;
    this.aheadNsec = nsec - carry * NSEC_PER_SEC;
  }
}

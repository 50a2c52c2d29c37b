import type { IpAddress } from '../core/address.js';

const BURST = 6;
const MOST_DESTINATIONS = 1024;
const GLOBAL_PER_SECOND = 1000;
const GLOBAL_BURST = 50;

/**
 * Token buckets for the errors a stack sends: one for each destination, one for all (RFC 1812 section
 * 4.3.2.8).
 */
export class RateLimit {
  private readonly buckets = new Map<number, { tokens: number; at: number }>();
  private all = GLOBAL_BURST;
  private allAt = 0;

  constructor(private readonly now: () => number) {}

  /** May an error go to `destination`? `interval`: ms between two in the long run; 0: any time. */
  allow(destination: IpAddress, interval: number): boolean {
    if (interval <= 0) return true;
    const now = this.now();
    this.all = Math.min(GLOBAL_BURST, this.all + ((now - this.allAt) * GLOBAL_PER_SECOND) / 1000);
    this.allAt = now;
    if (this.all < 1) return false;
    let bucket = this.buckets.get(destination.hash);
    if (bucket === undefined) {
      if (this.buckets.size >= MOST_DESTINATIONS) this.buckets.clear();
      this.buckets.set(destination.hash, (bucket = { tokens: BURST, at: now }));
    }
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / interval);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    this.all--;
    return true;
  }
}

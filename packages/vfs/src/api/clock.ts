import type { FsClock } from '../core/filesystem.js';

/** The host's wall clock, for trees used without a kernel. */
export class SystemClock implements FsClock {
  nsec = 0;
  now(): number {
    const ms = Date.now();
    const sec = Math.floor(ms / 1000);
    this.nsec = (ms - sec * 1000) * 1_000_000;
    return sec;
  }
}

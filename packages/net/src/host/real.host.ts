import { randomFillSync } from 'node:crypto';
import type { StackHost } from '../core/host.js';

const POOL = 1024;

/** Real time and the system's randomness, on Node's event loop. Its timer does not keep the process alive. */
export class RealHost implements StackHost {
  private timer: NodeJS.Timeout | null = null;
  private readonly random = new Uint32Array(POOL);
  private left = 0;

  now(): number {
    return performance.now();
  }

  setAlarm(at: number, fire: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (at === Number.POSITIVE_INFINITY) return;
    // setTimeout's own limit is 2^31-1 ms; going off early is harmless.
    const delay = Math.min(Math.max(Math.ceil(at - this.now()), 0), 0x7fffffff);
    this.timer = setTimeout(fire, delay);
    this.timer.unref();
  }

  random32(): number {
    if (this.left === 0) {
      randomFillSync(this.random);
      this.left = POOL;
    }
    return this.random[--this.left];
  }
}

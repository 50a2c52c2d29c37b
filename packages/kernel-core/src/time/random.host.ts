import { hostRandom } from '@sandbox/native';
import type { Random } from './source.js';

/** Small requests are served from a pool, as each call to the host's generator costs microseconds. */
const POOL = 4096;

/** Randomness from the host's cryptographic generator. */
export class HostRandom implements Random {
  private readonly pool = new Uint8Array(POOL);
  private readonly view = new DataView(this.pool.buffer);
  private used = POOL;

  private take(n: number): number {
    if (this.used + n > POOL) {
      hostRandom(this.pool);
      this.used = 0;
    }
    const at = this.used;
    this.used += n;
    return at;
  }

  fill(bytes: Uint8Array, offset: number, length: number): void {
    if (length > POOL / 4) {
      hostRandom(bytes.subarray(offset, offset + length));
      return;
    }
    const at = this.take(length);
    for (let i = 0; i < length; i++) bytes[offset + i] = this.pool[at + i]!;
    // What was handed out must not be found in the pool later.
    this.pool.fill(0, at, at + length);
  }

  uint32(): number {
    const at = this.take(4);
    const value = this.view.getUint32(at, true);
    this.pool.fill(0, at, at + 4);
    return value;
  }
}

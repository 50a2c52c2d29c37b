import { randomBytes } from 'node:crypto';

/** A uniform random 32-bit number from the host, for trees used without a kernel. */
export function systemRandom(): number {
  return randomBytes(4).readUInt32LE(0);
}

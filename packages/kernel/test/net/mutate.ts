/**
 * What the fuzz tests of the network's configuration share. NET_FUZZ_RUNS and NET_FUZZ_SEED set how many
 * inputs, and which.
 */
import { VirtualHost } from '@sandbox/net';

export const RUNS = Number(process.env.NET_FUZZ_RUNS ?? 4000);
const random = new VirtualHost(Number(process.env.NET_FUZZ_SEED ?? 1));
export const below = (n: number): number => random.random32() % n;

/**
 * A copy of `specimen` with so many bytes from `from` on changed: a bit, a value parsers are led astray by,
 * any, or that of another byte.
 */
export function mutated(specimen: Uint8Array, changes: number, from = 0): Uint8Array {
  const bytes = Uint8Array.from(specimen);
  const any = (): number => from + below(bytes.length - from);
  for (let n = 0; n < changes; n++) {
    const i = any();
    const kind = below(4);
    if (kind === 0) bytes[i]! ^= 1 << below(8);
    else if (kind === 1) bytes[i] = [0, 1, 4, 8, 0x7f, 0x80, 0xff][below(7)]!;
    else if (kind === 2) bytes[i] = below(256);
    else bytes[any()] = bytes[i]!;
  }
  return bytes;
}

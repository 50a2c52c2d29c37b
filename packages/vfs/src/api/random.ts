/** A uniform random 32-bit number from the host, for trees used without a kernel. */
export function systemRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

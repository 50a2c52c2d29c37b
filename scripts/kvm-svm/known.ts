/**
 * Differences of the emulated machine that are not the platform's: its processor leaves out checks of real
 * ones, and its Linux answers some calls as later ones no longer do.
 */
import type { Outcome } from '../../conformance/harness.js';

interface Known {
  readonly why: string;
  /** What the sandbox prints in such lines. */
  readonly ours: readonly string[];
}

const KNOWN: Readonly<Record<string, Known>> = {
  'memory/mremap': {
    why: 'Linux 6.17 and later look at the new size first',
    ours: ['mremap(e, P, 1UL << 47, MREMAP_MAYMOVE): EINVAL'],
  },
  'signal/instructions': {
    why: 'KVM emulates sysexit as other processors have it',
    ours: ['  SEGV code 128 at +0 of 2 trap 13 error 0 flags 0'],
  },
  'signal/ucontext': {
    why: 'QEMU loads reserved bits of MXCSR, KVM does not',
    ours: ['  SIGSEGV code 128 rip zero 0', 'reserved bits in mxcsr: exited 3'],
  },
};

/** Why `guest` differs, if every line in which it does is a known one; else null. */
export function whyKnown(guest: string, native: Outcome, ours: Outcome): string | null {
  const known = KNOWN[guest];
  if (!known || native.code !== ours.code || native.signal !== ours.signal) return null;
  const there = native.stdout.split('\n');
  const here = ours.stdout.split('\n');
  if (there.length !== here.length) return null;
  return here.every((line, i) => line === there[i] || known.ours.includes(line)) ? known.why : null;
}

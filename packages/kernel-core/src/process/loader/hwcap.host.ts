import { readFileSync } from 'node:fs';
import { AT_HWCAP, AT_HWCAP2 } from '@sandbox/abi';

/** ELF_HWCAP2 bit: rdfsbase and its kin work in user mode. */
const HWCAP2_FSGSBASE = 2;

/**
 * CPUID.1:EDX and the kernel-dependent bits, as the host tells its own programs: guests run on the same
 * processor.
 */
export interface HardwareCapabilities {
  readonly hwcap: number;
  readonly hwcap2: number;
}

let known: HardwareCapabilities | null = null;

/** Read once. */
export function hostHwcap(): HardwareCapabilities {
  if (known) return known;
  let hwcap = 0;
  let hwcap2 = 0;
  try {
    const auxv = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= auxv.length; at += 16) {
      const type = auxv.readUInt32LE(at);
      if (type === AT_HWCAP) hwcap = auxv.readUInt32LE(at + 8);
      if (type === AT_HWCAP2) hwcap2 = auxv.readUInt32LE(at + 8) & HWCAP2_FSGSBASE;
    }
  } catch {
    // Without /proc: programs find their features by cpuid anyway.
  }
  known = { hwcap, hwcap2 };
  return known;
}

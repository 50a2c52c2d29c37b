import type { ProbeResult } from './contract.js';

/** Why no platform of this project can run on this host at all, or null when it is an x86-64 Linux. */
export function unsupportedHost(): ProbeResult | null {
  if (process.platform !== 'linux')
    return { ok: false, code: 'unsupported-os', why: `needs Linux, this is ${process.platform}` };
  if (process.arch !== 'x64')
    return { ok: false, code: 'unsupported-arch', why: `needs x86-64, this is ${process.arch}` };
  return null;
}

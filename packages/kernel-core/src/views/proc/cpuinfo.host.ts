import { readFileSync } from 'node:fs';

/** A field: its name, the line up to the colon as Linux aligns it, the value. */
export interface HostCpuField {
  readonly name: string;
  readonly head: string;
  readonly value: string;
}

/** One processor of the host: the fields of its /proc/cpuinfo in order. */
export type HostCpu = readonly HostCpuField[];

let cached: HostCpu | null = null;

/** The host's first processor. Guests run on it natively, so its model and features are theirs. */
export function hostCpu(): HostCpu {
  if (cached !== null) return cached;
  let text = '';
  try {
    text = readFileSync('/proc/cpuinfo', 'latin1');
  } catch {
    // A host without /proc: a processor without properties.
  }
  const fields: HostCpuField[] = [];
  for (const line of text.split('\n')) {
    if (line === '') break;
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const head = line.slice(0, colon);
    fields.push({ name: head.trim(), head, value: line.slice(colon + 1).trim() });
  }
  cached = fields;
  return cached;
}

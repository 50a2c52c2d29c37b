import { EINVAL } from '@sandbox/abi';
import type { Cgroup } from '../../process/cgroup/cgroup.js';
import { PIDS } from '../../process/cgroup/controllers.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { limitText, parseNumber } from './parse.js';
import { type CgroupFileRow, file } from './row.js';

/** PIDS_MAX: one more than there can be numbers. */
const PIDS_MAX = 4194304 + 1;

function maxText(cgroup: Cgroup, kernel: KernelCore): string {
  const { max } = cgroup.pids;
  if (cgroup.parent !== null && !cgroup.fixed) return limitText(max);
  return limitText(Math.min(max, kernel.limits.processes));
}

function storeMax(cgroup: Cgroup, text: string): number {
  if (text === 'max') {
    cgroup.pids.max = Number.POSITIVE_INFINITY;
    return 0;
  }
  const n = parseNumber(text, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (typeof n === 'number') return n;
  if (n.value < 0 || n.value >= PIDS_MAX) return -EINVAL;
  cgroup.pids.max = n.value;
  return 0;
}

const LIMIT = { onRoot: 'limit' } as const;

/** Files of the pids controller. */
export const pidsFiles: readonly CgroupFileRow[] = [
  file('pids.max', PIDS, maxText, storeMax, LIMIT),
  file('pids.current', PIDS, (c) => `${c.charged}\n`, null, LIMIT),
  file('pids.peak', PIDS, (c) => `${c.pids.peak}\n`),
  file('pids.events', PIDS, (c, k) => `max ${k.cgroups.pidsLocalEvents ? c.pids.refused : c.pids.events}\n`),
  file(
    'pids.events.local',
    PIDS,
    (c, k) => `max ${k.cgroups.pidsLocalEvents ? c.pids.refused : c.pids.localEvents}\n`,
  ),
];

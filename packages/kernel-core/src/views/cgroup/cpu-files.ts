import { EINVAL, ERANGE } from '@sandbox/abi';
import type { Cgroup } from '../../process/cgroup/cgroup.js';
import { CPU } from '../../process/cgroup/controllers.js';
import { bandwidthChanged, cpuUsage } from '../../process/cgroup/cpu.js';
import { WEIGHT_DEFAULT } from '../../process/cgroup/cpu-state.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { parseNumber } from './parse.js';
import { type CgroupFileRow, file } from './row.js';

const MAX_WEIGHT = 10_000;
/** Bounds of quota and period, microseconds (min_cfs_quota_period, max_cfs_quota_period, max_cfs_runtime). */
const LEAST_US = 1000;
const MOST_PERIOD_US = 1_000_000;
const MOST_QUOTA_US = 2 ** 34;

function usec(ns: number): number {
  return Math.floor(ns / 1000);
}

function statText(cgroup: Cgroup): string {
  const usage = usec(cpuUsage(cgroup));
  const base = `usage_usec ${usage}\nuser_usec ${usage}\nsystem_usec 0\nnice_usec 0\n`;
  if ((cgroup.controllers & CPU) === 0) return base;
  const { periods, throttledPeriods, throttledNs } = cgroup.cpu;
  return (
    `${base}nr_periods ${periods}\nnr_throttled ${throttledPeriods}\nthrottled_usec ${usec(throttledNs)}\n` +
    'nr_bursts 0\nburst_usec 0\n'
  );
}

function localStatText(cgroup: Cgroup): string {
  return (cgroup.controllers & CPU) === 0 ? '' : `throttled_usec ${usec(cgroup.cpu.throttledNs)}\n`;
}

function maxText({ cpu }: Cgroup): string {
  return `${cpu.quota === Number.POSITIVE_INFINITY ? 'max' : cpu.quota} ${cpu.period}\n`;
}

/** "QUOTA [PERIOD]" in microseconds, QUOTA may be "max" (cpu_period_quota_parse, tg_set_cfs_bandwidth). */
function storeMax(cgroup: Cgroup, text: string, kernel: KernelCore): number {
  const m = /^(\S{1,20})(?:\s+(\d+)?.*)?$/s.exec(text);
  if (m === null) return -EINVAL;
  const { cpu } = cgroup;
  const period = m[2] === undefined ? cpu.period : Number(m[2]);
  const digits = /^\d+/.exec(m[1]!);
  if (digits === null && m[1] !== 'max') return -EINVAL;
  const quota = digits === null ? Number.POSITIVE_INFINITY : Number(digits[0]);
  if (quota < LEAST_US || period < LEAST_US || period > MOST_PERIOD_US) return -EINVAL;
  if (digits !== null && (quota > MOST_QUOTA_US || cpu.burst > quota)) return -EINVAL;
  cpu.quota = quota;
  cpu.period = period;
  bandwidthChanged(kernel, cgroup);
  return 0;
}

function storeBurst(cgroup: Cgroup, text: string): number {
  const n = parseNumber(text, 0, Number.MAX_SAFE_INTEGER);
  if (typeof n === 'number') return n;
  const { quota } = cgroup.cpu;
  if (quota !== Number.POSITIVE_INFINITY && (n.value > quota || n.value + quota > MOST_QUOTA_US))
    return -EINVAL;
  cgroup.cpu.burst = n.value;
  return 0;
}

function storeWeight(cgroup: Cgroup, text: string): number {
  const n = parseNumber(text, 0, Number.MAX_SAFE_INTEGER);
  if (typeof n === 'number') return n;
  if (n.value < 1 || n.value > MAX_WEIGHT) return -ERANGE;
  if (cgroup.cpu.idle) return -EINVAL;
  cgroup.cpu.weight = n.value;
  return 0;
}

function storeIdle(cgroup: Cgroup, text: string): number {
  const n = parseNumber(text, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (typeof n === 'number') return n;
  if (n.value !== 0 && n.value !== 1) return -EINVAL;
  cgroup.cpu.idle = n.value === 1;
  if (!cgroup.cpu.idle) cgroup.cpu.weight = WEIGHT_DEFAULT;
  return 0;
}

const LIMIT = { onRoot: 'limit' } as const;
const ROOT_TOO = { onRoot: 'same' } as const;

/**
 * Files of the cpu controller. cpu.max is enforced (`cgroup/cpu.ts`); cpu.weight, cpu.idle and cpu.max.burst
 * beyond one period are kept for who reads them: which thread runs is for the host's scheduler to say.
 */
export const cpuFiles: readonly CgroupFileRow[] = [
  file('cpu.stat', 0, statText, null, ROOT_TOO),
  file('cpu.stat.local', 0, localStatText, null, ROOT_TOO),
  file('cpu.max', CPU, maxText, storeMax, LIMIT),
  file('cpu.max.burst', CPU, (c) => `${c.cpu.burst}\n`, storeBurst),
  file('cpu.weight', CPU, (c) => `${c.cpu.idle ? 0 : c.cpu.weight}\n`, storeWeight, LIMIT),
  file('cpu.idle', CPU, (c) => `${Number(c.cpu.idle)}\n`, storeIdle),
];

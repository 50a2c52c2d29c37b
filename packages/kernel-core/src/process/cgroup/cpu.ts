import { Timer } from '../../time/timers.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { taskUserTime } from '../task/cputime.js';
import type { Cgroup } from './cgroup.js';
import { applyHold } from './freezer.js';

const NS_PER_US = 1000;
const NS_PER_MS = 1e6;

/** CPU time of all that is or was in the group or below it, ns. */
export function cpuUsage(cgroup: Cgroup): number {
  let ns = 0;
  for (const at of cgroup.subtree()) {
    ns += at.cpu.past;
    for (const task of at.tasks) ns += taskUserTime(task) - task.cpuElsewhere;
  }
  return ns;
}

/**
 * cpu.max is enforced by looking at what groups have used while guests run, and having the threads of one
 * that is beyond its quota wait for the next period. What was used beyond it is taken off the periods to
 * come, so that the share is right over time.
 */
export function checkBandwidth(kernel: KernelCore): void {
  for (const cgroup of kernel.cgroups.cpuLimited) check(kernel, cgroup);
}

/** Milliseconds until some group may have used its quota up. */
export function bandwidthInterval(kernel: KernelCore): number {
  let ms = Number.POSITIVE_INFINITY;
  for (const { cpu } of kernel.cgroups.cpuLimited) {
    if (cpu.throttledSince >= 0) continue;
    ms = Math.min(ms, (cpu.quota * NS_PER_US) / NS_PER_MS / kernel.cpus / 2);
  }
  return ms;
}

function check(kernel: KernelCore, cgroup: Cgroup): void {
  const { cpu } = cgroup;
  if (cpu.throttledSince >= 0) return;
  const now = kernel.clock.monotonic();
  const used = cpuUsage(cgroup);
  if (now >= cpu.periodEnd) beginPeriods(cgroup, now, used);
  if (used < cpu.budgetEnd) return;
  cpu.throttledSince = now;
  cpu.throttledPeriods++;
  shift(cgroup, 1);
  const timer = new Timer(() => unthrottle(kernel, cgroup));
  kernel.timers.arm(timer, cpu.periodEnd);
}

/** Periods have passed: their quota comes on top of what was left, up to one and cpu.max.burst. */
function beginPeriods(cgroup: Cgroup, now: number, used: number): void {
  const { cpu } = cgroup;
  const period = cpu.period * NS_PER_US;
  const quota = cpu.quota * NS_PER_US;
  const passed = cpu.periodEnd === 0 ? 1 : Math.floor((now - cpu.periodEnd) / period) + 1;
  if (cpu.periodEnd === 0) {
    cpu.budgetEnd = used;
    cpu.periodEnd = now;
  }
  cpu.periods += passed;
  cpu.periodEnd += passed * period;
  cpu.budgetEnd = Math.min(cpu.budgetEnd + passed * quota, used + quota + cpu.burst * NS_PER_US);
}

function unthrottle(kernel: KernelCore, cgroup: Cgroup): void {
  const { cpu } = cgroup;
  if (cpu.throttledSince < 0) return;
  const now = kernel.clock.monotonic();
  const used = cpuUsage(cgroup);
  if (now >= cpu.periodEnd) beginPeriods(cgroup, now, used);
  if (cpu.quota !== Number.POSITIVE_INFINITY && used >= cpu.budgetEnd && !cgroup.dead) {
    // Still in debt.
    cpu.throttledPeriods++;
    kernel.timers.arm(new Timer(() => unthrottle(kernel, cgroup)), cpu.periodEnd);
    return;
  }
  cpu.throttledNs += now - cpu.throttledSince;
  cpu.throttledSince = -1;
  shift(cgroup, -1);
}

/** The group and all below are throttled once more, or once less. */
function shift(cgroup: Cgroup, n: number): void {
  for (const at of cgroup.subtree()) {
    const before = at.held;
    at.throttled += n;
    if (before !== at.held) applyHold(at);
  }
}

/** cpu.max or the controller itself has changed. */
export function bandwidthChanged(kernel: KernelCore, cgroup: Cgroup): void {
  const { cpu } = cgroup;
  const { cpuLimited } = kernel.cgroups;
  cpu.periodEnd = 0;
  if (cpu.quota === Number.POSITIVE_INFINITY) cpuLimited.delete(cgroup);
  else {
    cpuLimited.add(cgroup);
    beginPeriods(cgroup, kernel.clock.monotonic(), cpuUsage(cgroup));
  }
  if (cpu.throttledSince >= 0) unthrottle(kernel, cgroup);
}

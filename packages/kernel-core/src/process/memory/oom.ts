import { SI_KERNEL, SIGKILL } from '@sandbox/abi';
import { measureResident } from '../../mm/residency.js';
import type { Cgroup } from '../cgroup/cgroup.js';
import { processesWithin } from '../cgroup/cgroups.js';
import { memoryEvent } from '../cgroup/memory-events.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { siginfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { cgroupMemory } from './cgroup-memory.js';

/** oom_score_adj that exempts a process. */
const NEVER = -1000;

/**
 * Memory is short: kill the process that uses most of it (oom_badness: pages present, shifted by
 * oom_score_adj in thousandths of all memory). `task`: whose access could not be served; it tries again, or
 * dies itself. A process that is dying already is waited for. `cgroup`: whose memory is short, if not the
 * sandbox's.
 */
export function oomKill(kernel: KernelCore, task: Task | null, cgroup: Cgroup | null = null): void {
  let victim: ThreadGroup | null = null;
  let worst = 0;
  const most = cgroup === null ? kernel.limits.memory : cgroup.memory.max;
  for (const group of kernel.pids.processes.values()) {
    if (group.zombie || group.tasks.length === 0 || group === kernel.init) continue;
    if (cgroup !== null && !group.leader.cgroup.isWithin(cgroup)) continue;
    if (group.exiting) return;
    if (group.oomScoreAdj === NEVER) continue;
    const badness = heldBy(group) + (group.oomScoreAdj * most) / 1000;
    if (victim === null || badness > worst) {
      victim = group;
      worst = badness;
    }
  }
  victim ??= task?.group ?? null;
  if (cgroup !== null) memoryEvent(kernel, cgroup, 'oom');
  if (victim === null) return;
  const whole = groupToKill(victim.leader.cgroup, cgroup ?? kernel.cgroups.root);
  kill(kernel, victim);
  if (whole === null) return;
  memoryEvent(kernel, whole, 'oom_group_kill');
  for (const group of processesWithin(whole))
    if (!group.exiting && group.oomScoreAdj !== NEVER) kill(kernel, group);
}

function kill(kernel: KernelCore, victim: ThreadGroup): void {
  kernel.oomKills++;
  memoryEvent(kernel, victim.leader.cgroup, 'oom_kill');
  kernel.signals.sendToProcess(victim, siginfo(SIGKILL, SI_KERNEL));
  kernel.reporter.oomKilled(victim);
}

/**
 * The uppermost group from that of the victim to that whose memory is short which wants to die as a whole
 * (memory.oom.group).
 */
function groupToKill(of: Cgroup, upTo: Cgroup): Cgroup | null {
  let found: Cgroup | null = null;
  for (let at: Cgroup | null = of; at !== null && at.parent !== null; at = at.parent) {
    if (at.memory.oomGroup) found = at;
    if (at === upTo) break;
  }
  return found;
}

/** Memory the host would get back with the process. */
function heldBy(group: ThreadGroup): number {
  const { anon, shared } = measureResident(group.tasks[0]!.mm);
  return anon + shared;
}

/**
 * Has the sandbox taken more host memory than it may? One host call: ask now and then, when guests have run a
 * while.
 */
export function overMemoryLimit(kernel: KernelCore): boolean {
  return kernel.memory.committedBytes() > kernel.limits.memory;
}

/** May `bytes` more be filled now? Page caches give way for them. */
export function mayCommit(kernel: KernelCore, bytes: number): boolean {
  if (kernel.memory.committedBytes() + bytes <= kernel.limits.memory) return true;
  reclaim(kernel, bytes);
  return kernel.memory.committedBytes() + bytes <= kernel.limits.memory;
}

/** Page caches give back what is over the limit with `bytes` more, and a little. */
function reclaim(kernel: KernelCore, bytes: number): void {
  const { memory } = kernel.limits;
  let wanted = kernel.memory.committedBytes() + bytes - memory + memory / 32;
  for (const user of kernel.mountEnv.memoryUsers ?? []) {
    if (wanted <= 0) return;
    wanted -= user.reclaim(wanted);
  }
}

/**
 * The regular check: page caches give way first, then the largest process, of the sandbox or of a group that
 * has taken too much.
 */
export function checkMemory(kernel: KernelCore): void {
  if (overMemoryLimit(kernel)) {
    reclaim(kernel, 0);
    if (overMemoryLimit(kernel)) oomKill(kernel, null);
  }
  for (const cgroup of kernel.cgroups.memoryLimited) checkGroup(kernel, cgroup);
}

function checkGroup(kernel: KernelCore, cgroup: Cgroup): void {
  const { memory } = cgroup;
  const least = Math.min(memory.max, memory.high);
  // What all hold is known at once; what is one's own is asked for when it may be too much.
  memory.used = kernel.memory.committedBytes();
  if (memory.used <= least) return;
  measure(kernel, cgroup);
  if (memory.used > memory.high) memoryEvent(kernel, cgroup, 'high');
  if (memory.used <= memory.max) return;
  memoryEvent(kernel, cgroup, 'max');
  oomKill(kernel, null, cgroup);
}

/** memory.current, now. */
export function measure(kernel: KernelCore, cgroup: Cgroup): number {
  const { memory } = cgroup;
  if (cgroup.parent === null) memory.used = Math.min(kernel.memory.committedBytes(), kernel.limits.memory);
  else memory.used = cgroupMemory(kernel, cgroup);
  if (memory.used > memory.peak) memory.peak = memory.used;
  return memory.used;
}

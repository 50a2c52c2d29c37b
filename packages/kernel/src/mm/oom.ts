import { SI_KERNEL, SIGKILL } from '@sandbox/abi';
import type { ContainerCore } from '../kernel/container-core.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { siginfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { containerMemory } from './container-memory.js';
import { measureResident } from './residency.js';

/** oom_score_adj that exempts a process. */
const NEVER = -1000;

/**
 * Memory is short: kill the process that uses most of it (oom_badness: pages present, shifted by oom_score_adj in
 * thousandths of all memory). `task`: whose access could not be served; it tries again, or dies itself. A process that is
 * dying already is waited for. `container`: whose memory is short, if not the sandbox's.
 */
export function oomKill(kernel: KernelCore, task: Task | null, container: ContainerCore | null = null): void {
  let victim: ThreadGroup | null = null;
  let worst = 0;
  const most = container === null ? kernel.limits.memory : container.maxMemory;
  for (const group of kernel.pids.processes.values()) {
    if (group.zombie || group.tasks.length === 0 || group === kernel.init) continue;
    if (container !== null && group.container !== container) continue;
    if (group.exiting) return;
    if (group.oomScoreAdj === NEVER) continue;
    const badness = heldBy(group) + (group.oomScoreAdj * most) / 1000;
    if (victim === null || badness > worst) {
      victim = group;
      worst = badness;
    }
  }
  victim ??= task?.group ?? null;
  if (victim === null) return;
  kernel.oomKills++;
  if (victim.container !== null) victim.container.oomKills++;
  kernel.signals.sendToProcess(victim, siginfo(SIGKILL, SI_KERNEL));
  kernel.reporter.oomKilled(victim);
}

/** Memory the host would get back with the process. */
function heldBy(group: ThreadGroup): number {
  const { anon, shared } = measureResident(group.tasks[0]!.mm);
  return anon + shared;
}

/** Has the sandbox taken more host memory than it may? One host call: ask now and then, when guests have run a while. */
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

/** The regular check: page caches give way first, then the largest process, of the sandbox or of a container that has taken too much. */
export function checkMemory(kernel: KernelCore): void {
  if (overMemoryLimit(kernel)) {
    reclaim(kernel, 0);
    if (overMemoryLimit(kernel)) oomKill(kernel, null);
  }
  for (const container of kernel.containers) {
    if (container.maxMemory === Number.POSITIVE_INFINITY) continue;
    // What all hold is known at once; what is one's own is asked for when it may be too much.
    container.memory = kernel.memory.committedBytes();
    if (container.memory <= container.maxMemory) continue;
    container.memory = containerMemory(kernel, container);
    if (container.memory > container.maxMemory) oomKill(kernel, null, container);
  }
}

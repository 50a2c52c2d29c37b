import type { ContainerLimits, KernelLimits } from '@sandbox/kernel';
import type { OciResources } from '../config/types.js';

const LEAST_MEMORY = 1024 * 1024;
const MOST_PROCESSES = 32000;

/** Of one container in a kernel. -1 lifts a limit, what is left out or 0 stays as it is. */
export function limitsOf({ memory, pids }: OciResources): ContainerLimits {
  return {
    memory: limitOf(memory?.limit, (n) => Math.max(n, LEAST_MEMORY)),
    processes: limitOf(pids?.limit, (n) => Math.min(n, MOST_PROCESSES)),
  };
}

function limitOf(given: number | undefined, within: (n: number) => number): number | null | undefined {
  if (given === undefined || given === 0) return undefined;
  return given < 0 ? null : within(given);
}

/**
 * The same of a kernel that is a container's alone: one that is lifted is undefined, and so has its default.
 */
export function kernelLimitsOf(resources: OciResources): Partial<KernelLimits> {
  const entries = Object.entries(limitsOf(resources)).filter(([, limit]) => limit !== undefined);
  return Object.fromEntries(entries.map(([name, limit]) => [name, limit ?? undefined]));
}

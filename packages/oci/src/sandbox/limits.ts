import type { OciResources } from '../config/types.js';

const LEAST_MEMORY = 1024 * 1024;
const MOST_PROCESSES = 32000;

/** As the kernel's, or those of one container in it. */
export function limitsOf({ memory, pids }: OciResources): { memory?: number; processes?: number } {
  const limits: { memory?: number; processes?: number } = {};
  if (memory?.limit !== undefined && memory.limit > 0) limits.memory = Math.max(memory.limit, LEAST_MEMORY);
  if (pids?.limit !== undefined && pids.limit > 0) limits.processes = Math.min(pids.limit, MOST_PROCESSES);
  return limits;
}

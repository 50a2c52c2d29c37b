import type { KernelCore } from '../kernel/kernel-core.js';
import type { Cgroup } from './cgroup.js';
import type { MemoryEvents } from './memory-state.js';

/** Something of memory.events happened to `cgroup`: those above count it too (memcg_memory_event). */
export function memoryEvent(kernel: KernelCore, cgroup: Cgroup, what: keyof MemoryEvents): void {
  cgroup.memory.localEvents[what]++;
  cgroup.view?.changed('memory.events.local');
  for (let at: Cgroup | null = cgroup; at !== null; at = at.parent) {
    at.memory.events[what]++;
    at.view?.changed('memory.events');
    if (kernel.cgroups.memoryLocalEvents) return;
  }
}

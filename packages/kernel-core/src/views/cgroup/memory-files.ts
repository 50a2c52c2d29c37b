import { EAGAIN, EINVAL } from '@sandbox/abi';
import type { Cgroup } from '../../process/cgroup/cgroup.js';
import { MEMORY } from '../../process/cgroup/controllers.js';
import type { MemoryEvents } from '../../process/cgroup/memory-state.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { checkMemory, measure } from '../../process/memory/oom.js';
import { limitText, parseBytes, parseNumber } from './parse.js';
import { type CgroupFileRow, file, type Store } from './row.js';

type Limit = 'min' | 'low' | 'high' | 'max' | 'swapHigh' | 'swapMax';

function storeLimit(which: Limit): Store {
  return (cgroup, text, kernel) => {
    const n = parseBytes(text);
    if (typeof n === 'number') return n;
    const { memory } = cgroup;
    memory[which] = n.value;
    const { memoryLimited } = kernel.cgroups;
    if (memory.limited) memoryLimited.add(cgroup);
    else memoryLimited.delete(cgroup);
    if (which === 'max' || which === 'high') checkMemory(kernel);
    return 0;
  };
}

/** The limit in force at the root of the sandbox, or of a container: programs size themselves by it. */
function maxText(cgroup: Cgroup, kernel: KernelCore): string {
  const { max } = cgroup.memory;
  if (cgroup.parent !== null && !cgroup.fixed) return limitText(max);
  return limitText(Math.min(max, kernel.limits.memory));
}

function eventsText(events: MemoryEvents): string {
  const { low, high, max, oom, oom_kill, oom_group_kill } = events;
  return (
    `low ${low}\nhigh ${high}\nmax ${max}\noom ${oom}\n` +
    `oom_kill ${oom_kill}\noom_group_kill ${oom_group_kill}\n`
  );
}

/** What is held is not told apart by kind. */
function statText(cgroup: Cgroup, kernel: KernelCore): string {
  const rows: [string, number][] = [
    ['anon', measure(kernel, cgroup)],
    ['file', 0],
    ['kernel', 0],
    ['kernel_stack', 0],
    ['pagetables', 0],
    ['sock', 0],
    ['shmem', 0],
    ['file_mapped', 0],
    ['file_dirty', 0],
    ['file_writeback', 0],
    ['inactive_anon', 0],
    ['active_anon', cgroup.memory.used],
    ['inactive_file', 0],
    ['active_file', 0],
    ['unevictable', 0],
    ['slab_reclaimable', 0],
    ['slab_unreclaimable', 0],
    ['slab', 0],
  ];
  return rows.map(([name, n]) => `${name} ${n}\n`).join('');
}

function storeOomGroup(cgroup: Cgroup, text: string): number {
  const n = parseNumber(text, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (typeof n === 'number') return n;
  if (n.value !== 0 && n.value !== 1) return -EINVAL;
  cgroup.memory.oomGroup = n.value === 1;
  return 0;
}

/** Nothing of a group's can be given back: there is no swap, and cached files are the sandbox's. */
function storeReclaim(_cgroup: Cgroup, text: string): number {
  const n = parseBytes(text.split(' ')[0]!);
  if (typeof n === 'number') return n;
  return n.value > 0 ? -EAGAIN : 0;
}

const LIMIT = { onRoot: 'limit' } as const;
const ROOT_TOO = { onRoot: 'same' } as const;

/**
 * Files of the memory controller. memory.max is enforced (`mm/oom.ts`), memory.high is counted when it is
 * passed; the protections and what is about swap are kept for who reads them: there is no swap and no reclaim
 * to protect from.
 */
export const memoryFiles: readonly CgroupFileRow[] = [
  file('memory.current', MEMORY, (c, k) => `${measure(k, c)}\n`, null, LIMIT),
  file(
    'memory.peak',
    MEMORY,
    (c, k) => {
      measure(k, c);
      return `${c.memory.peak}\n`;
    },
    null,
    LIMIT,
  ),
  file('memory.min', MEMORY, (c) => limitText(c.memory.min), storeLimit('min'), LIMIT),
  file('memory.low', MEMORY, (c) => limitText(c.memory.low), storeLimit('low'), LIMIT),
  file('memory.high', MEMORY, (c) => limitText(c.memory.high), storeLimit('high'), LIMIT),
  file('memory.max', MEMORY, maxText, storeLimit('max'), LIMIT),
  file('memory.events', MEMORY, (c) => eventsText(c.memory.events), null, LIMIT),
  file('memory.events.local', MEMORY, (c) => eventsText(c.memory.localEvents)),
  file('memory.stat', MEMORY, statText, null, ROOT_TOO),
  file('memory.oom.group', MEMORY, (c) => `${Number(c.memory.oomGroup)}\n`, storeOomGroup),
  file('memory.reclaim', MEMORY, null, storeReclaim, ROOT_TOO),
  file('memory.swap.current', MEMORY, () => '0\n', null, LIMIT),
  file('memory.swap.high', MEMORY, (c) => limitText(c.memory.swapHigh), storeLimit('swapHigh')),
  file(
    'memory.swap.max',
    MEMORY,
    (c) => (c.parent === null ? '0\n' : limitText(c.memory.swapMax)),
    storeLimit('swapMax'),
    LIMIT,
  ),
  file('memory.swap.peak', MEMORY, () => '0\n'),
  file('memory.swap.events', MEMORY, () => 'high 0\nmax 0\nfail 0\n'),
];

import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import { kib } from './format.js';

const PAGE = 4096;

/** Memory of the sandbox: its limit, and what of it is in use. */
export interface MemoryUse {
  total: number;
  free: number;
  /** Bytes handed out, touched or not. */
  committed: number;
}

export function memoryUse(kernel: KernelCore): MemoryUse {
  const total = kernel.limits.memory;
  const used = Math.min(kernel.memory.committedBytes(), total);
  return { total, free: total - used, committed: kernel.memory.allocatedBytes };
}

/** /proc/meminfo. What is used is not told apart by kind: all of it shows as AnonPages. */
export function meminfoText(kernel: KernelCore): string {
  const { total, free, committed } = memoryUse(kernel);
  const used = total - free;
  const rows: [string, number][] = [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', free],
    ['Buffers', 0],
    ['Cached', 0],
    ['SwapCached', 0],
    ['Active', used],
    ['Inactive', 0],
    ['Active(anon)', used],
    ['Inactive(anon)', 0],
    ['Active(file)', 0],
    ['Inactive(file)', 0],
    ['Unevictable', 0],
    ['Mlocked', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Zswap', 0],
    ['Zswapped', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', used],
    ['Mapped', 0],
    ['Shmem', 0],
    ['KReclaimable', 0],
    ['Slab', 0],
    ['SReclaimable', 0],
    ['SUnreclaim', 0],
    ['KernelStack', 0],
    ['PageTables', 0],
    ['SecPageTables', 0],
    ['NFS_Unstable', 0],
    ['Bounce', 0],
    ['WritebackTmp', 0],
    ['CommitLimit', total / 2],
    ['Committed_AS', committed],
    ['VmallocTotal', 34359738367 * 1024],
    ['VmallocUsed', 0],
    ['VmallocChunk', 0],
    ['Percpu', 0],
    ['AnonHugePages', 0],
    ['ShmemHugePages', 0],
    ['ShmemPmdMapped', 0],
    ['FileHugePages', 0],
    ['FilePmdMapped', 0],
  ];
  let t = '';
  for (const [name, bytes] of rows) t += `${`${name}:`.padEnd(16)}${kib(bytes)}\n`;
  const pages = ['Total', 'Free', 'Rsvd', 'Surp'];
  for (const p of pages) t += `${`HugePages_${p}:`.padEnd(16)}${'0'.padStart(8)}\n`;
  return `${t}Hugepagesize:   ${kib(2 * 1024 * 1024)}\nHugetlb:        ${kib(0)}\n`;
}

/** Page faults of all processes there are. */
function faults(kernel: KernelCore): { all: number; major: number } {
  const n = { all: 0, major: 0 };
  for (const process of kernel.pids.processes.values()) {
    n.all += process.dead.minflt + process.dead.majflt;
    n.major += process.dead.majflt;
    for (const task of process.tasks) {
      if (task.state >= TASK_ZOMBIE) continue;
      n.all += task.minflt + task.majflt;
      n.major += task.majflt;
    }
  }
  return n;
}

/** /proc/vmstat: the counters tools ask for. */
export function vmstatText(kernel: KernelCore): string {
  const { total, free } = memoryUse(kernel);
  const { all, major } = faults(kernel);
  const used = Math.floor((total - free) / PAGE);
  const rows: [string, number][] = [
    ['nr_free_pages', Math.floor(free / PAGE)],
    ['nr_zone_inactive_anon', 0],
    ['nr_zone_active_anon', used],
    ['nr_zone_inactive_file', 0],
    ['nr_zone_active_file', 0],
    ['nr_zone_unevictable', 0],
    ['nr_mlock', 0],
    ['nr_inactive_anon', 0],
    ['nr_active_anon', used],
    ['nr_inactive_file', 0],
    ['nr_active_file', 0],
    ['nr_unevictable', 0],
    ['nr_slab_reclaimable', 0],
    ['nr_slab_unreclaimable', 0],
    ['nr_anon_pages', used],
    ['nr_mapped', 0],
    ['nr_file_pages', 0],
    ['nr_dirty', 0],
    ['nr_writeback', 0],
    ['nr_shmem', 0],
    ['pgpgin', 0],
    ['pgpgout', 0],
    ['pswpin', 0],
    ['pswpout', 0],
    ['pgfault', all],
    ['pgmajfault', major],
    ['oom_kill', kernel.oomKills],
  ];
  return rows.map(([name, n]) => `${name} ${n}\n`).join('');
}

/** /proc/zoneinfo: one zone. */
export function zoneinfoText(kernel: KernelCore): string {
  const { total, free } = memoryUse(kernel);
  const pages = Math.floor(total / PAGE);
  const line = (name: string, n: number): string => `        ${name.padEnd(9)}${n}\n`;
  return (
    `Node 0, zone   Normal\n  pages free     ${Math.floor(free / PAGE)}\n` +
    line('boost', 0) +
    line('min', 0) +
    line('low', 0) +
    line('high', 0) +
    line('spanned', pages) +
    line('present', pages) +
    line('managed', pages) +
    line('cma', 0)
  );
}

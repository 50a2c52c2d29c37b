import { CGROUP2_SUPER_MAGIC } from '@sandbox/abi';
import type { FileSystem, Inode } from '@sandbox/vfs';
import type { KernelCore } from '../../kernel/kernel-core.js';
import { taskUserTime } from '../../task/cputime.js';
import { memoryUse } from '../proc/system-memory.js';
import { PseudoDir, PseudoFs } from '../pseudo/inode.js';
import { GeneratedFile } from '../pseudo/text.js';

/**
 * cgroup2 (cgroups(7)): the one group all processes are in, with the limits of the sandbox as its own, so that language
 * runtimes size themselves by them. Groups cannot be made.
 */
class CgroupFs extends PseudoFs {
  readonly typeName = 'cgroup2';
  readonly root: Inode;

  constructor(readonly kernel: KernelCore) {
    super(kernel.mountEnv, CGROUP2_SUPER_MAGIC);
    this.source = 'cgroup2';
    const root = new PseudoDir(this, 0o555, 1);
    this.root = root;
    for (const [name, make] of FILES) root.add(name, new GeneratedFile(this, 0o444, () => make(kernel)));
  }
}

type Make = (kernel: KernelCore) => string;
const same =
  (text: string): Make =>
  () =>
    text;

function list(numbers: Iterable<number>): string {
  return [...numbers]
    .sort((a, b) => a - b)
    .map((n) => `${n}\n`)
    .join('');
}

function memoryUsed(kernel: KernelCore): number {
  const { total, free } = memoryUse(kernel);
  return total - free;
}

function cpuStat(kernel: KernelCore): string {
  let ns = 0;
  for (const process of kernel.pids.processes.values()) {
    ns += process.deadUtime;
    for (const task of process.tasks) ns += taskUserTime(task);
  }
  const usec = Math.floor(ns / 1000);
  return (
    `usage_usec ${usec}\nuser_usec ${usec}\nsystem_usec 0\nnice_usec 0\n` +
    'nr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n'
  );
}

const FILES: readonly (readonly [string, Make])[] = [
  ['cgroup.controllers', same('cpu memory pids\n')],
  ['cgroup.events', same('populated 1\nfrozen 0\n')],
  ['cgroup.freeze', same('0\n')],
  ['cgroup.max.depth', same('0\n')],
  ['cgroup.max.descendants', same('0\n')],
  ['cgroup.procs', (k) => list(k.pids.processes.keys())],
  ['cgroup.stat', same('nr_descendants 0\nnr_dying_descendants 0\n')],
  ['cgroup.subtree_control', same('')],
  ['cgroup.threads', (k) => list(k.pids.tasks.keys())],
  ['cgroup.type', same('domain\n')],
  ['cpu.max', same('max 100000\n')],
  ['cpu.stat', cpuStat],
  ['cpu.weight', same('100\n')],
  ['memory.current', (k) => `${memoryUsed(k)}\n`],
  ['memory.events', same('low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n')],
  ['memory.high', same('max\n')],
  ['memory.low', same('0\n')],
  ['memory.max', (k) => `${k.limits.memory}\n`],
  ['memory.min', same('0\n')],
  [
    'memory.stat',
    (k) => `anon ${memoryUsed(k)}\nfile 0\nkernel 0\nshmem 0\ninactive_file 0\nactive_file 0\n`,
  ],
  ['memory.swap.current', same('0\n')],
  ['memory.swap.max', same('0\n')],
  ['pids.current', (k) => `${k.pids.tasks.size}\n`],
  ['pids.max', (k) => `${k.limits.processes}\n`],
];

/** /sys/fs/cgroup. */
export function cgroupfs(kernel: KernelCore): FileSystem {
  return new CgroupFs(kernel);
}

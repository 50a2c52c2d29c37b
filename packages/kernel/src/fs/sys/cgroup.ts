import { CGROUP2_SUPER_MAGIC } from '@sandbox/abi';
import type { FileSystem, Inode } from '@sandbox/vfs';
import type { ContainerCore } from '../../kernel/container-core.js';
import type { KernelCore } from '../../kernel/kernel-core.js';
import { containerMemory } from '../../mm/container-memory.js';
import { taskUserTime } from '../../task/cputime.js';
import type { ThreadGroup } from '../../task/thread-group.js';
import { memoryUse } from '../proc/system-memory.js';
import { PseudoDir, PseudoFs } from '../pseudo/inode.js';
import { GeneratedFile } from '../pseudo/text.js';

/**
 * cgroup2 (cgroups(7)): the one group all processes of the sandbox are in, or those of a container where there are several, with its limits,
 * so that language runtimes size themselves by them. Groups cannot be made.
 */
class CgroupFs extends PseudoFs {
  readonly typeName = 'cgroup2';
  readonly root: Inode;

  constructor(
    readonly kernel: KernelCore,
    container: ContainerCore | null,
  ) {
    super(kernel.mountEnv, CGROUP2_SUPER_MAGIC);
    this.source = 'cgroup2';
    const root = new PseudoDir(this, 0o555, 1);
    this.root = root;
    for (const [name, make] of FILES)
      root.add(name, new GeneratedFile(this, 0o444, () => make(kernel, own(kernel, container))));
  }
}

/** The container whose group is shown; null: all of the sandbox. */
function own(kernel: KernelCore, container: ContainerCore | null): ContainerCore | null {
  return kernel.containers.size > 1 ? container : null;
}

type Make = (kernel: KernelCore, container: ContainerCore | null) => string;
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

/** Processes of the group. */
function* groups(kernel: KernelCore, container: ContainerCore | null): Generator<ThreadGroup> {
  for (const group of kernel.pids.processes.values())
    if (container === null || group.container === container) yield group;
}

/** The numbers that who reads has for them. */
function* numbers(kernel: KernelCore, container: ContainerCore | null): Generator<number> {
  const view = kernel.current?.pids ?? kernel.pids;
  for (const group of groups(kernel, container)) {
    const pid = view.numberOf(group.pid, group);
    if (pid > 0) yield pid;
  }
}

function* threadNumbers(kernel: KernelCore, container: ContainerCore | null): Generator<number> {
  const view = kernel.current?.pids ?? kernel.pids;
  for (const group of groups(kernel, container)) {
    for (const task of group.tasks) {
      const tid = view.numberOf(task.tid, task);
      if (tid > 0) yield tid;
    }
  }
}

function memoryUsed(kernel: KernelCore, container: ContainerCore | null): number {
  if (container !== null) return containerMemory(kernel, container);
  const { total, free } = memoryUse(kernel);
  return total - free;
}

function cpuStat(kernel: KernelCore, container: ContainerCore | null): string {
  let ns = 0;
  for (const process of groups(kernel, container)) {
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
  ['cgroup.procs', (k, c) => list(numbers(k, c))],
  ['cgroup.stat', same('nr_descendants 0\nnr_dying_descendants 0\n')],
  ['cgroup.subtree_control', same('')],
  ['cgroup.threads', (k, c) => list(threadNumbers(k, c))],
  ['cgroup.type', same('domain\n')],
  ['cpu.max', same('max 100000\n')],
  ['cpu.stat', cpuStat],
  ['cpu.weight', same('100\n')],
  ['memory.current', (k, c) => `${memoryUsed(k, c)}\n`],
  [
    'memory.events',
    (k, c) => {
      const kills = c === null ? k.oomKills : c.oomKills;
      return `low 0\nhigh 0\nmax ${kills}\noom ${kills}\noom_kill ${kills}\noom_group_kill 0\n`;
    },
  ],
  ['memory.high', same('max\n')],
  ['memory.low', same('0\n')],
  ['memory.max', (k, c) => `${Math.min(c?.maxMemory ?? k.limits.memory, k.limits.memory)}\n`],
  ['memory.min', same('0\n')],
  [
    'memory.stat',
    (k, c) => `anon ${memoryUsed(k, c)}\nfile 0\nkernel 0\nshmem 0\ninactive_file 0\nactive_file 0\n`,
  ],
  ['memory.swap.current', same('0\n')],
  ['memory.swap.max', same('0\n')],
  ['pids.current', (k, c) => `${c === null ? k.pids.tasks.size : c.tasks}\n`],
  ['pids.max', (k, c) => `${Math.min(c?.maxTasks ?? k.limits.processes, k.limits.processes)}\n`],
];

/** /sys/fs/cgroup. `container`: whose group is its root. */
export function cgroupfs(kernel: KernelCore, container: ContainerCore | null = null): FileSystem {
  return new CgroupFs(kernel, container);
}

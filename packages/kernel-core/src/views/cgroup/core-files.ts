import { EINVAL, ENODEV, EOPNOTSUPP, ERANGE, ESRCH } from '@sandbox/abi';
import { type Mover, mayAttach } from '../../process/cgroup/attach.js';
import type { Cgroup } from '../../process/cgroup/cgroup.js';
import { processesOf } from '../../process/cgroup/cgroups.js';
import { enableThreaded, setSubtreeControl } from '../../process/cgroup/control.js';
import { ALL_CONTROLLERS, controllerBit, controllerNames } from '../../process/cgroup/controllers.js';
import { setFreeze } from '../../process/cgroup/freezer.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { Task } from '../../process/task/task.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import { limitText, parseInt32, parseIntOrMax } from './parse.js';
import { type CgroupFileRow, file } from './row.js';

const ROOT_TOO = { onRoot: 'same' } as const;
const DELEGATED = { onRoot: 'same', delegated: true } as const;

function namesText(mask: number): string {
  return mask === 0 ? '' : `${controllerNames(mask)}\n`;
}

function procsText(cgroup: Cgroup, kernel: KernelCore): string | number {
  if (cgroup.threaded) return -EOPNOTSUPP;
  const view = kernel.current?.pids ?? kernel.pids;
  let text = '';
  for (const group of processesOf(cgroup)) text += `${view.numberOf(group.pid, group)}\n`;
  return text;
}

function threadsText(cgroup: Cgroup, kernel: KernelCore): string {
  const view = kernel.current?.pids ?? kernel.pids;
  let text = '';
  for (const task of cgroup.tasks) text += `${view.numberOf(task.tid, task)}\n`;
  return text;
}

/** Whom a number written to cgroup.procs or cgroup.threads means; 0: who writes. */
function taskFor(kernel: KernelCore, text: string): Task | number {
  const n = parseInt32(text);
  if (typeof n === 'number' || n.value < 0) return -EINVAL;
  const { current } = kernel;
  if (n.value === 0) return current ?? -ESRCH;
  const view = current?.pids ?? kernel.pids;
  return view.tasks.get(n.value) ?? -ESRCH;
}

function storeTask(
  cgroup: Cgroup,
  text: string,
  kernel: KernelCore,
  opener: Mover,
  threads: boolean,
): number {
  const { cgroups } = kernel;
  if (cgroup.dead) return -ENODEV;
  const task = taskFor(kernel, text);
  if (typeof task === 'number') return task;
  const { group } = task;
  const from = threads ? task.cgroup : group.leader.cgroup;
  const e = mayAttach(cgroups, opener, from, cgroup, threads);
  if (e !== 0) return e;
  if (threads) cgroups.move(task, cgroup);
  else cgroups.moveProcess(group satisfies ThreadGroup, cgroup);
  return 0;
}

function storeFreeze(cgroup: Cgroup, text: string): number {
  const n = parseInt32(text);
  if (typeof n === 'number') return n;
  if (n.value < 0 || n.value > 1) return -ERANGE;
  setFreeze(cgroup, n.value === 1);
  return 0;
}

function storeKill(cgroup: Cgroup, text: string, kernel: KernelCore): number {
  const n = parseInt32(text);
  if (typeof n === 'number') return n;
  if (n.value !== 1) return -ERANGE;
  if (cgroup.threaded) return -EOPNOTSUPP;
  kernel.cgroups.kill(cgroup);
  return 0;
}

function storeMax(cgroup: Cgroup, text: string, which: 'maxDepth' | 'maxDescendants'): number {
  const n = parseIntOrMax(text);
  if (typeof n === 'number') return n;
  cgroup[which] = n.value;
  return 0;
}

/**
 * Groups within, and by controller those that have it, this one included. What was removed is gone at once.
 */
function statText(cgroup: Cgroup): string {
  const names = controllerNames(ALL_CONTROLLERS).split(' ');
  const counts = names.map(() => 0);
  for (const at of cgroup.subtree())
    names.forEach((name, i) => {
      if ((at.controllers & controllerBit(name)) !== 0) counts[i]!++;
    });
  const live = names.map((name, i) => `nr_subsys_${name} ${counts[i]}\n`).join('');
  const dying = names.map((name) => `nr_dying_subsys_${name} 0\n`).join('');
  return `nr_descendants ${cgroup.descendants}\n${live}nr_dying_descendants 0\n${dying}`;
}

/** Files every group has (cgroup-v2.rst, "Core Interface Files"). */
export const coreFiles: readonly CgroupFileRow[] = [
  file(
    'cgroup.type',
    0,
    (c) => `${c.type}\n`,
    (c, text, kernel) => (text === 'threaded' ? enableThreaded(kernel.cgroups, c) : -EINVAL),
  ),
  file('cgroup.procs', 0, procsText, (c, text, k, by) => storeTask(c, text, k, by, false), DELEGATED),
  file('cgroup.threads', 0, threadsText, (c, text, k, by) => storeTask(c, text, k, by, true), DELEGATED),
  file('cgroup.controllers', 0, (c) => namesText(c.controllers), null, ROOT_TOO),
  file(
    'cgroup.subtree_control',
    0,
    (c) => namesText(c.subtreeControl),
    (c, text, kernel) => setSubtreeControl(kernel.cgroups, c, text),
    DELEGATED,
  ),
  file('cgroup.events', 0, (c) => `populated ${Number(c.populated)}\nfrozen ${Number(c.frozen)}\n`),
  file(
    'cgroup.max.descendants',
    0,
    (c) => limitText(c.maxDescendants),
    (c, text) => storeMax(c, text, 'maxDescendants'),
    ROOT_TOO,
  ),
  file(
    'cgroup.max.depth',
    0,
    (c) => limitText(c.maxDepth),
    (c, text) => storeMax(c, text, 'maxDepth'),
    ROOT_TOO,
  ),
  file('cgroup.stat', 0, statText, null, ROOT_TOO),
  file('cgroup.freeze', 0, (c) => `${Number(c.freeze)}\n`, storeFreeze),
  file('cgroup.kill', 0, null, storeKill),
];

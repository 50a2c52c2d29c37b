import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';

const PAGE = 4096;

/** Bytes one object of a kind takes on this kernel's heap, about. */
const KINDS = [
  ['task_struct', 2048],
  ['signal_cache', 1024],
  ['mm_struct', 2048],
  ['vm_area_struct', 192],
  ['filp', 256],
  ['dentry', 192],
  ['shmem_inode_cache', 512],
] as const;

function counts(kernel: KernelCore): readonly number[] {
  const spaces = new Set<object>();
  let areas = 0;
  for (const task of kernel.pids.tasks.values()) {
    if (task.state >= TASK_ZOMBIE || spaces.has(task.mm)) continue;
    spaces.add(task.mm);
    areas += task.mm.vmas.size;
  }
  const { pids, vfs, mountEnv } = kernel;
  return [
    pids.tasks.size,
    pids.processes.size,
    spaces.size,
    areas,
    vfs.openFiles,
    vfs.dcache.count,
    mountEnv.objects?.used ?? 0,
  ];
}

/**
 * /proc/slabinfo (slabinfo(5)): the kernel's objects by kind. They lie on the heap of a JavaScript engine, so
 * there are no slabs: each kind shows the objects there are, and the pages they would fill.
 */
export function slabinfoText(kernel: KernelCore): string {
  const used = counts(kernel);
  let t =
    'slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n';
  for (const [i, [name, size]] of KINDS.entries()) {
    const perSlab = Math.floor(PAGE / size);
    const n = String(used[i]).padStart(6);
    const slabs = String(Math.ceil(used[i]! / perSlab)).padStart(6);
    t += `${name.padEnd(17)} ${n} ${n} ${String(size).padStart(6)} ${String(perSlab).padStart(4)} ${'1'.padStart(4)}`;
    t += ` : tunables    0    0    0 : slabdata ${slabs} ${slabs}      0\n`;
  }
  return t;
}

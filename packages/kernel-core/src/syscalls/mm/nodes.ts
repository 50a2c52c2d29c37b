import {
  CAP_SYS_NICE,
  E2BIG,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOENT,
  EPERM,
  ESRCH,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  SYS_migrate_pages,
  SYS_move_pages,
  SYS_set_mempolicy_home_node,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { pageCeil } from '../../mm/layout.js';
import { ptraceAccess } from '../../process/task/access.js';
import type { Task } from '../../process/task/task.js';
import { readNodes } from './mempolicy.js';

const PAGE = 4096;
/** More than this in one call would keep all others waiting. */
const MAX_PAGES = 2 ** 20;

/** The task `pid` (0: the caller) and the right to move its memory. */
function targetOf(t: Task, pid: number): Task | number {
  const target = pid === 0 ? t : t.kernel.pids.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  return ptraceAccess(t, target, true) < 0 ? -EPERM : target;
}

/**
 * migrate_pages(2): there is one node, so every page is where it is asked to be. EFAULT, EINVAL, EPERM,
 * ESRCH.
 */
function sysMigratePages(t: Task, a: SyscallArgs): number {
  const from = readNodes(t, a.u64(2), a.u64(1));
  if (from < 0) return from;
  const to = readNodes(t, a.u64(3), a.u64(1));
  if (to < 0) return to;
  const target = targetOf(t, a.i32(0));
  if (typeof target === 'number') return target;
  if (to === 2 && !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
  return to === 1 ? 0 : -EINVAL;
}

/** The node of a page: 0, -ENOENT (not present), -EFAULT (not mapped). */
function nodeOf(target: Task, addr: number): number {
  if (target.mm.vmas.find(addr) === null) return -EFAULT;
  return target.mm.pages.pmas.find(addr) === null ? -ENOENT : 0;
}

/** move_pages(2): where pages are, or (there being one node) that they are where they should be. */
function sysMovePages(t: Task, a: SyscallArgs): number {
  const count = a.u64(1);
  const flags = a.u32(5);
  if ((flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0) return -EINVAL;
  if ((flags & MPOL_MF_MOVE_ALL) !== 0 && !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
  if (count > MAX_PAGES) return -E2BIG;
  const target = targetOf(t, a.i32(0));
  if (typeof target === 'number') return target;
  const pages = a.u64(2);
  const nodes = a.u64(3);
  const status = a.u64(4);
  for (let i = 0; i < count; i++) {
    const addr = t.mm.load64(pages + i * 8);
    if (addr < 0) return -EFAULT;
    if (nodes !== 0) {
      const node = t.mm.load32(nodes + i * 4);
      if (node < 0) return -EFAULT;
      if (node !== 0) return -ENODEV;
    }
    if (t.mm.store32(status + i * 4, nodeOf(target, addr)) < 0) return -EFAULT;
  }
  return 0;
}

/** set_mempolicy_home_node: EINVAL; ENOENT where no policy is set, which is everywhere. */
function sysSetMempolicyHomeNode(_t: Task, a: SyscallArgs): number {
  const start = a.u64(0);
  if (start % PAGE !== 0 || a.u64(3) !== 0 || a.u64(2) !== 0) return -EINVAL;
  const end = start + pageCeil(a.u64(1));
  if (end >= 2 ** 64) return -EINVAL;
  return end === start ? 0 : -ENOENT;
}

export const rows = [
  row(SYS_migrate_pages, 'migrate_pages', sysMigratePages, ['pid', 'ulong', 'ptr', 'ptr'], {
    note: 'there is one node',
  }),
  row(
    SYS_move_pages,
    'move_pages',
    sysMovePages,
    ['pid', 'ulong', 'ptr', 'ptr', 'ptr', { flags: { MPOL_MF_MOVE, MPOL_MF_MOVE_ALL } }],
    { note: 'there is one node' },
  ),
  row(
    SYS_set_mempolicy_home_node,
    'set_mempolicy_home_node',
    sysSetMempolicyHomeNode,
    ['ptr', 'size', 'ulong', 'ulong'],
    { support: 'partial', note: 'policies of ranges are not remembered: ENOENT' },
  ),
];

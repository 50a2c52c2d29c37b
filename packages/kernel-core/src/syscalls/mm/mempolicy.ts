import {
  CAP_SYS_NICE,
  EFAULT,
  EINVAL,
  EPERM,
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_F_ADDR,
  MPOL_F_MEMS_ALLOWED,
  MPOL_F_NODE,
  MPOL_F_NUMA_BALANCING,
  MPOL_F_RELATIVE_NODES,
  MPOL_F_STATIC_NODES,
  MPOL_INTERLEAVE,
  MPOL_LOCAL,
  MPOL_MAX,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MPOL_MF_STRICT,
  MPOL_MODE_FLAGS,
  MPOL_PREFERRED,
  MPOL_PREFERRED_MANY,
  MPOL_WEIGHTED_INTERLEAVE,
  SYS_get_mempolicy,
  SYS_mbind,
  SYS_set_mempolicy,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { pageCeil } from '../../mm/layout.js';
import type { Task } from '../../process/task/task.js';

/** One node, number 0: wherever memory is wanted, it comes from there. */
const NODES = 1;
/** Nodes the kernel is built for (CONFIG_NODES_SHIFT=10); bits beyond must be clear. */
const MAX_NODES = 1024;
const PAGE = 4096;

const mask = new Uint8Array(PAGE);

/** A mode with flags that can be (sanitize_mpol_flags): 0 or -EINVAL. */
function checkMode(word: number): number {
  const mode = word & ~MPOL_MODE_FLAGS;
  if (mode < 0 || mode >= MPOL_MAX) return -EINVAL;
  const both = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
  if ((word & both) === both) return -EINVAL;
  if ((word & MPOL_F_NUMA_BALANCING) !== 0 && mode !== MPOL_BIND && mode !== MPOL_PREFERRED_MANY)
    return -EINVAL;
  return 0;
}

/**
 * Read a node mask (get_nodes): 1 when node 0 is in it, 2 when only others are, 0 when none; -EINVAL,
 * -EFAULT.
 */
export function readNodes(task: Task, addr: number, maxnode: number): number {
  const bits = maxnode - 1;
  if (bits <= 0 || addr === 0) return 0;
  if (bits > PAGE * 8) return -EINVAL;
  const length = Math.ceil(bits / 64) * 8;
  if (task.mm.copyIn(addr, mask, 0, length) < 0) return -EFAULT;
  let any = false;
  for (let i = 0; i < bits; i++) {
    if (((mask[i >> 3]! >> (i & 7)) & 1) === 0) continue;
    if (i >= MAX_NODES) return -EINVAL;
    any = true;
  }
  if (!any) return 0;
  return (mask[0]! & 1) === 1 ? 1 : 2;
}

/** Do mode and nodes go together (mpol_new, mpol_set_nodemask)? 0 or -EINVAL. */
function checkPolicy(word: number, nodes: number): number {
  const mode = word & ~MPOL_MODE_FLAGS;
  const flags = word & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);
  if (mode === MPOL_DEFAULT) return nodes === 0 ? 0 : -EINVAL;
  if (mode === MPOL_LOCAL) return nodes === 0 && flags === 0 ? 0 : -EINVAL;
  if (mode === MPOL_PREFERRED && nodes === 0) return flags === 0 ? 0 : -EINVAL;
  return nodes === 1 ? 0 : -EINVAL;
}

/** set_mempolicy(2). */
function sysSetMempolicy(task: Task, args: SyscallArgs): number {
  const word = args.i32(0);
  let r = checkMode(word);
  if (r < 0) return r;
  const nodes = readNodes(task, args.u64(1), args.u64(2));
  if (nodes < 0) return nodes;
  r = checkPolicy(word, nodes);
  if (r < 0) return r;
  const mode = word & ~MPOL_MODE_FLAGS;
  // Preferring no node is preferring the local one.
  task.attributes.memoryPolicy = mode === MPOL_PREFERRED && nodes === 0 ? MPOL_LOCAL : word;
  return 0;
}

/** get_mempolicy(2). */
function sysGetMempolicy(task: Task, args: SyscallArgs): number {
  const nmask = args.u64(1);
  const maxnode = args.u64(2);
  const addr = args.u64(3);
  const flags = args.u64(4);
  if (nmask !== 0 && maxnode < NODES) return -EINVAL;
  if (flags > 7) return -EINVAL;
  let policy = task.attributes.memoryPolicy;
  let nodes = hasNodes(policy) ? 1 : 0;
  if ((flags & MPOL_F_MEMS_ALLOWED) !== 0) {
    if ((flags & (MPOL_F_NODE | MPOL_F_ADDR)) !== 0) return -EINVAL;
    policy = 0;
    nodes = 1;
  } else if ((flags & MPOL_F_ADDR) !== 0) {
    if (task.mm.vmas.find(addr) === null) return -EFAULT;
    if ((flags & MPOL_F_NODE) !== 0) policy = 0;
  } else if (addr !== 0) {
    return -EINVAL;
  } else if ((flags & MPOL_F_NODE) !== 0) {
    const mode = policy & ~MPOL_MODE_FLAGS;
    if (mode !== MPOL_INTERLEAVE && mode !== MPOL_WEIGHTED_INTERLEAVE) return -EINVAL;
    policy = 0;
  }
  const out = args.u64(0);
  if (out !== 0 && task.mm.store32(out, policy) < 0) return -EFAULT;
  return nmask === 0 ? 0 : writeNodes(task, nmask, maxnode, nodes);
}

function hasNodes(policy: number): boolean {
  const mode = policy & ~MPOL_MODE_FLAGS;
  return mode !== MPOL_DEFAULT && mode !== MPOL_LOCAL;
}

function writeNodes(task: Task, addr: number, maxnode: number, nodes: number): number {
  const length = Math.ceil((maxnode - 1) / 64) * 8;
  if (length > PAGE) return -EINVAL;
  mask.fill(0, 0, length);
  mask[0] = nodes;
  return task.mm.copyOut(addr, mask, 0, length);
}

/** mbind(2). */
function sysMbind(task: Task, args: SyscallArgs): number {
  const start = args.u64(0);
  const word = args.i32(2);
  const flags = args.u32(5);
  let r = checkMode(word);
  if (r < 0) return r;
  const nodes = readNodes(task, args.u64(3), args.u64(4));
  if (nodes < 0) return nodes;
  if ((flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0) return -EINVAL;
  if ((flags & MPOL_MF_MOVE_ALL) !== 0 && !task.cred.capable(CAP_SYS_NICE)) return -EPERM;
  if (start % PAGE !== 0) return -EINVAL;
  const end = start + pageCeil(args.u64(1));
  if (end >= 2 ** 64) return -EINVAL;
  if (end === start) return 0;
  r = checkPolicy(word, nodes);
  if (r < 0) return r;
  for (let at = start; at < end; ) {
    const vma = task.mm.vmas.find(at);
    if (vma === null) return -EFAULT;
    at = vma.end;
  }
  return 0;
}

const MODES = {
  flags: { MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES, MPOL_F_NUMA_BALANCING },
  base: {
    MPOL_DEFAULT,
    MPOL_PREFERRED,
    MPOL_BIND,
    MPOL_INTERLEAVE,
    MPOL_LOCAL,
    MPOL_PREFERRED_MANY,
    MPOL_WEIGHTED_INTERLEAVE,
  },
  baseMask: ~MPOL_MODE_FLAGS,
};

export const rows = [
  row(SYS_set_mempolicy, 'set_mempolicy', sysSetMempolicy, [MODES, 'ptr', 'ulong'], {
    support: 'partial',
    note: 'one node: every policy is met by it',
  }),
  row(
    SYS_get_mempolicy,
    'get_mempolicy',
    sysGetMempolicy,
    ['ptr', 'ptr', 'ulong', 'ptr', { flags: { MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED } }],
    { support: 'partial', note: 'one node; of an address the policy of the task is told' },
  ),
  row(
    SYS_mbind,
    'mbind',
    sysMbind,
    ['ptr', 'size', MODES, 'ptr', 'ulong', { flags: { MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL } }],
    { support: 'partial', note: 'one node: checked, and met by it; not remembered' },
  ),
];

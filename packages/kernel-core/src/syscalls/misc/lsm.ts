import {
  E2BIG,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  SYS_lsm_get_self_attr,
  SYS_lsm_list_modules,
  SYS_lsm_set_self_attr,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';

/** LSM_ID_CAPABILITY and LSM_ID_LANDLOCK: the security modules there are, in the order they are asked. */
const MODULES = [100, 110];
const LIST_SIZE = 8 * MODULES.length;
const CONTEXT_SIZE = 32;
const PAGE = 4096;
const LSM_FLAG_SINGLE = 1;

/** lsm_list_modules: how many ids were stored. E2BIG with the size that is needed, EFAULT, EINVAL. */
function sysLsmListModules(t: Task, a: SyscallArgs): number {
  if (a.u32(2) !== 0) return -EINVAL;
  const room = t.mm.load32(a.u64(1));
  if (room < 0 || t.mm.store32(a.u64(1), LIST_SIZE) < 0) return -EFAULT;
  if (room < LIST_SIZE) return -E2BIG;
  for (let i = 0; i < MODULES.length; i++) {
    if (t.mm.store64(a.u64(0) + 8 * i, MODULES[i]) < 0) return -EFAULT;
  }
  return MODULES.length;
}

/** lsm_get_self_attr: no module has attributes: EOPNOTSUPP, after EFAULT and EINVAL. */
function sysLsmGetSelfAttr(t: Task, a: SyscallArgs): number {
  const flags = a.u32(3);
  if (a.u32(0) === 0 || a.u64(2) === 0) return -EINVAL;
  if (t.mm.load32(a.u64(2)) < 0) return -EFAULT;
  if ((flags & ~LSM_FLAG_SINGLE) !== 0 || (flags !== 0 && a.u64(1) === 0)) return -EINVAL;
  return t.mm.store32(a.u64(2), 0) < 0 ? -EFAULT : -EOPNOTSUPP;
}

/** lsm_set_self_attr: likewise. */
function sysLsmSetSelfAttr(t: Task, a: SyscallArgs): number {
  const size = a.u32(2);
  if (a.u32(3) !== 0 || size < CONTEXT_SIZE) return -EINVAL;
  if (size > PAGE) return -E2BIG;
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(a.u64(1), scratch, 0, CONTEXT_SIZE) < 0) return -EFAULT;
  const length = scratchView.getUint32(16, true);
  const context = scratchView.getUint32(24, true);
  return size < length || length < context + CONTEXT_SIZE ? -EINVAL : -EOPNOTSUPP;
}

export const rows = [
  row(SYS_lsm_get_self_attr, 'lsm_get_self_attr', sysLsmGetSelfAttr, ['uint', 'ptr', 'ptr', 'uint'], {
    note: 'no security module has attributes',
  }),
  row(SYS_lsm_set_self_attr, 'lsm_set_self_attr', sysLsmSetSelfAttr, ['uint', 'ptr', 'uint', 'uint'], {
    note: 'no security module has attributes',
  }),
  row(SYS_lsm_list_modules, 'lsm_list_modules', sysLsmListModules, ['ptr', 'ptr', 'uint']),
];

import {
  _LINUX_CAPABILITY_VERSION_1,
  _LINUX_CAPABILITY_VERSION_2,
  _LINUX_CAPABILITY_VERSION_3,
  CAP_LAST_CAP,
  CAP_SETPCAP,
  EFAULT,
  EINVAL,
  EPERM,
  ESRCH,
  SYS_capget,
  SYS_capset,
  USER_CAP_DATA,
  USER_CAP_HEADER,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { commitCred } from '../../process/cred/change.js';
import type { Cred } from '../../process/cred/cred.js';
import { credOf } from '../../process/signal/permission.js';
import type { Task } from '../../process/task/task.js';

const VALID_HI = 2 ** (CAP_LAST_CAP - 31) - 1;

/**
 * Number of data structs of the header's version; -EFAULT, -EINVAL (after storing the version that is
 * understood).
 */
function readVersion(t: Task, header: number): number {
  const version = t.mm.load32(header + USER_CAP_HEADER.version);
  if (version < 0) return -EFAULT;
  if (version === _LINUX_CAPABILITY_VERSION_1) return 1;
  if (version === _LINUX_CAPABILITY_VERSION_2 || version === _LINUX_CAPABILITY_VERSION_3) return 2;
  if (t.mm.store32(header + USER_CAP_HEADER.version, _LINUX_CAPABILITY_VERSION_3) < 0) return -EFAULT;
  return -EINVAL;
}

function credOfPid(t: Task, pid: number): Cred | null {
  if (pid === 0) return t.cred;
  const { pids } = t;
  const task = pids.tasks.get(pid);
  if (task) return task.cred;
  const group = pids.processes.get(pid);
  return group ? credOf(group) : null;
}

/** capget(2): EFAULT, EINVAL, ESRCH. Without a data pointer it tells the version. */
function sysCapget(t: Task, a: SyscallArgs): number {
  const header = a.u64(0);
  const data = a.u64(1);
  const count = readVersion(t, header);
  if (data === 0 || count < 0) return data === 0 && (count === -EINVAL || count >= 0) ? 0 : count;
  const pid = t.mm.load32(header + USER_CAP_HEADER.pid);
  if (pid < 0) return -EFAULT;
  if (pid > 0x7fffffff) return -EINVAL;
  const cred = credOfPid(t, pid);
  if (!cred) return -ESRCH;
  const { scratch, scratchView } = t.kernel;
  scratchView.setUint32(USER_CAP_DATA.effective, cred.effectiveLo, true);
  scratchView.setUint32(USER_CAP_DATA.permitted, cred.permittedLo, true);
  scratchView.setUint32(USER_CAP_DATA.inheritable, cred.inheritableLo, true);
  const second = USER_CAP_DATA.SIZE;
  scratchView.setUint32(second + USER_CAP_DATA.effective, cred.effectiveHi, true);
  scratchView.setUint32(second + USER_CAP_DATA.permitted, cred.permittedHi, true);
  scratchView.setUint32(second + USER_CAP_DATA.inheritable, cred.inheritableHi, true);
  return t.mm.copyOut(data, scratch, 0, count * USER_CAP_DATA.SIZE);
}

/** Is the set a-lo/a-hi within b-lo/b-hi? */
function within(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return ((aLo & ~bLo) | (aHi & ~bHi)) === 0;
}

/** The rules of capset(2) (cap_capset). 0 or -EPERM. */
function checkCapset(next: Cred, old: Cred): number {
  const { inheritableLo: iLo, inheritableHi: iHi } = next;
  if (
    !old.has(CAP_SETPCAP) &&
    !within(iLo, iHi, old.inheritableLo | old.permittedLo, old.inheritableHi | old.permittedHi)
  ) {
    return -EPERM;
  }
  if (!within(iLo, iHi, old.inheritableLo | old.boundingLo, old.inheritableHi | old.boundingHi))
    return -EPERM;
  if (!within(next.permittedLo, next.permittedHi, old.permittedLo, old.permittedHi)) return -EPERM;
  if (!within(next.effectiveLo, next.effectiveHi, next.permittedLo, next.permittedHi)) return -EPERM;
  return 0;
}

/** capset(2): EFAULT, EINVAL, EPERM. */
function sysCapset(t: Task, a: SyscallArgs): number {
  const header = a.u64(0);
  const count = readVersion(t, header);
  if (count < 0) return count;
  const pid = t.mm.load32(header + USER_CAP_HEADER.pid);
  if (pid < 0) return -EFAULT;
  if (pid !== 0 && pid !== t.ownTid) return -EPERM;
  const { scratch, scratchView } = t.kernel;
  const second = USER_CAP_DATA.SIZE;
  scratch.fill(0, 0, 2 * second);
  if (t.mm.copyIn(a.u64(1), scratch, 0, count * second) < 0) return -EFAULT;
  const next = t.cred.clone();
  next.effectiveLo = scratchView.getUint32(USER_CAP_DATA.effective, true);
  next.permittedLo = scratchView.getUint32(USER_CAP_DATA.permitted, true);
  next.inheritableLo = scratchView.getUint32(USER_CAP_DATA.inheritable, true);
  next.effectiveHi = scratchView.getUint32(second + USER_CAP_DATA.effective, true) & VALID_HI;
  next.permittedHi = scratchView.getUint32(second + USER_CAP_DATA.permitted, true) & VALID_HI;
  next.inheritableHi = scratchView.getUint32(second + USER_CAP_DATA.inheritable, true) & VALID_HI;
  const r = checkCapset(next, t.cred);
  if (r < 0) return r;
  next.ambientLo = (next.ambientLo & next.permittedLo & next.inheritableLo) >>> 0;
  next.ambientHi = (next.ambientHi & next.permittedHi & next.inheritableHi) >>> 0;
  commitCred(t, next);
  return 0;
}

export const rows = [
  row(SYS_capget, 'capget', sysCapget, ['ptr', 'ptr']),
  row(SYS_capset, 'capset', sysCapset, ['ptr', 'ptr']),
];

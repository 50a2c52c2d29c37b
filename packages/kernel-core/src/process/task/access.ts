import { CAP_SYS_PTRACE, EPERM } from '@sandbox/abi';
import type { Cred } from '../cred/cred.js';
import type { Task } from './task.js';
import { TASK_ZOMBIE } from './task-state.js';

/**
 * May `task` look into or control `target` (ptrace(2), "Ptrace access mode checking")? `real`: by its real
 * ids (system calls), else by its file system ids (/proc). 0 or -EPERM.
 */
export function ptraceAccess(task: Task, target: Task, real: boolean): number {
  if (task.group === target.group) return 0;
  const it = target.cred;
  const r = task.cred.capableIn(it.userNs, CAP_SYS_PTRACE) ? 0 : accessByIds(task.cred, target, real);
  return r === 0 && !mayTraceInto(task, target) ? -EPERM : r;
}

/** A landlocked thread reaches only what is under its rulesets too. */
export function mayTraceInto(task: Task, target: Task): boolean {
  const { guard } = task.cred;
  return guard === null || target.cred.guard?.isWithin(guard) === true;
}

function accessByIds(me: Cred, target: Task, real: boolean): number {
  const it = target.cred;
  const uid = real ? me.uid : me.fsuid;
  const gid = real ? me.gid : me.fsgid;
  if (uid !== it.euid || uid !== it.suid || uid !== it.uid) return -EPERM;
  if (gid !== it.egid || gid !== it.sgid || gid !== it.gid) return -EPERM;
  if (target.state < TASK_ZOMBIE && target.group.dumpable !== 1) return -EPERM;
  // A target with capabilities the caller lacks, or in a namespace of its own, is out of reach
  // (cap_ptrace_access_check).
  if (it.userNs !== me.userNs) return -EPERM;
  const lacksLo = it.permittedLo & ~(real ? me.permittedLo : me.effectiveLo);
  const lacksHi = it.permittedHi & ~(real ? me.permittedHi : me.effectiveHi);
  return (lacksLo | lacksHi) === 0 ? 0 : -EPERM;
}

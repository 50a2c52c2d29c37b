import {
  CAP_SYS_ADMIN,
  CAP_SYS_NICE,
  EACCES,
  EINVAL,
  EPERM,
  ESRCH,
  IOPRIO_CLASS_BE,
  IOPRIO_CLASS_IDLE,
  IOPRIO_CLASS_NONE,
  IOPRIO_CLASS_RT,
  IOPRIO_CLASS_SHIFT,
  IOPRIO_NR_LEVELS,
  IOPRIO_WHO_PGRP,
  IOPRIO_WHO_PROCESS,
  IOPRIO_WHO_USER,
  PRIO_PGRP,
  PRIO_PROCESS,
  PRIO_USER,
  RLIMIT_NICE,
  SYS_getpriority,
  SYS_ioprio_get,
  SYS_ioprio_set,
  SYS_setpriority,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';

/**
 * The threads a (which, who) pair of setpriority(2) or ioprio_set(2) names. PRIO_* values; 0 means the
 * caller's own.
 */
function select(t: Task, which: number, who: number): Task[] {
  const { pids } = t;
  if (which === PRIO_PROCESS) {
    const target = who === 0 ? t : pids.tasks.get(who);
    return target ? [target] : [];
  }
  if (which === PRIO_PGRP) {
    const pgrp = who === 0 ? t.group.processGroup : pids.groups.get(who);
    return pgrp ? [...pgrp.members].flatMap((group) => group.tasks) : [];
  }
  const uid = who === 0 ? t.cred.uid : who >>> 0;
  return [...pids.tasks.values()].filter((target) => target.cred.uid === uid);
}

/** May `t` give a thread this nice value (can_nice)? */
export function canNice(t: Task, nice: number): boolean {
  return 20 - nice <= t.group.limits.soft[RLIMIT_NICE] || t.cred.capable(CAP_SYS_NICE);
}

/** getpriority(2): 20 - nice of the best, so that errors stay apart. EINVAL, ESRCH. */
function sysGetpriority(t: Task, a: SyscallArgs): number {
  const which = a.i32(0);
  if (which < PRIO_PROCESS || which > PRIO_USER) return -EINVAL;
  let best = -ESRCH;
  for (const target of select(t, which, a.i32(1))) best = Math.max(best, 20 - target.attributes.nice);
  return best;
}

function setNice(t: Task, target: Task, nice: number): number {
  const own = t.cred.euid;
  if (target.cred.uid !== own && target.cred.euid !== own && !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
  if (nice < target.attributes.nice && !canNice(t, nice)) return -EACCES;
  target.attributes.nice = nice;
  return 0;
}

/** setpriority(2): EACCES, EINVAL, EPERM, ESRCH. */
function sysSetpriority(t: Task, a: SyscallArgs): number {
  const which = a.i32(0);
  if (which < PRIO_PROCESS || which > PRIO_USER) return -EINVAL;
  const nice = Math.max(-20, Math.min(19, a.i32(2)));
  let result = -ESRCH;
  for (const target of select(t, which, a.i32(1))) {
    const r = setNice(t, target, nice);
    if (r < 0) result = r;
    else if (result === -ESRCH) result = 0;
  }
  return result;
}

/** ioprio_set counts from 1 what setpriority counts from 0. */
function ioWhich(which: number): number {
  if (which === IOPRIO_WHO_PROCESS) return PRIO_PROCESS;
  if (which === IOPRIO_WHO_PGRP) return PRIO_PGRP;
  return which === IOPRIO_WHO_USER ? PRIO_USER : -1;
}

/** ioprio_check_cap: EINVAL, EPERM. */
export function checkIoprio(t: Task, ioprio: number): number {
  const level = ioprio & 7;
  switch (ioprio >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_RT:
      if (!t.cred.capable(CAP_SYS_ADMIN) && !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
      return level >= IOPRIO_NR_LEVELS ? -EINVAL : 0;
    case IOPRIO_CLASS_BE:
      return level >= IOPRIO_NR_LEVELS ? -EINVAL : 0;
    case IOPRIO_CLASS_IDLE:
      return 0;
    case IOPRIO_CLASS_NONE:
      return level !== 0 ? -EINVAL : 0;
    default:
      return -EINVAL;
  }
}

/** ioprio_set(2): EINVAL, EPERM, ESRCH. */
function sysIoprioSet(t: Task, a: SyscallArgs): number {
  const ioprio = a.i32(2);
  const check = checkIoprio(t, ioprio);
  if (check < 0) return check;
  const which = ioWhich(a.i32(0));
  if (which < 0) return -EINVAL;
  let result = -ESRCH;
  for (const target of select(t, which, a.i32(1))) {
    const { uid, euid } = target.cred;
    if (uid !== t.cred.euid && euid !== t.cred.uid && !t.cred.capable(CAP_SYS_NICE)) return -EPERM;
    target.attributes.ioprio = ioprio;
    result = 0;
  }
  return result;
}

/** ioprio_get(2): the highest of those named. EINVAL, ESRCH. */
function sysIoprioGet(t: Task, a: SyscallArgs): number {
  const which = ioWhich(a.i32(0));
  if (which < 0) return -EINVAL;
  let best = -ESRCH;
  for (const target of select(t, which, a.i32(1))) {
    const value = target.attributes.ioprio;
    best = best <= 0 || value === 0 ? Math.max(best, value) : Math.min(best, value);
  }
  return best;
}

const recorded = { support: 'partial', note: 'recorded; guests run on the host scheduler' } as const;

export const rows = [
  row(SYS_getpriority, 'getpriority', sysGetpriority, ['int', 'int']),
  row(SYS_setpriority, 'setpriority', sysSetpriority, ['int', 'int', 'int'], recorded),
  row(SYS_ioprio_set, 'ioprio_set', sysIoprioSet, ['int', 'int', 'int'], recorded),
  row(SYS_ioprio_get, 'ioprio_get', sysIoprioGet, ['int', 'int']),
];

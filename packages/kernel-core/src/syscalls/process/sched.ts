import {
  E2BIG,
  EFAULT,
  EINVAL,
  ESRCH,
  SCHED_ATTR,
  SCHED_ATTR_SIZE_VER0,
  SCHED_ATTR_SIZE_VER1,
  SCHED_BATCH,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_FLAG_ALL,
  SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_KEEP_POLICY,
  SCHED_FLAG_RESET_ON_FORK,
  SCHED_FLAG_UTIL_CLAMP,
  SCHED_IDLE,
  SCHED_NORMAL,
  SCHED_RESET_ON_FORK,
  SCHED_RR,
  SYS_sched_get_priority_max,
  SYS_sched_get_priority_min,
  SYS_sched_getattr,
  SYS_sched_getparam,
  SYS_sched_getscheduler,
  SYS_sched_rr_get_interval,
  SYS_sched_setattr,
  SYS_sched_setparam,
  SYS_sched_setscheduler,
  SYS_sched_yield,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { copyStructIn } from '../../mm/extensible.js';
import { intervalOf, SCHED_FLAG_SUGOV, SchedRequest, schedule, sliceOf } from '../../process/task/sched.js';
import type { Task } from '../../process/task/task.js';
import { writeTimespec } from '../../process/time/timespec.js';

const PAGE_SIZE = 4096;

const req = new SchedRequest();

function isRealtime(policy: number): boolean {
  return policy === SCHED_FIFO || policy === SCHED_RR;
}

/** The thread `pid`, the caller for 0; -ESRCH. `negative`: what a negative number answers. */
export function findTask(t: Task, pid: number, negative = -EINVAL): Task | number {
  if (pid < 0) return negative;
  if (pid === 0) return t;
  return t.pids.tasks.get(pid) ?? -ESRCH;
}

/** sched_yield(2). The threads of a guest are scheduled by the host: there is none of ours to run first. */
function sysSchedYield(_t: Task, _a: SyscallArgs): number {
  return 0;
}

/** `policy` -1 keeps it (sched_setparam). */
function setScheduler(t: Task, pid: number, policy: number, param: number): number {
  if (param === 0 || pid < 0) return -EINVAL;
  const priority = t.mm.load32(param);
  if (priority < 0) return -EFAULT;
  const target = findTask(t, pid);
  if (typeof target === 'number') return target;
  req.from(target.attributes);
  if (policy >= 0) {
    req.resetOnFork = (policy & SCHED_RESET_ON_FORK) !== 0;
    req.policy = policy & ~SCHED_RESET_ON_FORK;
  }
  req.priority = priority | 0;
  return schedule(t, target, req);
}

/** sched_setscheduler(2): EFAULT, EINVAL, EPERM, ESRCH. */
function sysSchedSetscheduler(t: Task, a: SyscallArgs): number {
  const policy = a.i32(1);
  return policy < 0 ? -EINVAL : setScheduler(t, a.i32(0), policy, a.u64(2));
}

/** sched_setparam(2): EFAULT, EINVAL, EPERM, ESRCH. */
function sysSchedSetparam(t: Task, a: SyscallArgs): number {
  return setScheduler(t, a.i32(0), -1, a.u64(1));
}

/** sched_getscheduler(2): EINVAL, ESRCH. */
function sysSchedGetscheduler(t: Task, a: SyscallArgs): number {
  const target = findTask(t, a.i32(0));
  if (typeof target === 'number') return target;
  return target.attributes.policy | (target.attributes.resetOnFork ? SCHED_RESET_ON_FORK : 0);
}

/** sched_getparam(2): EFAULT, EINVAL, ESRCH. */
function sysSchedGetparam(t: Task, a: SyscallArgs): number {
  const param = a.u64(1);
  if (param === 0) return -EINVAL;
  const target = findTask(t, a.i32(0));
  if (typeof target === 'number') return target;
  return t.mm.store32(param, target.attributes.rtPriority);
}

/** sched_get_priority_max(2), sched_get_priority_min(2): EINVAL. */
function priorityRange(policy: number, realtime: number): number {
  if (isRealtime(policy)) return realtime;
  const known = policy === SCHED_NORMAL || policy === SCHED_BATCH || policy === SCHED_IDLE;
  return known || policy === SCHED_DEADLINE ? 0 : -EINVAL;
}

function sysSchedGetPriorityMax(_t: Task, a: SyscallArgs): number {
  return priorityRange(a.i32(0), 99);
}

function sysSchedGetPriorityMin(_t: Task, a: SyscallArgs): number {
  return priorityRange(a.i32(0), 1);
}

/** sched_rr_get_interval(2): EFAULT, EINVAL, ESRCH. */
function sysSchedRrGetInterval(t: Task, a: SyscallArgs): number {
  const target = findTask(t, a.i32(0));
  if (typeof target === 'number') return target;
  return writeTimespec(t.mm, a.u64(1), 0, intervalOf(target));
}

/**
 * struct sched_attr into the scratch area. 0, -EFAULT, -EINVAL, -E2BIG (with the known size stored in the
 * guest's struct).
 */
function copyAttr(t: Task, address: number): number {
  const { scratch } = t.kernel;
  const given = t.mm.load32(address + SCHED_ATTR.size);
  if (given < 0) return -EFAULT;
  const size = given === 0 ? SCHED_ATTR_SIZE_VER0 : given;
  const fits = size >= SCHED_ATTR_SIZE_VER0 && size <= PAGE_SIZE;
  const r = fits ? copyStructIn(t.mm, address, size, scratch, SCHED_ATTR.SIZE) : -E2BIG;
  if (r === -E2BIG) t.mm.store32(address + SCHED_ATTR.size, SCHED_ATTR.SIZE);
  if (r !== 0) return r;
  const clamps = (scratch[SCHED_ATTR.sched_flags] & SCHED_FLAG_UTIL_CLAMP) !== 0;
  return clamps && size < SCHED_ATTR_SIZE_VER1 ? -EINVAL : 0;
}

const KNOWN_ATTR_FLAGS = SCHED_FLAG_ALL | SCHED_FLAG_SUGOV;

/** A u64 of the struct; inexact above 2^53. */
function load64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 4294967296;
}

/**
 * sched_setattr(2): E2BIG, EBUSY (SCHED_DEADLINE), EFAULT, EINVAL, EOPNOTSUPP (utilization clamps), EPERM,
 * ESRCH.
 */
function sysSchedSetattr(t: Task, a: SyscallArgs): number {
  const pid = a.i32(0);
  const address = a.u64(1);
  if (address === 0 || pid < 0 || a.u32(2) !== 0) return -EINVAL;
  const r = copyAttr(t, address);
  if (r < 0) return r;
  const view = t.kernel.scratchView;
  const policy = view.getInt32(SCHED_ATTR.sched_policy, true);
  const flags = view.getUint32(SCHED_ATTR.sched_flags, true);
  const flagsHi = view.getUint32(SCHED_ATTR.sched_flags + 4, true);
  if (policy < 0) return -EINVAL;
  const target = findTask(t, pid);
  if (typeof target === 'number') return target;
  req.from(target.attributes);
  if ((flags & SCHED_FLAG_KEEP_POLICY) === 0) {
    req.policy = policy;
    req.resetOnFork = (flags & SCHED_FLAG_RESET_ON_FORK) !== 0;
  }
  // Of the parameters those are kept that mean something to the policy in force; others are taken all the
  // same.
  const keeps = (flags & SCHED_FLAG_KEEP_PARAMS) !== 0;
  const realtime = isRealtime(target.attributes.policy);
  if (!keeps || !realtime) req.priority = view.getUint32(SCHED_ATTR.sched_priority, true);
  if (!keeps || realtime) {
    req.nice = Math.max(-20, Math.min(19, view.getInt32(SCHED_ATTR.sched_nice, true)));
    req.runtime = load64(view, SCHED_ATTR.sched_runtime);
  }
  req.deadline = load64(view, SCHED_ATTR.sched_deadline);
  req.period = load64(view, SCHED_ATTR.sched_period);
  if ((flags & ~KNOWN_ATTR_FLAGS) !== 0 || flagsHi !== 0) return -EINVAL;
  req.flags = flags;
  return schedule(t, target, req);
}

/** sched_getattr(2): EFAULT, EINVAL, ESRCH. */
function sysSchedGetattr(t: Task, a: SyscallArgs): number {
  const address = a.u64(1);
  const size = a.u32(2);
  const pid = a.i32(0);
  if (address === 0 || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || a.u32(3) !== 0) {
    return -EINVAL;
  }
  const target = findTask(t, pid);
  if (typeof target === 'number') return target;
  const { scratch, scratchView } = t.kernel;
  const { policy, nice, rtPriority, resetOnFork } = target.attributes;
  scratch.fill(0, 0, PAGE_SIZE);
  scratchView.setUint32(SCHED_ATTR.size, Math.min(size, SCHED_ATTR.SIZE), true);
  scratchView.setUint32(SCHED_ATTR.sched_policy, policy, true);
  scratchView.setUint32(SCHED_ATTR.sched_flags, resetOnFork ? SCHED_FLAG_RESET_ON_FORK : 0, true);
  if (isRealtime(policy)) scratchView.setUint32(SCHED_ATTR.sched_priority, rtPriority, true);
  else {
    scratchView.setInt32(SCHED_ATTR.sched_nice, nice, true);
    scratchView.setUint32(SCHED_ATTR.sched_runtime, sliceOf(target), true);
  }
  return t.mm.copyOut(address, scratch, 0, size);
}

const recorded = { support: 'partial', note: 'recorded; guests run on the host scheduler' } as const;
const noDeadline = {
  support: 'partial',
  note: 'recorded; guests run on the host scheduler; SCHED_DEADLINE is not admitted (EBUSY), no utilization clamps',
} as const;

export const rows = [
  row(SYS_sched_yield, 'sched_yield', sysSchedYield, []),
  row(SYS_sched_setscheduler, 'sched_setscheduler', sysSchedSetscheduler, ['pid', 'int', 'ptr'], recorded),
  row(SYS_sched_getscheduler, 'sched_getscheduler', sysSchedGetscheduler, ['pid']),
  row(SYS_sched_setparam, 'sched_setparam', sysSchedSetparam, ['pid', 'ptr'], recorded),
  row(SYS_sched_getparam, 'sched_getparam', sysSchedGetparam, ['pid', 'ptr']),
  row(SYS_sched_get_priority_max, 'sched_get_priority_max', sysSchedGetPriorityMax, ['int']),
  row(SYS_sched_get_priority_min, 'sched_get_priority_min', sysSchedGetPriorityMin, ['int']),
  row(SYS_sched_rr_get_interval, 'sched_rr_get_interval', sysSchedRrGetInterval, ['pid', 'ptr']),
  row(SYS_sched_setattr, 'sched_setattr', sysSchedSetattr, ['pid', 'ptr', 'uint'], noDeadline),
  row(SYS_sched_getattr, 'sched_getattr', sysSchedGetattr, ['pid', 'ptr', 'uint', 'uint']),
];

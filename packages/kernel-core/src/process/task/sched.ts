import {
  CAP_SYS_NICE,
  EBUSY,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  RLIMIT_NICE,
  RLIMIT_RTPRIO,
  SCHED_BATCH,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_UTIL_CLAMP,
  SCHED_IDLE,
  SCHED_NORMAL,
  SCHED_RR,
} from '@sandbox/abi';
import type { TaskAttributes } from './attributes.js';
import type { Task } from './task.js';

const MAX_RT_PRIO = 99;
/** Slices a program may choose, ns. */
const SLICE_MIN = 100_000;
const SLICE_MAX = 100_000_000;
/** ns: DL_SCALE, sched_deadline_period_min_us and sched_deadline_period_max_us. */
const DEADLINE_RUNTIME_MIN = 1024;
const DEADLINE_PERIOD_MIN = 100_000;
const DEADLINE_PERIOD_MAX = 4_194_304_000;
/** Of the kernel's own frequency governor. */
export const SCHED_FLAG_SUGOV = 0x10000000;
/** ns; times one and the binary logarithm of the number of processors (Linux: sysctl_sched_base_slice). */
const BASE_SLICE = 700_000;
/** ns between two ticks of the scheduler. */
const TICK = 4_000_000;
/** ns: RR_TIMESLICE. */
const RR_TIMESLICE = 100_000_000;

/** What a program asks of the scheduler for one thread (sched(7)). */
export class SchedRequest {
  policy = 0;
  nice = 0;
  /** Static priority. */
  priority = 0;
  resetOnFork = false;
  /** sched_attr's flags, each of them; a flag that is not known is refused. */
  flags = 0;
  /**
   * sched_attr's `sched_runtime`, ns: the slice of a fair policy (0: the default one), the budget of
   * SCHED_DEADLINE.
   */
  runtime = 0;
  /** ns; of SCHED_DEADLINE. */
  deadline = 0;
  /** ns; of SCHED_DEADLINE; 0: the deadline. */
  period = 0;

  /** What is in force. */
  from(attributes: TaskAttributes): void {
    this.policy = attributes.policy;
    this.nice = attributes.nice;
    this.priority = attributes.rtPriority;
    this.resetOnFork = attributes.resetOnFork;
    this.flags = 0;
    this.runtime = attributes.slice;
    this.deadline = 0;
    this.period = 0;
  }
}

function isFair(policy: number): boolean {
  return policy === SCHED_NORMAL || policy === SCHED_BATCH;
}

function isRealtime(policy: number): boolean {
  return policy === SCHED_FIFO || policy === SCHED_RR;
}

/**
 * May a budget be of this kind at all (Linux: __checkparam_dl)? Numbers past 2^53 are inexact and refused
 * either way.
 */
function isDeadline(req: SchedRequest): boolean {
  const period = req.period === 0 ? req.deadline : req.period;
  if (req.deadline === 0 || req.runtime < DEADLINE_RUNTIME_MIN) return false;
  if (period < req.deadline || req.deadline < req.runtime) return false;
  return period >= DEADLINE_PERIOD_MIN && period <= DEADLINE_PERIOD_MAX;
}

/**
 * Check and record (Linux: __sched_setscheduler). EINVAL (policy, priority), EPERM, EOPNOTSUPP (clamps),
 * EBUSY (SCHED_DEADLINE: no bandwidth can be promised).
 */
export function schedule(task: Task, target: Task, req: SchedRequest): number {
  const { policy } = req;
  const known = isFair(policy) || isRealtime(policy) || policy === SCHED_IDLE || policy === SCHED_DEADLINE;
  if (!known || req.priority > MAX_RT_PRIO || req.priority < 0) return -EINVAL;
  const ofGovernor = (req.flags & SCHED_FLAG_SUGOV) !== 0;
  if (policy === SCHED_DEADLINE && !ofGovernor && !isDeadline(req)) return -EINVAL;
  if (isRealtime(policy) !== (req.priority !== 0)) return -EINVAL;
  if (needsPrivilege(task, target, req) && !task.cred.capable(CAP_SYS_NICE)) return -EPERM;
  if (ofGovernor) return -EINVAL;
  if ((req.flags & SCHED_FLAG_UTIL_CLAMP) !== 0) return -EOPNOTSUPP;
  if (policy === SCHED_DEADLINE) return -EBUSY;
  const { attributes } = target;
  attributes.resetOnFork = req.resetOnFork;
  // The policy counts as one of the parameters (Linux: __setscheduler_params).
  if ((req.flags & SCHED_FLAG_KEEP_PARAMS) !== 0) return 0;
  attributes.policy = policy;
  attributes.rtPriority = req.priority;
  if (isFair(policy)) {
    attributes.nice = req.nice;
    attributes.slice = req.runtime === 0 ? 0 : Math.max(SLICE_MIN, Math.min(SLICE_MAX, req.runtime));
  }
  return 0;
}

/** What an unprivileged program may not do (user_check_sched_setscheduler). */
function needsPrivilege(task: Task, target: Task, req: SchedRequest): boolean {
  const now = target.attributes;
  const limits = target.group.limits.soft;
  const niceLimit = limits[RLIMIT_NICE];
  if (isFair(req.policy) && req.nice < now.nice && 20 - req.nice > niceLimit) return true;
  if (isRealtime(req.policy)) {
    if (req.policy !== now.policy && limits[RLIMIT_RTPRIO] === 0) return true;
    if (req.priority > now.rtPriority && req.priority > limits[RLIMIT_RTPRIO]) return true;
  }
  if (req.policy === SCHED_DEADLINE) return true;
  // Leaving SCHED_IDLE is a rise.
  if (now.policy === SCHED_IDLE && req.policy !== SCHED_IDLE && 20 - now.nice > niceLimit) return true;
  const own = task.cred.euid;
  if (own !== target.cred.euid && own !== target.cred.uid) return true;
  return now.resetOnFork && !req.resetOnFork;
}

/** The slice of a fair policy, ns. */
export function sliceOf(task: Task): number {
  const cpus = Math.min(8, task.kernel.cpus);
  return task.attributes.slice || BASE_SLICE * (32 - Math.clz32(cpus));
}

/** What sched_rr_get_interval(2) tells, ns: 0 for SCHED_FIFO; a fair policy's slice in whole ticks. */
export function intervalOf(task: Task): number {
  const { policy } = task.attributes;
  if (policy === SCHED_RR) return RR_TIMESLICE;
  return policy === SCHED_FIFO ? 0 : Math.floor(sliceOf(task) / TICK) * TICK;
}

function firstCpu(mask: number): number {
  return mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
}

/**
 * The CPU a thread with restartable sequences has, else the first it may use: where on the host a guest runs
 * is not the guest's business.
 */
export function currentCpu(task: Task): number {
  const { rseq } = task;
  return rseq !== null && rseq.cpu >= 0 ? rseq.cpu : firstCpu(task.attributes.affinity);
}

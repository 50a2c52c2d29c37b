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
  SCHED_IDLE,
  SCHED_NORMAL,
  SCHED_RR,
} from '@sandbox/abi';
import type { TaskAttributes } from './attributes.js';
import type { Task } from './task.js';

const MAX_RT_PRIO = 99;

/** What a program asks of the scheduler for one thread (sched(7)). */
export class SchedRequest {
  policy = 0;
  nice = 0;
  /** Static priority. */
  priority = 0;
  resetOnFork = false;
  /** Utilization clamps were asked for. */
  clamps = false;

  /** What is in force. */
  from(attributes: TaskAttributes): void {
    this.policy = attributes.policy;
    this.nice = attributes.nice;
    this.priority = attributes.rtPriority;
    this.resetOnFork = attributes.resetOnFork;
    this.clamps = false;
  }
}

function isFair(policy: number): boolean {
  return policy === SCHED_NORMAL || policy === SCHED_BATCH;
}

function isRealtime(policy: number): boolean {
  return policy === SCHED_FIFO || policy === SCHED_RR;
}

/**
 * Check and record (Linux: __sched_setscheduler). EINVAL (policy, priority), EPERM, EOPNOTSUPP (clamps),
 * EBUSY (SCHED_DEADLINE: no bandwidth can be promised).
 */
export function schedule(task: Task, target: Task, req: SchedRequest): number {
  const { policy } = req;
  const known = isFair(policy) || isRealtime(policy) || policy === SCHED_IDLE || policy === SCHED_DEADLINE;
  if (!known || req.priority > MAX_RT_PRIO || req.priority < 0) return -EINVAL;
  if (isRealtime(policy) !== (req.priority !== 0)) return -EINVAL;
  if (needsPrivilege(task, target, req) && !task.cred.capable(CAP_SYS_NICE)) return -EPERM;
  if (req.clamps) return -EOPNOTSUPP;
  if (policy === SCHED_DEADLINE) return -EBUSY;
  const { attributes } = target;
  attributes.policy = policy;
  attributes.rtPriority = req.priority;
  attributes.resetOnFork = req.resetOnFork;
  if (isFair(policy)) attributes.nice = req.nice;
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

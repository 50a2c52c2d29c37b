import {
  __WALL,
  __WCLONE,
  __WNOTHREAD,
  CLD_CONTINUED,
  CLD_STOPPED,
  CLD_TRAPPED,
  ECHILD,
  ERESTARTSYS,
  P_PGID,
  P_PID,
  POLLIN,
  SIGCHLD,
  SIGCONT,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WUNTRACED,
} from '@sandbox/abi';
import { type SigInfo, siginfo } from '../signal/siginfo.js';
import { describeExit, reap, takeTracee } from './exit.js';
import { addIo } from './io-accounting.js';
import { rusage } from './rusage.js';
import type { Task } from './task.js';
import { TASK_TRACED, TASK_ZOMBIE } from './task-state.js';
import type { ThreadGroup } from './thread-group.js';

/** Wait status of a continued child. */
const CONTINUED_STATUS = 0xffff;

/** What a wait is for: P_ALL; P_PID with a process; P_PGID with a number. */
export interface WaitTarget {
  type: number;
  id: number;
  /** For P_PIDFD, resolved to P_PID: the very process, whose number may be another's by now. */
  group: ThreadGroup | null;
}

/**
 * What was found: the child's pid, its status as wait4 and as waitid tell it. `rusage` (rusage.ts) then holds
 * its usage.
 */
export class WaitResult {
  pid = 0;
  uid = 0;
  /** Wait status word. */
  status = 0;
  /** CLD_* and si_status. */
  code = 0;
  detail = 0;
}

/** Result of the last successful `waitForChild`: read at once. */
export const waitResult = new WaitResult();

/** Who waits: pids are told as it sees them. */
let viewer!: Task;

function groupNumber(task: Task, child: ThreadGroup): number {
  return task.pids.numberOf(child.processGroup.pgid, child.processGroup);
}

const description: SigInfo = siginfo(SIGCHLD, 0);

/**
 * wait4(2) and waitid(2): take one state change of a child. Its pid, with `waitResult` filled; 0 with WNOHANG
 * when there is none yet; BLOCKED or -ERESTARTSYS while waiting; -ECHILD when no child could ever match.
 */
export function waitForChild(task: Task, target: WaitTarget, options: number): number {
  const { group } = task;
  viewer = task;
  let hope = false;
  for (const tracer of group.tasks) {
    if (tracer.tracees.length === 0 || ((options & __WNOTHREAD) !== 0 && tracer !== task)) continue;
    for (const tracee of tracer.tracees) {
      if (!isWanted(task, tracee, target)) continue;
      const r = considerTracee(tracer, tracee, options);
      if (r > 0) return r;
      hope = true;
    }
  }
  for (const child of group.children) {
    if (!isEligible(task, child, target, options)) continue;
    const traced = child.leader.tracee !== null;
    // The tracer comes first; when that is this process, it has been considered.
    if (traced && (child.zombie || child.leader.tracee!.tracer.group === group)) {
      hope = true;
      continue;
    }
    if (child.zombie) {
      if ((options & WEXITED) !== 0) return takeExited(group, child, options);
      continue;
    }
    hope = true;
    if ((options & WUNTRACED) !== 0 && takeStopped(child, options)) return waitResult.pid;
    if ((options & WCONTINUED) !== 0 && takeContinued(child, options)) return waitResult.pid;
  }
  if (!hope) return -ECHILD;
  if ((options & WNOHANG) !== 0) return 0;
  return task.sleep(group.childQueue, POLLIN, -ERESTARTSYS);
}

/** Is a tracee, whatever child it is, among those waited for? */
function isWanted(task: Task, tracee: Task, target: WaitTarget): boolean {
  if (target.type === P_PID) {
    return target.group !== null ? tracee === target.group.leader : tracee.tidFor(task) === target.id;
  }
  return target.type !== P_PGID || groupNumber(task, tracee.group) === target.id;
}

/**
 * Take a tracee's stop or end, if there is one to take: its id, else 0. Stops are reported whether asked for
 * or not.
 */
function considerTracee(tracer: Task, tracee: Task, options: number): number {
  const { group } = tracee;
  if (tracee.state === TASK_ZOMBIE) {
    // A leader whose other threads live has not ended yet.
    if ((options & WEXITED) === 0 || (tracee === group.leader && !group.zombie)) return 0;
    return takeEndedTracee(tracer, tracee, options);
  }
  const state = tracee.tracee!;
  if (tracee.state === TASK_TRACED && !state.listening) {
    if (!state.unreported) return 0;
    if ((options & WNOWAIT) === 0) state.unreported = false;
    describeTask(tracer, tracee, (state.code << 8) | 0x7f, CLD_TRAPPED, state.code);
    return waitResult.pid;
  }
  if (group.parent !== tracer.group) return 0;
  if ((options & WUNTRACED) !== 0 && takeStopped(group, options)) return waitResult.pid;
  return (options & WCONTINUED) !== 0 && takeContinued(group, options) ? waitResult.pid : 0;
}

function takeEndedTracee(tracer: Task, tracee: Task, options: number): number {
  const { group } = tracee;
  const isLeader = tracee === group.leader;
  const status = isLeader ? group.exitStatus : tracee.exitCode;
  if (isLeader && group.parent === tracer.group) {
    describeExit(description, status);
    describe(group, status, description.code, description.status);
    if ((options & WNOWAIT) !== 0) return waitResult.pid;
    bookChild(tracer.group, group);
  } else {
    describeExit(description, status);
    describeTask(tracer, tracee, status, description.code, description.status);
    if ((options & WNOWAIT) !== 0) return waitResult.pid;
  }
  const { pid } = waitResult;
  takeTracee(tracee, tracer);
  return pid;
}

function describeTask(tracer: Task, tracee: Task, status: number, code: number, detail: number): void {
  waitResult.pid = tracee.tidFor(tracer);
  waitResult.uid = tracee.cred.uid;
  waitResult.status = status;
  waitResult.code = code;
  waitResult.detail = detail;
  rusage.clear().addProcess(tracee.group);
}

function isEligible(task: Task, child: ThreadGroup, target: WaitTarget, options: number): boolean {
  if (target.type === P_PID && (target.group ? child !== target.group : child.pidFor(task) !== target.id))
    return false;
  if (target.type === P_PGID && groupNumber(task, child) !== target.id) return false;
  if ((options & __WNOTHREAD) !== 0 && child.creator !== task) return false;
  if ((options & __WALL) !== 0) return true;
  // "Clone children" are those whose end is not announced by SIGCHLD.
  return (child.exitSignal !== SIGCHLD) === ((options & __WCLONE) !== 0);
}

function describe(child: ThreadGroup, status: number, code: number, detail: number): void {
  waitResult.pid = child.pidFor(viewer);
  waitResult.uid = child.leader.cred.uid;
  waitResult.status = status;
  waitResult.code = code;
  waitResult.detail = detail;
  rusage.clear().addProcess(child).addChildren(child);
}

function takeExited(parent: ThreadGroup, child: ThreadGroup, options: number): number {
  describeExit(description, child.exitStatus);
  describe(child, child.exitStatus, description.code, description.status);
  const { pid } = waitResult;
  if ((options & WNOWAIT) !== 0) return pid;
  bookChild(parent, child);
  reap(child);
  return pid;
}

function bookChild(parent: ThreadGroup, child: ThreadGroup): void {
  parent.childUtime += child.deadUtime + child.childUtime;
  parent.childStime += child.deadStime + child.childStime;
  parent.childUsage.add(child.dead);
  parent.childUsage.add(child.childUsage);
  addIo(parent.pastIo, child.pastIo);
}

function takeStopped(child: ThreadGroup, options: number): boolean {
  const shared = child.signals;
  if (!shared.stopped || shared.stopReport === 0) return false;
  const sig = shared.stopReport;
  if ((options & WNOWAIT) === 0) shared.stopReport = 0;
  describe(child, (sig << 8) | 0x7f, CLD_STOPPED, sig);
  return true;
}

function takeContinued(child: ThreadGroup, options: number): boolean {
  const shared = child.signals;
  if (!shared.continueReport) return false;
  if ((options & WNOWAIT) === 0) shared.continueReport = false;
  describe(child, CONTINUED_STATUS, CLD_CONTINUED, SIGCONT);
  return true;
}

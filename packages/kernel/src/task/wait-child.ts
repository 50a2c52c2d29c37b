import {
  __WALL,
  __WCLONE,
  __WNOTHREAD,
  CLD_CONTINUED,
  CLD_STOPPED,
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
import { describeExit, reap } from './exit.js';
import { rusage } from './rusage.js';
import type { Task } from './task.js';
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

/** What was found: the child's pid, its status as wait4 and as waitid tell it. `rusage` (rusage.ts) then holds its usage. */
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

const description: SigInfo = siginfo(SIGCHLD, 0);

/**
 * wait4(2) and waitid(2): take one state change of a child. Its pid, with `waitResult` filled; 0 with WNOHANG when there is
 * none yet; BLOCKED or -ERESTARTSYS while waiting; -ECHILD when no child could ever match.
 */
export function waitForChild(task: Task, target: WaitTarget, options: number): number {
  const { group } = task;
  let hope = false;
  for (const child of group.children) {
    if (!isEligible(task, child, target, options)) continue;
    if (child.zombie) {
      if ((options & WEXITED) !== 0) return takeExited(group, child, options);
      continue;
    }
    hope = true;
    if ((options & WUNTRACED) !== 0 && takeStopped(child, options)) return child.pid;
    if ((options & WCONTINUED) !== 0 && takeContinued(child, options)) return child.pid;
  }
  if (!hope) return -ECHILD;
  if ((options & WNOHANG) !== 0) return 0;
  return task.sleep(group.childQueue, POLLIN, -ERESTARTSYS);
}

function isEligible(task: Task, child: ThreadGroup, target: WaitTarget, options: number): boolean {
  if (target.type === P_PID && (target.group ? child !== target.group : child.pid !== target.id))
    return false;
  if (target.type === P_PGID && child.processGroup.pgid !== target.id) return false;
  if ((options & __WNOTHREAD) !== 0 && child.creator !== task) return false;
  if ((options & __WALL) !== 0) return true;
  // "Clone children" are those whose end is not announced by SIGCHLD.
  return (child.exitSignal !== SIGCHLD) === ((options & __WCLONE) !== 0);
}

function describe(child: ThreadGroup, status: number, code: number, detail: number): void {
  waitResult.pid = child.pid;
  waitResult.uid = child.leader.cred.uid;
  waitResult.status = status;
  waitResult.code = code;
  waitResult.detail = detail;
  rusage.clear().addProcess(child).addChildren(child);
}

function takeExited(parent: ThreadGroup, child: ThreadGroup, options: number): number {
  describeExit(description, child.exitStatus);
  describe(child, child.exitStatus, description.code, description.status);
  if ((options & WNOWAIT) !== 0) return child.pid;
  parent.childUtime += child.deadUtime + child.childUtime;
  parent.childStime += child.deadStime + child.childStime;
  parent.childUsage.add(child.dead);
  parent.childUsage.add(child.childUsage);
  reap(child);
  return child.pid;
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
